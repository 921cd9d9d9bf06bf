import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  bodyOf,
  bytesOf,
  crypto,
  LinkWorld,
  pattern,
} from '../../../test/conformance/links-world.ts'
import { CodecError, decode, encode } from '../../base/codec.ts'
import { channels, type SignedMessage } from './interface.ts'
import { messageKinds } from './message.ts'
import { readSignedMessage, verifySignedMessage, writeSignedMessage } from './proof.ts'

/** A reply with a body among other messages of one envelope, and its proof. */
async function someProof(): Promise<{ proof: SignedMessage; signer: string; other: string }> {
  const world = new LinkWorld()
  const [a, b] = await world.pair()
  const body = bodyOf(pattern(70_000))
  const replies = ['one', 'two', 'three'].map((text) =>
    a.links.request(
      b.id,
      { channel: channels.blocks, head: bytesOf(text), body },
      { deadlineMs: 1_000 },
    ),
  )
  const [, reply] = await world.settled(Promise.all(replies))
  assert(reply)
  return { proof: reply.proof(), signer: b.id, other: a.id }
}

test('C62: a message proves to anybody who sent it, with head and hash of its body', async () => {
  const { proof, signer } = await someProof()
  const proven = verifySignedMessage(crypto, proof)
  assert.equal(proven?.signer, signer)
  assert.equal(proven.kind, messageKinds.reply)
  assert.equal(proven.channel, channels.blocks)
  assert.deepEqual(proven.head, bytesOf('two'))
  assert.deepEqual(proven.bodyHash, crypto.sha256(pattern(70_000)))
  assert.equal(proven.bodyLength, 70_000)
})

test('a proof with anything changed proves nothing', async () => {
  const { proof, other } = await someProof()
  const flipped = (bytes: Uint8Array, at: number): Uint8Array =>
    bytes.map((byte, index) => (index === at % bytes.length ? byte ^ 1 : byte))
  const changes: Partial<SignedMessage>[] = [
    { signer: other as SignedMessage['signer'] },
    { signer: 'ab' as SignedMessage['signer'] },
    { sequence: proof.sequence + 1 },
    { sequence: -1 },
    { sequence: Number.NaN },
    { index: proof.index + 1 },
    { index: -1 },
    { index: 0.5 },
    { transcript: new Uint8Array(65) },
    { messageHashes: [] },
    { messageHashes: proof.messageHashes.slice(0, -1) },
    { messageHashes: [...proof.messageHashes, new Uint8Array(32)] },
    { messageHashes: proof.messageHashes.map((hash) => hash.subarray(1)) },
    { messageHashes: Array.from({ length: 300 }, () => new Uint8Array(32)) },
    { message: new Uint8Array(0) },
    { signature: new Uint8Array(0) },
    { signature: new Uint8Array(64) },
  ]
  for (const change of changes)
    assert.equal(verifySignedMessage(crypto, { ...proof, ...change }), undefined)
  for (let at = 0; at < 200; at += 7)
    for (const part of ['message', 'transcript', 'signature'] as const)
      assert.equal(
        verifySignedMessage(crypto, { ...proof, [part]: flipped(proof[part], at) }),
        undefined,
      )
})

test('a proof travels as bytes', async () => {
  const { proof } = await someProof()
  const bytes = encode((writer) => writeSignedMessage(writer, proof))
  const read = decode(bytes, readSignedMessage)
  assert.deepEqual(read, proof)
  assert.notEqual(verifySignedMessage(crypto, read), undefined)
})

test('any bytes are read as a proof or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      try {
        assert.equal(verifySignedMessage(crypto, decode(bytes, readSignedMessage)), undefined)
      } catch (error) {
        assert.ok(error instanceof CodecError)
      }
    }),
  )
})
