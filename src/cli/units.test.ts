import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  columns,
  formatBlock,
  formatBytes,
  formatRate,
  formatTime,
  parseCount,
  parseOffset,
  parseSeconds,
  parseSize,
  printable,
} from './units.ts'

test('units: bytes in steps of a thousand, never 1000 of one', () => {
  const cases: [number, string][] = [
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.0 kB'],
    [1_234_567, '1.2 MB'],
    [99_950, '100 kB'],
    [126_595_440, '127 MB'],
    [999_999, '1.0 MB'],
    [999_500_000, '1.0 GB'],
    [2 ** 50, '1.1 PB'],
    [2 ** 62, '4612 PB'],
  ]
  for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text)
})

test('units: rates, also of what took no time', () => {
  assert.equal(formatRate(5_000_000, 1_000), '5.0 MB/s')
  assert.equal(formatRate(5_000_000, 0), '5.0 MB/s')
})

test('units: block sizes in powers of two', () => {
  assert.deepEqual([4_096, 65_536, 4_194_304, 5_000].map(formatBlock), [
    '4 KiB',
    '64 KiB',
    '4 MiB',
    '5000 B',
  ])
})

test('units: sizes as people write them', () => {
  const cases: [string, number][] = [
    ['65536', 65_536],
    ['64K', 65_536],
    ['64KiB', 65_536],
    ['64kb', 65_536],
    ['1M', 1_048_576],
    ['1 MiB', 1_048_576],
    ['2g', 2_147_483_648],
  ]
  for (const [text, bytes] of cases) assert.equal(parseSize(text), bytes, text)
  for (const text of ['', 'K', '1T', '-1', '1.5K', '64KK', '0x10'])
    assert.throws(() => parseSize(text), text)
})

test('units: counts, offsets and seconds refuse what they are not', () => {
  assert.equal(parseCount('12'), 12)
  assert.equal(parseOffset('0'), 0)
  assert.equal(parseSeconds('0.5'), 500)
  for (const text of ['0', '-1', '1.5', 'x', '', '99999999999999999999'])
    assert.throws(() => parseCount(text), text)
  for (const text of ['-1', '', ' 0']) assert.throws(() => parseOffset(text), text)
  for (const text of ['0', '601', 'soon', '1e2', '']) assert.throws(() => parseSeconds(text), text)
})

test('units: names print as they are, unless they could command a terminal', () => {
  for (const name of ['plain', 'ümläut', '日本', '😀', 'with space'])
    assert.equal(printable(name), name)
  assert.equal(printable('a\u001b[31mb\n'), 'a\\u{1b}[31mb\\u{a}')
  assert.equal(printable('a\u202eb'), 'a\\u{202e}b')
})

test('units: columns line up; numbers to the right', () => {
  assert.deepEqual(
    columns(
      [
        ['a', '1', 'x'],
        ['bbb', '22', ''],
      ],
      [1],
    ),
    ['a     1  x', 'bbb  22'],
  )
  assert.deepEqual(columns([]), [])
})

test('units: times are local, to the minute', () => {
  assert.match(formatTime(0), /^(1970-01-01|1969-12-31) \d\d:\d\d$/)
})
