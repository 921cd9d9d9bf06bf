/**
 * Goal: what a hostile writer puts into receipts costs the members no more than its length is
 * worth: runs of leaves do not expand without bound, and nothing is hashed or verified in vain.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CodecError } from '../../base/codec.ts'
import type { BlockId, NodeId } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import {
  alice,
  createOf,
  crypto,
  genesisOf,
  hashOf,
  replaceOf,
  stageOf,
  TestClient,
  TestWorld,
} from './fixture.test.ts'
import {
  type Added,
  type Command,
  decodedBytesOf,
  decodeSignedBatch,
  encodeSignedBatch,
  execute,
  type Operation,
  type Receipt,
} from './index.ts'
import * as limits from './limits.ts'

const hourMs = 3_600_000
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

const receiptOf = (node: string, leaves: Receipt['leaves']): Receipt => ({
  node: hashOf(node) as string as NodeId,
  placementEpoch: 1,
  putMs: Number.MAX_SAFE_INTEGER,
  leaves,
  signature: new Uint8Array(64),
})

/** `count` receipts, each over all of `blockCount` blocks, by nodes that do not exist. */
function inflated(world: TestWorld, blockCount: number, count: number): Added {
  const { blocks } = world.added(blockCount, { receipts: 0 })
  const leaves = upTo(blockCount)
  return { blocks, receipts: upTo(count).map((index) => receiptOf(`nobody ${index}`, leaves)) }
}

const commandsOf = (operations: readonly Operation[]): Command[] =>
  operations.map((one, index) => ({
    sequence: index + 1,
    request: undefined,
    operations: [one],
  }))

function reads(client: TestClient, ...operations: readonly Operation[]): boolean {
  const bytes = encodeSignedBatch(client.batch(commandsOf(operations)))
  assert(bytes.length <= limits.batchBytesMax, `${bytes.length} bytes`)
  try {
    decodeSignedBatch(bytes)
    return true
  } catch (error) {
    assert(error instanceof CodecError)
    return false
  }
}

/** The same crypto, which counts what it is asked for. */
function counted(): {
  readonly crypto: Crypto
  readonly counts: { sha256: number; verify: number }
} {
  const counts = { sha256: 0, verify: 0 }
  const counting: Crypto = {
    ...crypto,
    sha256: (...parts) => {
      counts.sha256++
      return crypto.sha256(...parts)
    },
    verify: (...input) => {
      counts.verify++
      return crypto.verify(...input)
    },
  }
  return { crypto: counting, counts }
}

/** What executing one operation asks of the crypto, beside its code. */
function costOf(
  world: TestWorld,
  client: TestClient,
  operations: readonly Operation[],
): { readonly code: string; readonly sha256: number; readonly verify: number } {
  const batch = client.batch([client.command(operations)])
  const { crypto: counting, counts } = counted()
  const block = { height: world.state.height + 1, timeMs: world.timeMs, batches: [batch] }
  // Rankings of partitions are computed once in a world's life: not what is measured here.
  execute({ crypto, world: world.world }, world.state, block)
  for (const placement of world.state.placements) {
    const partitionOf = placement.partitionOf.bind(placement)
    Object.defineProperty(placement, 'partitionOf', {
      configurable: true,
      value: (id: BlockId) => {
        counts.sha256++
        return partitionOf(id)
      },
    })
  }
  const outcome = execute({ crypto: counting, world: world.world }, world.state, block)
  const [[result] = []] = outcome.results
  return { code: result?.ok === false ? result.code : 'ok', ...counts }
}

test('runs of leaves expand to sixteen for each block of the largest stage, and no further', () => {
  const world = new TestWorld()
  const client = new TestClient(world, 'one', alice)
  const stage = (added: Added): Operation => stageOf('a', added, 1)
  const { addedPerStageMax, leavesPerOperationMax, receiptsPerOperationMax } = limits
  assert.equal(reads(client, stage(inflated(world, addedPerStageMax, 16))), true)
  assert.equal(reads(client, stage(inflated(world, addedPerStageMax, 17))), false)
  const most = inflated(world, addedPerStageMax, receiptsPerOperationMax)
  assert.equal(reads(client, stage(most)), false)
  const count = leavesPerOperationMax / 512
  assert.equal(reads(client, stage(inflated(world, 512, count))), true)
  assert.equal(reads(client, stage(inflated(world, 512, count + 1))), false)
})

