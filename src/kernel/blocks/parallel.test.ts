import assert from 'node:assert/strict'
import { test } from 'node:test'
import { realCrypto, seededObject } from '../../../test/conformance/keys-fixture.ts'
import { nodeClock } from '../../adapters/node-clock.ts'
import { fromHex, toHex } from '../../base/bytes.ts'
import { blockIdOf, nodeIdOf, worldIdOf } from '../../base/ids.ts'
import type { Log } from '../../ports/log.ts'
import type { IncomingMessage, Links } from '../links/index.ts'
import { createPlacement } from '../placement/index.ts'
import { receiptBytesToSign, receiptLeafOf } from '../section/index.ts'
import { Gate } from './gate.ts'
import { decodeRequest, encodeReceiptReply, putDone } from './wire.ts'
import { BlockWriter, type WriterOptions } from './writer.ts'

const { ports, keys } = seededObject()
const world = worldIdOf('ab'.repeat(32))
const nodes = [1, 2, 3, 4, 5].map((n) => {
  const pair = realCrypto.signKeyPair(new Uint8Array(32).fill(n))
  return { node: nodeIdOf(toHex(pair.publicKey)), secretKey: pair.secretKey }
})
const [self, ...holders] = nodes
assert(self)
const placement = createPlacement(realCrypto.sha256, {
  epoch: 1,
  members: holders.map(({ node }) => ({ node, weight: 1 })),
})

/** Holders that answer nothing before `puts` puts are on their way at once. */
function patientHolders(puts: number): {
  readonly links: Links
  readonly mostAtOnce: () => number
} {
  let under = 0
  let most = 0
  const { promise: allThere, resolve: open } = Promise.withResolvers<void>()
  const answer = (peer: string, head: Uint8Array): Uint8Array => {
    const request = decodeRequest(head)
    if (request.kind !== 'receipt') return putDone
    const signer = nodes.find(({ node }) => node === peer)
    assert(signer)
    const putMs = nodeClock.wallMs()
    const leaves = request.blocks.map((block) => fromHex(receiptLeafOf(realCrypto, block)))
    const facts = { world, placementEpoch: 1, node: signer.node, putMs, leaves }
    const signature = realCrypto.sign(signer.secretKey, receiptBytesToSign(realCrypto, facts))
    const taken = request.blocks.map((_, index) => index)
    return encodeReceiptReply({ taken, placementEpoch: 1, putMs, signature })
  }
  const links: Partial<Links> = {
    isUp: () => true,
    request: async (peer, { head, channel }) => {
      if (decodeRequest(head).kind === 'put' && ++under === puts) open()
      most = Math.max(most, under)
      await allThere
      if (decodeRequest(head).kind === 'put') under--
      const message: Partial<IncomingMessage> = { from: peer, channel, head: answer(peer, head) }
      return message as IncomingMessage
    },
  }
  return { links: links as Links, mostAtOnce: () => most }
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, for: () => silent }

function writerOver(links: Links): BlockWriter {
  const options: Partial<WriterOptions> = {
    self: self!.node,
    world,
    crypto: realCrypto,
    clock: nodeClock,
    random: ports.random,
    links,
    placement,
    log: silent,
    metrics: { count() {}, gauge() {}, snapshot: () => ({}) },
    inFlight: new Gate(16 * 1024 * 1024),
  }
  return new BlockWriter(options as WriterOptions)
}

test('C26: 16 blocks with three replicas are 48 puts, all on their way at the same time', async () => {
  const { links, mostAtOnce } = patientHolders(48)
  const blocks = Array.from({ length: 16 }, (_, index) => ({
    id: blockIdOf(index.toString(16).padStart(32, '0')),
    version: 1,
    plain: new Uint8Array(65_536).fill(index),
  }))
  // The holders answer only once all 48 are there: puts one after the other would wait for ever.
  const { added, refs } = await writerOver(links).write(blocks, {
    keys,
    replicas: 3,
    deadlineMs: 10_000,
  })
  assert.equal(mostAtOnce(), 48)
  assert.equal(refs.length, 16)
  for (const [index] of added.blocks.entries()) {
    const signers = added.receipts.filter(({ leaves }) => leaves.includes(index))
    assert(signers.length >= 2, 'each block has w receipts')
    assert.equal(new Set(signers.map(({ node }) => node)).size, signers.length)
  }
})
