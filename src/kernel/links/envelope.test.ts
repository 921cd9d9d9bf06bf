import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { crypto, keysOf, pattern } from '../../../test/conformance/links-world.ts'
import { concat } from '../../base/bytes.ts'
import { CodecError } from '../../base/codec.ts'
import {
  type EnvelopePart,
  envelopeDigest,
  isInline,
  readEnvelope,
  recordKinds,
  writeEnvelope,
} from './envelope.ts'
import { channels } from './interface.ts'
import { envelopeMessagesMax, inlineBodyBytesMax } from './limits.ts'
import { MessageHasher, messageKinds } from './message.ts'

const { nodeKey } = keysOf(0)
const hasher = new MessageHasher(crypto)
const place = { transcript: pattern(64), sequence: 5 }

const write = (parts: readonly EnvelopePart[]): Uint8Array =>
  writeEnvelope({
    crypto,
    hasher,
    secretKey: nodeKey.secretKey,
    place,
    kind: recordKinds.envelope,
    parts,
  })

const partOf = (head: Uint8Array, body?: Uint8Array): EnvelopePart => ({
  content: {
    kind: messageKinds.message,
    channel: channels.blocks,
    id: 0,
    deadlineMs: 0,
    head,
    body: body && { length: body.length, hash: crypto.sha256(body) },
  },
  body,
  tag: body && !isInline(body.length) ? pattern(16, body.length) : undefined,
})

const lengths = fc.option(
  fc.constantFrom(0, 1, 100, inlineBodyBytesMax, inlineBodyBytesMax + 1, 70_000),
  { nil: undefined },
)
const partLists = fc
  .array(fc.tuple(fc.uint8Array({ maxLength: 50 }), lengths), { maxLength: 6 })
  .map((list) =>
    list.map(([head, length]) => partOf(head, length === undefined ? undefined : pattern(length))),
  )

test('an envelope reads back: messages in order, short bodies inside, tags for long ones', () => {
  fc.assert(
    fc.property(partLists, (parts) => {
      const read = readEnvelope(write(parts))
      assert.equal(read.sequence, place.sequence)
      assert.equal(read.kind, recordKinds.envelope)
      assert.deepEqual(
        read.parts.map(({ content }) => content),
        parts.map(({ content }) => content),
      )
      for (const [index, { body, tag }] of read.parts.entries()) {
        const sent = parts[index]
        assert.deepEqual(tag, sent?.tag)
        assert.deepEqual(body, sent?.tag === undefined ? sent?.body : undefined)
      }
    }),
    { numRuns: 50 },
  )
})

test('the signature is that of the sender over transcript, number and message hashes', () => {
  const parts = [partOf(pattern(3)), partOf(pattern(4), pattern(10))]
  const read = readEnvelope(write(parts))
  const hashes = read.parts.map(({ message }) => hasher.hash(message))
  const { publicKey } = nodeKey
  const holds = (digest: Uint8Array): boolean => crypto.verify(publicKey, digest, read.signature)
  assert.ok(holds(envelopeDigest(crypto, place, hashes)))
  assert.ok(!holds(envelopeDigest(crypto, { ...place, sequence: 6 }, hashes)))
  assert.ok(!holds(envelopeDigest(crypto, { ...place, transcript: pattern(64, 1) }, hashes)))
  assert.ok(!holds(envelopeDigest(crypto, place, hashes.toReversed())))
  assert.ok(!holds(envelopeDigest(crypto, place, hashes.slice(1))))
})

test('what is read does not share memory with the record: a kept block keeps nothing else', () => {
  const record = write([partOf(pattern(3), pattern(100))])
  const [part] = readEnvelope(record).parts
  record.fill(0)
  assert.deepEqual(part?.body, pattern(100))
  assert.deepEqual(part?.content.head, pattern(3))
})

test('any bytes are read as an envelope or refused, and a tail is refused', () => {
  const record = write([partOf(pattern(3), pattern(10)), partOf(pattern(9))]).slice()
  assert.throws(() => readEnvelope(concat([record, Uint8Array.of(0)])), CodecError)
  for (let cut = 0; cut < record.length; cut++)
    assert.throws(() => readEnvelope(record.subarray(0, cut)), CodecError)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.throws(() => readEnvelope(bytes), CodecError)
    }),
  )
})

test('more messages than an envelope may have are refused', () => {
  const many = Array.from({ length: envelopeMessagesMax + 1 }, () => partOf(pattern(1)))
  assert.equal(readEnvelope(write(many.slice(1))).parts.length, envelopeMessagesMax)
  assert.throws(() => readEnvelope(write(many)), CodecError)
})
