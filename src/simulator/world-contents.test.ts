import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { concat } from '../base/bytes.ts'
import { contentOf, recordBytes, recordOf, recordsIn, writtenIn } from './world-contents.ts'

test('a content says which write it is, and any other byte in it shows', () => {
  const value = fc.stringMatching(/^[a-z0-9.-]{1,20}$/)
  fc.assert(
    fc.property(
      value,
      fc.integer({ min: 64, max: 3_000 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (name, length, at, bits) => {
        const content = contentOf(name, length)
        assert.equal(content.length, length)
        assert.equal(writtenIn(content), name)
        const changed = content.slice()
        const place = at % changed.length
        changed[place] = (changed[place] ?? 0) ^ bits
        assert.notEqual(writtenIn(changed), name)
      },
    ),
  )
})

test('a mixture of two writes, a shorter and a longer one are none', () => {
  const [a, b] = [contentOf('client-1.1', 9_000), contentOf('client-2.1', 9_000)]
  assert.equal(writtenIn(a), 'client-1.1')
  const mixed = a.slice()
  mixed.set(b.subarray(4_096, 8_192), 4_096)
  assert.equal(writtenIn(mixed), undefined)
  assert.equal(writtenIn(a.subarray(0, 8_192)), undefined)
  assert.equal(writtenIn(new Uint8Array([...a, 0])), undefined)
  assert.equal(writtenIn(new Uint8Array(0)), undefined)
})

test('records are of one length and come out as they went in', () => {
  assert.equal(recordOf('client-1.14').length, recordBytes)
  const log = concat(['a', 'client-2.3'].map(recordOf))
  assert.deepEqual(recordsIn(log), ['a', 'client-2.3'])
  assert.equal(recordsIn(log.subarray(1)), undefined)
  assert.equal(recordsIn(new Uint8Array(recordBytes)), undefined)
})
