/** The holder's side: what it takes, what it signs for, and what it says of its copies. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, toHex, utf8 } from '../../base/bytes.ts'
import { isUnosysError } from '../../base/error.ts'
import { digestOf, type NodeId } from '../../base/ids.ts'
import { type ChannelHandler, roomHere } from '../links/index.ts'
import { type AddedBlock, receiptBytesToSign, receiptLeafOf } from '../section/index.ts'
import { BlocksBench, blockIdAt, crypto, nodes, placement, proofOf, world } from './fixture.test.ts'
import { type Holder, keyText } from './holder.ts'
import {
  decodeGetReply,
  decodeReceiptReply,
  encodeRequest,
  GetStatus,
  type ReceiptReply,
} from './wire.ts'

const sealed = utf8('sealed bytes')
const added: AddedBlock = {
  id: blockIdAt(1),
  version: 1,
  hash: digestOf(toHex(crypto.sha256(sealed))),
  sealedBytes: sealed.length,
  releaseTag: new Uint8Array(16).fill(1),
}
const [best, , third, ...others] = placement.holdersOf(added.id, nodes.length) as NodeId[]
assert(best !== undefined && third !== undefined && others[0] !== undefined)
const outsider = others[0]

const coded =
  (code: string) =>
  (error: unknown): boolean =>
    isUnosysError(error, code)

async function asked(
  { bench }: BlocksBench,
  holder: Holder,
  head: Uint8Array,
  body?: { readonly bytes: Uint8Array; readonly hash: Uint8Array },
): Promise<{ readonly head: Uint8Array; readonly body?: { readonly bytes: Uint8Array } }> {
  const from = outsider
  const message = {
    from,
    channel: 3 as const,
    head,
    proof: () => proofOf(from),
    ...(body && { body }),
  }
  const { onRequest } = holder.handler()
  assert(onRequest !== undefined)
  return bench.finish((async () => onRequest(message, new AbortController().signal, roomHere))())
}

const put = (replicas = 3, block = added): Uint8Array =>
  encodeRequest({ kind: 'put', block, replicas })
const body = { bytes: sealed, hash: fromHex(added.hash) }

/** Whether the signature covers exactly these blocks, as the section will compute it. */
const isSigned = (node: NodeId, reply: ReceiptReply, blocks: readonly AddedBlock[]): boolean => {
  const { placementEpoch, putMs, signature } = reply
  const leaves = blocks.map((block) => fromHex(receiptLeafOf(crypto, block)))
  const bytes = receiptBytesToSign(crypto, { world, placementEpoch, node, putMs, leaves })
  return crypto.verify(fromHex(node), bytes, signature)
}

test('a holder takes a block that placement gives it, and no other', async () => {
  const all = new BlocksBench()
  await asked(all, all.holderAt(best), put(), body)
  assert.equal(all.vaultAt(best).blocks.size, 1)
  await assert.rejects(asked(all, all.holderAt(outsider), put(), body), coded('blocks/not-holder'))
  await assert.rejects(asked(all, all.holderAt(third), put(1), body), coded('blocks/not-holder'))
  const tooMany = put(nodes.length + 1)
  await assert.rejects(asked(all, all.holderAt(best), tooMany, body), coded('blocks/not-holder'))
})

test('a body that is not the announced block is refused', async () => {
  const all = new BlocksBench()
  const holder = all.holderAt(best)
  const wrong = coded('blocks/wrong-body')
  await assert.rejects(asked(all, holder, put()), wrong)
  await assert.rejects(asked(all, holder, put(), { ...body, bytes: sealed.subarray(1) }), wrong)
  await assert.rejects(asked(all, holder, put(), { ...body, hash: new Uint8Array(32) }), wrong)
  await assert.rejects(asked(all, holder, utf8('rubbish')), coded('base/malformed'))
  assert.equal(all.vaultAt(best).blocks.size, 0)
})

test('one receipt for a batch: it waits for the puts before it, and names what is durable', async () => {
  const all = new BlocksBench()
  const holder = all.holderAt(best)
  all.vaultAt(best).putMs = 50
  const absent = { ...added, version: 9 }
  const storing = asked(all, holder, put(), body)
  const request = encodeRequest({ kind: 'receipt', replicas: 3, blocks: [absent, added] })
  const { head } = await asked(all, holder, request)
  await storing
  const reply = decodeReceiptReply(head)
  assert.deepEqual(reply.taken, [1])
  assert(isSigned(best, reply, [added]))
  assert(!isSigned(best, reply, [absent]))
  assert.equal(reply.placementEpoch, placement.epoch)
})

