/** The writer's side: w of r receipts, what does not count as one, and what becomes of the rest. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, toHex } from '../../base/bytes.ts'
import { isUnosysError } from '../../base/error.ts'
import type { NodeId } from '../../base/ids.ts'
import { newestContentKey, openBlock } from '../keys/index.ts'
import { receiptBytesToSign, receiptLeafOf } from '../section/index.ts'
import { BlocksBench, crypto, objectKeys, placement, plainBlock, world } from './fixture.test.ts'
import { keyText } from './holder.ts'
import type { PlainBlock } from './interface.ts'
import { holderWaitMs, receiptSkewMsMax } from './limits.ts'
import { decodeReceiptReply, encodeReceiptReply, type ReceiptReply } from './wire.ts'

const call = { keys: objectKeys, replicas: 3, deadlineMs: 30_000 }
const receiptKind = 2

const coded =
  (code: string) =>
  (error: unknown): boolean =>
    isUnosysError(error, code)

const blocksOf = (count: number, bytes = 100): PlainBlock[] =>
  Array.from({ length: count }, (_, index) => plainBlock(new Uint8Array(bytes).fill(index + 1)))

const holdersOf = ({ id }: { readonly id: PlainBlock['id'] }, replicas = 3): readonly NodeId[] =>
  placement.holdersOf(id, replicas)

/** A writer that holds no copy of this block, and its holders. */
function outside(block: PlainBlock): {
  readonly all: BlocksBench
  readonly holders: readonly NodeId[]
} {
  const holders = holdersOf(block)
  const self = placement.members.find((node) => !holders.includes(node))
  return { all: new BlocksBench(self), holders }
}

/** Change the receipts of one holder. */
function spoil(
  all: BlocksBench,
  holder: NodeId,
  change: (reply: ReceiptReply) => ReceiptReply,
): void {
  all.wayTo(holder).alter = (reply, kind) =>
    kind === receiptKind
      ? { head: encodeReceiptReply(change(decodeReceiptReply(reply.head))) }
      : reply
}

test('C53: a batch is sealed, stored by all its holders, and proved by receipts that the section takes', async () => {
  const all = new BlocksBench()
  const blocks = blocksOf(10)
  const { added, refs } = await all.bench.finish(all.writer.write(blocks, call))
  await all.bench.pass(100)
  assert.equal(added.blocks.length, 10)
  for (const [index, ref] of refs.entries()) {
    const { id, version, plain } = blocks[index] as PlainBlock
    assert.deepEqual([ref.id, ref.version, ref.keyEpoch], [id, version, objectKeys.epoch])
    for (const holder of holdersOf(ref)) {
      const copy = all.vaultAt(holder).blocks.get(keyText(ref))
      assert(copy !== undefined)
      assert.equal(toHex(crypto.sha256(copy.sealed)), ref.hash)
      assert.equal(Buffer.from(copy.sealed).includes(Buffer.from(plain)), false)
      const { key } = newestContentKey(objectKeys)
      const opened = openBlock(crypto, { ...ref, key, sealed: copy.sealed })
      assert.deepEqual(opened, plain)
    }
    const receiptCount = added.receipts.filter(({ leaves }) => leaves.includes(index)).length
    assert(receiptCount >= 2)
  }
  for (const { node, placementEpoch, putMs, leaves, signature } of added.receipts) {
    const hashes = leaves.map((leaf) => {
      const block = added.blocks[leaf as number]
      assert(block !== undefined)
      return fromHex(receiptLeafOf(crypto, block))
    })
    const bytes = receiptBytesToSign(crypto, { world, placementEpoch, node, putMs, leaves: hashes })
    assert(crypto.verify(fromHex(node), bytes, signature))
  }
})

test('nothing to write is written at once', async () => {
  const all = new BlocksBench()
  assert.deepEqual(await all.writer.write([], call), {
    added: { blocks: [], receipts: [] },
    refs: [],
  })
})

test('w of r: the slowest holder is not waited for, and completes in the background', async () => {
  const [block] = blocksOf(1) as [PlainBlock]
  const { all, holders } = outside(block)
  const slow = holders[0] as NodeId
  all.wayTo(slow).delayMs = 900
  const { added } = await all.bench.finish(all.writer.write([block], call))
  assert(all.bench.clock.monotonicMs() < 100)
  assert.deepEqual(added.receipts.map(({ node }) => node).sort(), holders.slice(1).toSorted())
  assert(all.inFlight.inside > 0, 'its memory counts until the last holder has its copy')
  await all.bench.pass(1_000)
  assert.equal(all.vaultAt(slow).blocks.size, 1)
  assert.equal(all.inFlight.inside, 0)
})

test('a holder that is away: w others are enough at once, and nobody waits for it', async () => {
  const [block] = blocksOf(1) as [PlainBlock]
  const { all, holders } = outside(block)
  all.wayTo(holders[1] as NodeId).up = false
  await all.bench.finish(all.writer.write([block], call))
  await all.bench.pass(1)
  assert(all.bench.clock.monotonicMs() < 100)
  assert.equal(all.inFlight.inside, 0)
})

test('too few holders: a while later a clear error; nothing is kept in memory', async () => {
  const [block] = blocksOf(1) as [PlainBlock]
  const { all, holders } = outside(block)
  for (const holder of holders.slice(1)) all.wayTo(holder).up = false
  await assert.rejects(all.bench.finish(all.writer.write([block], call)), (error: unknown) => {
    assert(isUnosysError(error, 'blocks/too-few-holders'))
    const { needed, reachable, reports } = error.detail as Record<string, unknown>
    assert.deepEqual([needed, reachable], [2, 1])
    assert.equal((reports as unknown[]).length, 2)
    return true
  })
  const tookMs = all.bench.clock.monotonicMs()
  assert(tookMs >= holderWaitMs && tookMs < holderWaitMs + 1_500, `${tookMs}`)
  await all.bench.pass(1)
  assert.equal(all.inFlight.inside, 0)
})

