/**
 * The wire format of links, pinned: fixed inputs give exactly these bytes. A change here breaks
 * running worlds and needs a new protocol version. Spec: docs/spec/links.md.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { toHex } from '../../src/base/bytes.ts'
import { encode } from '../../src/base/codec.ts'
import { domains } from '../../src/base/domains.ts'
import { readEnvelope, recordKinds, writeEnvelope } from '../../src/kernel/links/envelope.ts'
import { linkKeyStatement } from '../../src/kernel/links/handshake.ts'
import { channels, verifySignedMessage, writeSignedMessage } from '../../src/kernel/links/index.ts'
import {
  bodyBytesMax,
  envelopeMessagesMax,
  headBytesMax,
  inlineBodyBytesMax,
  keyFramesMax,
  linkProtocolVersion,
} from '../../src/kernel/links/limits.ts'
import {
  MessageHasher,
  messageKinds,
  type SignedContent,
  writeContent,
} from '../../src/kernel/links/message.ts'
import { TrafficKey } from '../../src/kernel/links/traffic-key.ts'
import { SimRandom } from '../../src/simulator/sim-random.ts'
import { bytesOf, crypto, keysOf, pattern, testWorld } from './links-world.ts'

const file = join(import.meta.dirname, 'vectors', 'links.json')
const pinned = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>

const transcript = pattern(64, 5)
const { nodeKey, linkKey, id } = keysOf(0)
const hasher = new MessageHasher(crypto)
const longBody = pattern(9_000)

const contents: Record<string, SignedContent> = {
  message: {
    ...{ kind: messageKinds.message, channel: channels.consensus, id: 0, deadlineMs: 0 },
    ...{ head: bytesOf('vote'), body: undefined },
  },
  request: {
    ...{ kind: messageKinds.request, channel: channels.blocks, id: 7, deadlineMs: 1_500 },
    ...{ head: bytesOf('put'), body: { length: 9_000, hash: crypto.sha256(longBody) } },
  },
  reply: {
    ...{ kind: messageKinds.reply, channel: channels.blocks, id: 2 ** 40, deadlineMs: 0 },
    ...{ head: bytesOf('here'), body: { length: 3, hash: crypto.sha256(pattern(3)) } },
  },
  refusal: {
    ...{ kind: messageKinds.refusal, channel: channels.group, id: 9, deadlineMs: 0 },
    ...{ head: bytesOf('link/overloaded'), body: undefined },
  },
  cancel: {
    ...{ kind: messageKinds.cancel, channel: channels.group, id: 9, deadlineMs: 0 },
    ...{ head: new Uint8Array(0), body: undefined },
  },
}

function envelope(): Uint8Array {
  const parts = Object.entries(contents).map(([name, content]) => ({
    content,
    body: name === 'request' ? longBody : name === 'reply' ? pattern(3) : undefined,
    tag: name === 'request' ? pattern(16) : undefined,
  }))
  return writeEnvelope({
    ...{ crypto, hasher, parts, kind: recordKinds.last },
    secretKey: nodeKey.secretKey,
    place: { transcript, sequence: 11 },
  })
}

function seals(): string[] {
  const key = new TrafficKey({ crypto, secret: pattern(32, 1), transcript })
  const sealed = [key.sealRecord(bytesOf('one')), key.sealRecord(bytesOf('two'))]
  const body = key.sealBody(bytesOf('body'))
  key.advance()
  return [...sealed, body.ciphertext, body.tag, key.sealRecord(bytesOf('three'))].map(toHex)
}

function proofBytes(): Uint8Array {
  const read = readEnvelope(envelope())
  const messageHashes = read.parts.map(({ message }) => hasher.hash(message))
  const message = read.parts[1]?.message
  assert(message)
  const { signature, sequence } = read
  const proof = { signer: id, transcript, sequence, messageHashes, index: 1, message, signature }
  assert.notEqual(verifySignedMessage(crypto, proof), undefined)
  return encode((writer) => writeSignedMessage(writer, proof))
}

/** SHA-256 over the hashes of many messages drawn from a seed: one number for the whole codec. */
function manyMessages(): string {
  const dice = new SimRandom('links conformance')
  const hashes: Uint8Array[] = []
  for (let count = 0; count < 2_000; count++) {
    const isRequest = count % 2 === 0
    const content: SignedContent = {
      kind: isRequest ? messageKinds.request : messageKinds.message,
      channel: [channels.consensus, channels.group, channels.blocks][dice.below(3)] ?? 1,
      id: isRequest ? dice.u32() + 1 : 0,
      deadlineMs: isRequest ? 1 + dice.below(86_400_000) : 0,
      head: dice.bytes(dice.below(100)),
      body: dice.happens(0.5)
        ? { length: dice.below(bodyBytesMax), hash: dice.bytes(32) }
        : undefined,
    }
    hashes.push(hasher.hash(encode((writer) => writeContent(writer, content))))
  }
  return toHex(crypto.sha256(...hashes))
}

const actual: Record<string, unknown> = {
  numbers: {
    linkProtocolVersion,
    headBytesMax,
    bodyBytesMax,
    inlineBodyBytesMax,
    envelopeMessagesMax,
    keyFramesMax,
    channels,
    messageKinds,
    recordKinds,
  },
  domains: [
    domains.linkKey,
    domains.linkPrologue,
    domains.linkTraffic,
    domains.linkRekey,
    domains.envelope,
    domains.message,
  ],
  messages: Object.fromEntries(
    Object.entries(contents).map(([name, content]) => {
      const bytes = encode((writer) => writeContent(writer, content))
      return [name, { bytes: toHex(bytes), hash: toHex(hasher.hash(bytes)) }]
    }),
  ),
  envelope: toHex(envelope()),
  proof: toHex(proofBytes()),
  linkKeyStatement: toHex(linkKeyStatement(testWorld, linkKey.publicKey)),
  seals: seals(),
  manyMessages: manyMessages(),
}

// `UPDATE_VECTORS=1` prints what the code gives now, for a deliberate change of the format.
if (process.env.UPDATE_VECTORS === '1') console.log(JSON.stringify(actual, undefined, 2))

for (const [name, value] of Object.entries(actual))
  test(`links conformance: ${name}`, () => {
    assert.deepEqual(JSON.parse(JSON.stringify(value)), pinned[name])
  })
