// Goal: no text escapes the eavesdropper, wherever chunks end.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Wiretap } from './wiretap.ts'

const way = { from: 1, to: 2, dialler: 1, connection: 1 }
const other = { from: 2, to: 1, dialler: 1, connection: 1 }

test('a text is found in one piece and over several, on its own way alone', () => {
  for (const size of [1, 3, 7, 100]) {
    const tap = new Wiretap({ needles: [{ what: 'name', bytes: Buffer.from('secret') }] })
    const text = Buffer.from('noise secret noise')
    for (let at = 0; at < text.length; at += size) tap.hear(way, text.subarray(at, at + size))
    assert(tap.hits.length >= 1, `in pieces of ${size}`)
    assert.equal(tap.byteCount, text.length)
  }
  const tap = new Wiretap({ needles: [{ what: 'name', bytes: Buffer.from('secret') }] })
  tap.hear(way, Buffer.from('sec'))
  tap.hear(other, Buffer.from('ret'))
  assert.deepEqual(tap.hits, [])
})

test('the first bytes of each talk are kept, up to a bound', () => {
  const tap = new Wiretap({ needles: [], keptBytesMax: 8 })
  for (const text of ['abcd', 'efgh', 'ijkl']) tap.hear(way, Buffer.from(text))
  tap.hear({ ...way, connection: 2 }, Buffer.from('other'))
  const kept = tap.talks().map(({ heard, parts }) => [heard.connection, Buffer.concat(parts)])
  assert.deepEqual(kept, [
    [1, Buffer.from('abcdefgh')],
    [2, Buffer.from('other')],
  ])
})