test('a holder that comes back while too few have the block is asked again', async () => {
  const [block] = blocksOf(1) as [PlainBlock]
  const { all, holders } = outside(block)
  for (const holder of holders.slice(1)) all.wayTo(holder).up = false
  const writing = all.writer.write([block], call)
  await all.bench.pass(1_500)
  all.wayTo(holders[2] as NodeId).up = true
  const { added } = await all.bench.finish(writing)
  assert.equal(added.receipts.length, 2)
})

test('holders without room say so', async () => {
  const [block] = blocksOf(1) as [PlainBlock]
  const { all, holders } = outside(block)
  for (const holder of holders.slice(1)) all.vaultAt(holder).putFault = 'vault/full'
  await assert.rejects(all.bench.finish(all.writer.write([block], call)), coded('blocks/full'))
})

const forgeries: readonly {
  readonly what: string
  readonly change: (reply: ReceiptReply) => ReceiptReply
}[] = [
  { what: 'a wrong signature', change: (reply) => ({ ...reply, signature: new Uint8Array(64) }) },
  { what: 'blocks that were not asked for', change: (reply) => ({ ...reply, taken: [0, 7] }) },
  { what: 'another placement epoch', change: (reply) => ({ ...reply, placementEpoch: 2 ** 40 }) },
  {
    what: 'a clock that the section would not take',
    change: (reply) => ({ ...reply, putMs: reply.putMs - receiptSkewMsMax - 1 }),
  },
]

for (const { what, change } of forgeries) {
  test(`a receipt with ${what} does not count, is reported, and does not spoil the write`, async () => {
    const [block] = blocksOf(1) as [PlainBlock]
    const { all, holders } = outside(block)
    const liar = holders[0] as NodeId
    spoil(all, liar, change)
    const { added } = await all.bench.finish(all.writer.write([block], call))
    await all.bench.pass(100)
    assert(added.receipts.every(({ node }) => node !== liar))
    assert.deepEqual(
      all.faults.map(({ peer, kind }) => [peer, kind]),
      [[liar, 'malformed']],
    )
    assert(all.faults[0]?.evidence !== undefined)
    spoil(all, holders[1] as NodeId, change)
    const [next] = blocksOf(1) as [PlainBlock]
    const again = all.writer.write([{ ...next, id: block.id, version: 2 }], call)
    await assert.rejects(all.bench.finish(again), coded('blocks/too-few-holders'))
  })
}

test('partial receipts count for what they name: each block needs its own w', async () => {
  const [first] = blocksOf(1) as [PlainBlock]
  const { all, holders } = outside(first)
  const [a, b, c] = holders as [NodeId, NodeId, NodeId]
  const takesOnly = (node: NodeId, versions: readonly number[]): void => {
    const vault = all.vaultAt(node)
    const put = vault.put.bind(vault)
    vault.put = async (block) => {
      if (!versions.includes(block.version)) throw new Error('a test loses it')
      return put(block)
    }
  }
  // Versions of one block have the same holders.
  const batch = (versions: readonly number[]): PlainBlock[] =>
    versions.map((version) => ({ ...first, version }))
  takesOnly(a, [1, 3])
  takesOnly(b, [2, 4])
  const { added } = await all.bench.finish(all.writer.write(batch([1, 2]), call))
  const leavesOf = (node: NodeId): unknown =>
    added.receipts.find((receipt) => receipt.node === node)?.leaves
  assert.deepEqual([leavesOf(a), leavesOf(b), leavesOf(c)], [[0], [1], [0, 1]])
  takesOnly(c, [3])
  const short = all.writer.write(batch([3, 4]), call)
  await assert.rejects(all.bench.finish(short), coded('blocks/too-few-holders'))
})

test('a caller that gives up, and a deadline that passes, end the write; nothing counts', async () => {
  const [block] = blocksOf(1) as [PlainBlock]
  const { all, holders } = outside(block)
  for (const holder of holders) all.wayTo(holder).stalled = true
  const abort = new AbortController()
  const writing = all.writer.write([block], { ...call, signal: abort.signal })
  await all.bench.pass(100)
  abort.abort()
  await assert.rejects(all.bench.finish(writing), coded('blocks/cancelled'))
  await all.bench.pass(1)
  assert.equal(all.inFlight.inside, 0)
  const late = all.writer.write([block], { ...call, deadlineMs: 700 })
  await assert.rejects(all.bench.finish(late), coded('blocks/unconfirmed'))
  assert(all.bench.clock.monotonicMs() < 1_000)
  await assert.rejects(
    all.writer.write([block], { ...call, signal: abort.signal }),
    coded('blocks/cancelled'),
  )
})

test('a writer that is a holder itself stores its copy without a message', async () => {
  const [block] = blocksOf(1) as [PlainBlock]
  const [self] = holdersOf(block, 1) as [NodeId]
  const all = new BlocksBench(self)
  const { added } = await all.bench.finish(all.writer.write([block], { ...call, replicas: 1 }))
  assert.deepEqual(
    added.receipts.map(({ node }) => node),
    [self],
  )
  assert.deepEqual(all.asked, [])
})