test('leaves are bounded over all operations of a batch', () => {
  const world = new TestWorld()
  const client = new TestClient(world, 'one', alice)
  const full = stageOf('a', inflated(world, 512, limits.leavesPerOperationMax / 512), 1)
  const count = limits.leavesPerBatchMax / limits.leavesPerOperationMax
  assert.equal(reads(client, ...upTo(count).map(() => full)), true)
  const one = stageOf('a', inflated(world, 1, 1), 1)
  assert.equal(reads(client, ...upTo(count).map(() => full), one), false)
})

test('a node has no more receipts in an operation than there are blocks', () => {
  const world = new TestWorld()
  const client = new TestClient(world, 'one', alice)
  const { blocks } = world.added(3, { receipts: 0 })
  const receipts = (count: number): Receipt[] => upTo(count).map(() => receiptOf('n', [0]))
  assert.equal(reads(client, stageOf('a', { blocks, receipts: receipts(3) }, 1)), true)
  assert.equal(reads(client, stageOf('a', { blocks, receipts: receipts(4) }, 1)), false)
})

test('the most that writers stage is read: 16 replicas of each of 4,096 blocks', () => {
  const world = new TestWorld(genesisOf({ members: 4, storage: 12 }))
  const client = new TestClient(world, 'one', alice)
  const added = world.added(limits.addedPerStageMax, { replicas: 16, receipts: 16 })
  assert.equal(reads(client, stageOf('a', added, 1)), true)
})

test('receipts of a node that is none refuse the operation before anything is hashed for them', () => {
  const world = new TestWorld()
  const client = world.client('one')
  client.done(createOf('f'))
  const added = inflated(world, 64, 1_000)
  const cost = costOf(world, client, [stageOf('f', added, world.timeMs + hourMs)])
  assert.equal(cost.code, 'receipts')
  assert.equal(cost.verify, 0)
  assert(cost.sha256 < 64 + 16, `${cost.sha256} hashes`)
})

test('holders are computed once a block, however many receipts there are', () => {
  const world = new TestWorld()
  const client = world.client('one')
  client.done(createOf('f', { replicas: 1 }))
  const { blocks } = world.added(200, { receipts: 0 })
  const placement = world.state.placements[0]
  const [node] = placement?.members ?? []
  assert(node !== undefined)
  // Over what others hold: it helps none, and its signature is never looked at.
  const leaves = upTo(200).filter((leaf) => {
    const id = blocks[leaf]?.id
    return id !== undefined && placement?.holdersOf(id, 1)[0] !== node
  })
  const receipts = upTo(200).map((): Receipt => ({ ...receiptOf('x', leaves), node }))
  const added = { blocks, receipts }
  const cost = costOf(world, client, [stageOf('f', added, world.timeMs + hourMs)])
  assert.deepEqual([cost.code, cost.verify], ['receipts', 0])
  assert(cost.sha256 < 200 + 16, `${cost.sha256} hashes`)
})

test('the usual write: a hash or two for a block, one verification for each holder needed', () => {
  const world = new TestWorld()
  const client = world.client('one')
  client.done(createOf('f'))
  const added = world.added(16, { receipts: 3 })
  const cost = costOf(world, client, [replaceOf('f', { added })])
  assert.equal(cost.code, 'ok')
  assert(cost.verify <= 4, `${cost.verify} verifications for four holders`)
  assert(cost.sha256 <= 2 * 16 + cost.verify + 8, `${cost.sha256} hashes`)
})

test('a signature is verified once in a block of the log, when several operations use it', () => {
  const world = new TestWorld()
  const client = world.client('one')
  client.done(createOf('f'))
  const added = world.added(1)
  const twice = [replaceOf('f', { added }), replaceOf('f', { added })]
  assert.deepEqual(costOf(world, client, twice).verify, added.receipts.length)
})

test('a good signature says nothing about other bytes under it', () => {
  const world = new TestWorld()
  const client = world.client('one')
  client.done(createOf('f'))
  const added = world.added(1)
  const receipts = added.receipts.map((one) => ({ ...one, putMs: one.putMs + 1 }))
  const both = [replaceOf('f', { added }), replaceOf('f', { added: { ...added, receipts } })]
  assert.equal(costOf(world, client, both).code, 'receipts')
})

test('a decoded batch is reckoned with its leaves', () => {
  const world = new TestWorld()
  const client = new TestClient(world, 'one', alice)
  const reckoned = (added: Added): number => {
    const bytes = encodeSignedBatch(client.batch(commandsOf([stageOf('a', added, 1)])))
    return decodedBytesOf(decodeSignedBatch(bytes), bytes.length)
  }
  const few = inflated(world, 512, 128)
  const none = { ...few, receipts: few.receipts.map((one) => ({ ...one, leaves: [0] })) }
  assert(reckoned(few) - reckoned(none) >= 8 * 511 * 128)
})
