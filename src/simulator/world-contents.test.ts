import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { contentOf, writtenIn } from './world-clients.ts'

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
