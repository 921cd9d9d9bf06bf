import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crypto, pattern } from '../../../test/conformance/links-world.ts'
import { TrafficKey } from './traffic-key.ts'

const transcript = pattern(64)
const keyOf = (seed = 1, bound = transcript): TrafficKey =>
  new TrafficKey({ crypto, secret: pattern(32, seed), transcript: bound })

test('frames open in the order in which they were sealed, records and bodies apart', () => {
  const sender = keyOf()
  const receiver = keyOf()
  const body = sender.sealBody(pattern(5_000))
  const first = sender.sealRecord(pattern(10))
  const second = sender.sealRecord(pattern(20))
  assert.deepEqual(receiver.openRecord(first), pattern(10))
  assert.deepEqual(receiver.openBody(body), pattern(5_000))
  assert.deepEqual(receiver.openRecord(second), pattern(20))
  assert.equal(sender.frames, 3)
  assert.equal(receiver.frames, 3)
})

test('the same bytes never look the same twice', () => {
  const sender = keyOf()
  const seals = Array.from({ length: 20 }, () => sender.sealRecord(pattern(10)))
  assert.equal(new Set(seals.map((seal) => seal.join())).size, seals.length)
})

test('a repeated, skipped, altered, cut or moved frame does not open', () => {
  const sender = keyOf()
  const receiver = keyOf()
  const [first, second] = [sender.sealRecord(pattern(10)), sender.sealRecord(pattern(10))]
  assert.equal(receiver.openRecord(second), undefined, 'skipped')
  const altered = first.slice()
  altered[3] = (altered[3] ?? 0) ^ 1
  assert.equal(receiver.openRecord(altered), undefined, 'altered')
  assert.equal(receiver.openRecord(first.subarray(1)), undefined, 'cut')
  assert.equal(receiver.openRecord(new Uint8Array(3)), undefined, 'too short for a tag')
  const split = first.length - 16
  const asBody = { ciphertext: first.subarray(0, split), tag: first.subarray(split) }
  assert.equal(receiver.openBody(asBody), undefined, 'a record in the place of a body')
  assert.deepEqual(receiver.openRecord(first), pattern(10), 'none of that moved the counter')
  assert.equal(receiver.openRecord(first), undefined, 'repeated')
})

test('keys of other links, directions and generations do not open', () => {
  const sealed = keyOf().sealRecord(pattern(10))
  assert.equal(keyOf(2).openRecord(sealed), undefined)
  assert.equal(keyOf(1, pattern(64, 1)).openRecord(sealed), undefined)
  const later = keyOf()
  later.advance()
  assert.equal(later.openRecord(sealed), undefined)
})

test('both sides advance alike, the counters start again, the old secret is wiped', () => {
  const secret = pattern(32, 1)
  const sender = new TrafficKey({ crypto, secret, transcript })
  const receiver = keyOf()
  receiver.openRecord(sender.sealRecord(pattern(1)))
  sender.advance()
  receiver.advance()
  assert.deepEqual(secret, new Uint8Array(32))
  assert.equal(sender.frames, 0)
  assert.equal(sender.generation, 1)
  assert.deepEqual(receiver.openRecord(sender.sealRecord(pattern(7))), pattern(7))
})