test('a put that fails does not count; a failed disk stops the node, a full one does not', async () => {
  const all = new BlocksBench()
  const holder = all.holderAt(best)
  const receipt = encodeRequest({ kind: 'receipt', replicas: 3, blocks: [added] })
  for (const [fault, stops] of [
    ['vault/full', 0],
    ['vault/busy', 0],
    ['vault/unusable', 0],
    ['vault/failed', 1],
  ] as const) {
    all.vaultAt(best).putFault = fault
    const storing = asked(all, holder, put(), body)
    const { head } = await asked(all, holder, receipt)
    assert.deepEqual(decodeReceiptReply(head).taken, [])
    await assert.rejects(storing, coded(fault))
    assert.equal(all.fatal.length, stops)
  }
})

test('room is asked for what is read from the disk, and not for what waits for it', async () => {
  const all = new BlocksBench()
  const holder = all.holderAt(best)
  const countOf = async (of: Holder, head: Uint8Array, block?: typeof body): Promise<number> => {
    let askedCount = 0
    const room = async (): Promise<void> => void askedCount++
    const { onRequest } = of.handler()
    assert(onRequest !== undefined)
    const handler = (): ChannelHandler => ({
      onRequest: (message, signal) => onRequest(message, signal, room),
    })
    await asked(all, { handler } as Holder, head, block)
    return askedCount
  }
  const receipt = encodeRequest({ kind: 'receipt', replicas: 3, blocks: [added] })
  const { id, version, hash } = added
  const get = encodeRequest({ kind: 'get', key: { id, version, hash } })
  assert.equal(await countOf(holder, put(), body), 0)
  assert.equal(await countOf(holder, receipt), 0)
  assert.equal(await countOf(holder, get), 1)
  // The next run has to read what came with the block.
  const restarted = all.holderOf(best, nodes.indexOf(best), all.vaultAt(best))
  assert.equal(await countOf(restarted, receipt), 1)
})

test('no receipt for another length or release tag than the block has, in this run or the next', async () => {
  const all = new BlocksBench()
  const holder = all.holderAt(best)
  await asked(all, holder, put(), body)
  const lies = [
    { ...added, releaseTag: new Uint8Array(16).fill(2) },
    { ...added, sealedBytes: 5 },
    added,
  ]
  const request = encodeRequest({ kind: 'receipt', replicas: 3, blocks: lies })
  const restarted = all.holderOf(best, nodes.indexOf(best), all.vaultAt(best))
  for (const one of [holder, restarted]) {
    const { head } = await asked(all, one, request)
    assert.deepEqual(decodeReceiptReply(head).taken, [2])
    assert(isSigned(best, decodeReceiptReply(head), [added]))
  }
  // A second put with other facts changes nothing: the first one's are kept with the block.
  await asked(all, holder, put(3, lies[0]), body)
  const { head } = await asked(all, holder, request)
  assert.deepEqual(decodeReceiptReply(head).taken, [2])
})

test('an intact copy comes with its tag; a damaged one with its kind, and is fetched again', async () => {
  const all = new BlocksBench()
  const holder = all.holderAt(best)
  const get = encodeRequest({ kind: 'get', key: added })
  for (const [code, status] of [
    [undefined, GetStatus.Intact],
    ['vault/missing', GetStatus.Missing],
    ['vault/name-changed', GetStatus.NameChanged],
    ['vault/content-changed', GetStatus.ContentChanged],
  ] as const) {
    await asked(all, holder, put(), body)
    if (code !== undefined) all.vaultAt(best).damaged.set(keyText(added), code)
    const reply = await asked(all, holder, get)
    const { key, status: said, releaseTag } = decodeGetReply(reply.head)
    const { id, version, hash } = added
    assert.deepEqual([key, said], [{ id, version, hash }, status])
    assert.deepEqual(reply.body?.bytes, code === undefined ? sealed : undefined)
    assert.deepEqual(releaseTag, code === undefined ? added.releaseTag : new Uint8Array(16))
  }
  assert.equal(all.damagedKeys.length, 3)
})

test('a disk that cannot be asked now: busy, and nothing is fetched again', async () => {
  const all = new BlocksBench()
  const holder = all.holderAt(best)
  const get = encodeRequest({ kind: 'get', key: added })
  await asked(all, holder, put(), body)
  all.vaultAt(best).isBusy = true
  const busy = decodeGetReply((await asked(all, holder, get)).head)
  assert.deepEqual([busy.status, busy.releaseTag], [GetStatus.Busy, new Uint8Array(16)])
  all.vaultAt(best).isBusy = false
  assert.equal(decodeGetReply((await asked(all, holder, get)).head).status, GetStatus.Intact)
  assert.deepEqual(all.damagedKeys, [])
})

test('asked for what was never here, a holder says so and looks for nothing', async () => {
  const all = new BlocksBench()
  const get = encodeRequest({ kind: 'get', key: added })
  for (const node of [best, outsider]) {
    const { head } = await asked(all, all.holderAt(node), get)
    assert.equal(decodeGetReply(head).status, GetStatus.Absent)
  }
  assert.deepEqual(all.damagedKeys, [])
})
