import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from './assert.ts'
import {
  compareBytes,
  compareText,
  concat,
  emptyBytes,
  equalBytes,
  fromHex,
  fromUtf8,
  parseBase32,
  parseHex,
  toBase32,
  toHex,
  utf8,
} from './bytes.ts'

const anyBytes = fc.uint8Array({ maxLength: 200 })
const wellFormed = fc.string({ unit: 'binary' })

test('hex: there and back, as Node writes it', () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      assert.equal(toHex(bytes), Buffer.from(bytes).toString('hex'))
      assert.deepEqual(parseHex(toHex(bytes)), bytes)
      assert.deepEqual(fromHex(toHex(bytes)), bytes)
    }),
  )
})

test('hex: of long bytes too, whose text is made in parts', () => {
  for (const length of [1_023, 1_024, 1_025, 2_048, 200_000]) {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 7) & 255)
    assert.equal(toHex(bytes), Buffer.from(bytes).toString('hex'))
  }
})

test('hex: only what toHex writes is read', () => {
  for (const text of ['0', 'abc', 'AB', 'aB', '0x', ' 0', '0g', '0/', '0:', '0`', '\u0660\u0661'])
    assert.equal(parseHex(text), undefined, text)
  assert.throws(() => fromHex('zz'), AssertionError)
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), (text) => {
      const bytes = parseHex(text)
      if (bytes !== undefined) assert.equal(toHex(bytes), text)
    }),
  )
})

test('base32: the known answers of RFC 4648, in lower case and without padding', () => {
  for (const [plain, encoded] of [
    ['', ''],
    ['f', 'my'],
    ['fo', 'mzxq'],
    ['foo', 'mzxw6'],
    ['foob', 'mzxw6yq'],
    ['fooba', 'mzxw6ytb'],
    ['foobar', 'mzxw6ytboi'],
  ] as const) {
    assert.equal(toBase32(utf8(plain)), encoded)
    assert.deepEqual(parseBase32(encoded), utf8(plain))
  }
})

test('base32: there and back; one text per byte string (canonical)', () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const text = toBase32(bytes)
      assert.match(text, /^[a-z2-7]*$/)
      assert.equal(text.length, Math.ceil((bytes.length * 8) / 5))
      assert.deepEqual(parseBase32(text), bytes)
    }),
  )
  const alphabet = fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz234567')
  fc.assert(
    fc.property(fc.string({ unit: alphabet, maxLength: 20 }), (text) => {
      const bytes = parseBase32(text)
      if (bytes !== undefined) assert.equal(toBase32(bytes), text)
    }),
  )
})

test('base32: other letters, cut groups and stray bits are refused', () => {
  for (const text of ['MY', 'm', 'mzx', 'mzxw6y', 'mz', 'my=', 'm1', 'm8', 'm0', 'mzxr', 'm\u00fd'])
    assert.equal(parseBase32(text), undefined, text)
})

test('utf8: well-formed text goes there and back, a byte-order mark included', () => {
  fc.assert(
    fc.property(wellFormed, (text) => {
      if (text.isWellFormed()) assert.equal(fromUtf8(utf8(text)), text)
    }),
  )
  assert.equal(fromUtf8(utf8('\ufeffx')), '\ufeffx')
  assert.equal(fromUtf8(emptyBytes), '')
})

test('utf8: what is not well-formed is undefined, never mended', () => {
  for (const hex of ['ff', 'c0af', 'c3', 'e282', 'eda080', 'f4908080', '80', '61ff62'])
    assert.equal(fromUtf8(fromHex(hex)), undefined, hex)
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const text = fromUtf8(bytes)
      if (text !== undefined) assert.deepEqual(utf8(text), bytes)
    }),
  )
})

test('concat: joins in order into memory of its own', () => {
  fc.assert(
    fc.property(fc.array(anyBytes, { maxLength: 8 }), (parts) => {
      const joined = concat(parts)
      assert.deepEqual(joined, Uint8Array.from(parts.flatMap((part) => [...part])))
      for (const part of parts) part.fill(1)
      assert.equal(joined.buffer.byteLength, joined.length)
    }),
  )
  const part = Uint8Array.of(1, 2)
  const joined = concat([part])
  part.fill(9)
  assert.deepEqual(joined, Uint8Array.of(1, 2))
})

test('compareBytes: the order that Buffer.compare gives; zero exactly for equal bytes', () => {
  fc.assert(
    fc.property(anyBytes, anyBytes, (a, b) => {
      assert.equal(Math.sign(compareBytes(a, b)), Buffer.compare(a, b))
      assert.equal(compareBytes(a, b) === 0, equalBytes(a, b))
      assert.equal(compareBytes(a, a.slice()), 0)
      assert.equal(equalBytes(a, a.slice()), true)
    }),
  )
  assert.ok(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0)) < 0)
  assert.ok(compareBytes(Uint8Array.of(255), Uint8Array.of(1, 0)) > 0)
})

test('compareBytes of bytes and compareText of their hexadecimal text agree', () => {
  fc.assert(
    fc.property(anyBytes, anyBytes, (a, b) => {
      assert.equal(Math.sign(compareBytes(a, b)), compareText(toHex(a), toHex(b)))
    }),
  )
})

test('compareText: by code units, whatever the locale', () => {
  assert.deepEqual(['\u00e4', 'z', 'Z', 'a', ''].sort(compareText), ['', 'Z', 'a', 'z', '\u00e4'])
  assert.equal(compareText('x', 'x'), 0)
})
