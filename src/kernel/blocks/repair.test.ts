/** A holder that looks after its own copies. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex, utf8 } from '../../base/bytes.ts'
import { digestOf, type NodeId } from '../../base/ids.ts'
import type { Journal } from '../../ports/journal.ts'
import { SimJournals } from '../../simulator/sim-journal.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import { SimMetrics } from '../../simulator/world-metrics.ts'
import { GroupCode, GroupError } from '../group/index.ts'
import type { AddedList } from '../group/interface.ts'
import type { BlockCopy } from '../vault/interface.ts'
import { BlockCode, BlockError } from './errors.ts'
import {
  Bench,
  blockIdAt,
  crypto,
  MemoryVault,
  nodes,
  placement,
  silentLog,
} from './fixture.test.ts'
import { keyText } from './holder.ts'
import { catchUpMs, listHeightsMax, repairIntervalMs, repairsInFlightMax } from './limits.ts'
import type { FetchOptions } from './reader.ts'
import { Repair } from './repair.ts'

const self = nodes[0] as NodeId
type Block = AddedList['blocks'][number]

/** The n-th block that belongs here (or does not), with its sealed bytes. */
function blockAt(n: number, belongs = true): Block & { readonly sealed: Uint8Array } {
  for (let index = n * 1_000; ; index++) {
    const id = blockIdAt(index)
    if (placement.holdersOf(id, 3).includes(self) !== belongs) continue
    const sealed = utf8(`sealed ${n}`)
    const hash = digestOf(toHex(crypto.sha256(sealed)))
    const releaseTag = new Uint8Array(16).fill(n)
    return { id, version: 1, hash, sealedBytes: sealed.length, releaseTag, replicas: 3, sealed }
  }
}

/** A holder with the lists of a group and the copies of others, both in this test's hands. */
class RepairBench {
  readonly bench = new Bench()
  readonly vault = new MemoryVault(this.bench)
  readonly lists = new Map<number, readonly Block[]>()
  readonly elsewhere = new Map<string, BlockCopy>()
  readonly fetched: { readonly name: string; readonly options: FetchOptions }[] = []
  readonly asked: number[] = []
  readonly fatal: Error[] = []
  readonly metrics = new SimMetrics()
  tip = 0
  groupIsAway = false
  /** So long it takes to find that nobody has a block. */
  silentMs = 0
  fetchesAtOnce = 0
  fetchesAtOnceMax = 0
  readonly repair: Repair

  constructor({ journal }: { readonly journal: Journal }) {
    this.repair = new Repair({
      self,
      clock: this.bench.clock,
      journal,
      vault: this.vault,
      placement,
      log: silentLog,
      metrics: this.metrics,
      onFatal: (error) => void this.fatal.push(error),
      group: {
        addedLists: async ({ fromHeight, countMax }) => {
          await this.bench.after(1)
          if (this.groupIsAway) throw new GroupError(GroupCode.Unavailable, 'away', {})
          this.asked.push(fromHeight)
          const nextHeight = Math.max(fromHeight, Math.min(this.tip + 1, fromHeight + countMax))
          const lists: AddedList[] = []
          for (let height = fromHeight; height < nextHeight; height++) {
            const blocks = this.lists.get(height)
            if (blocks !== undefined) lists.push({ height, blocks })
          }
          return { lists, nextHeight }
        },
      },
      reader: {
        fetch: async (key, options) => {
          this.fetched.push({ name: keyText(key), options })
          this.fetchesAtOnceMax = Math.max(this.fetchesAtOnceMax, ++this.fetchesAtOnce)
          await this.bench.after(5)
          this.fetchesAtOnce--
          const copy = this.elsewhere.get(keyText(key))
          if (copy === undefined) await this.bench.after(this.silentMs)
          if (copy === undefined) throw new BlockError(BlockCode.Unreachable, 'nobody', {})
          return copy
        },
      },
    })
  }

  /** A height with these blocks; others have them unless told. */
  add(blocks: readonly (Block & { readonly sealed: Uint8Array })[], stored = true): number {
    this.lists.set(++this.tip, blocks)
    for (const block of blocks) if (stored) this.elsewhere.set(keyText(block), block)
    return this.tip
  }

  has(block: Block): boolean {
    return this.vault.has(block)
  }
}

async function started(
  journals = new SimJournals({ random: new SimRandom('repair') }),
): Promise<RepairBench> {
  return new RepairBench({ journal: await journals.opener().open('section') })
}

test('a node that was away fetches what it missed and what belongs to it, and notes how far it is', async () => {
  const one = await started()
  const mine = [blockAt(1), blockAt(2), blockAt(3)]
  one.add(mine.slice(0, 2))
  one.add([blockAt(4, false)])
  one.tip += 3 * listHeightsMax
  one.add(mine.slice(2))
  await one.repair.start()
  await one.bench.pass(300)
  assert(mine.every((block) => one.has(block)))
  assert.equal(one.fetched.length, 3)
  assert.equal(one.repair.checkedHeight, one.tip)
  assert.equal(one.repair.missingCount, 0)
  for (const { options } of one.fetched) {
    assert.deepEqual([options.skipSelf, options.accuses], [true, false])
  }
  assert.deepEqual(one.vault.blocks.get(keyText(mine[1] as Block))?.releaseTag, mine[1]?.releaseTag)
})

test('the next run goes on from there', async () => {
  const journals = new SimJournals({ random: new SimRandom('restart') })
  const journal = await journals.opener().open('section')
  const before = new RepairBench({ journal })
  before.add([blockAt(1)])
  before.tip = 40
  await before.repair.start()
  await before.bench.pass(100)
  await before.repair.stop()
  const after = new RepairBench({ journal })
  after.tip = 41
  await after.repair.start()
  assert.equal(after.repair.checkedHeight, 40)
  await after.bench.pass(10)
  assert.equal(after.asked[0], 41)
})

test('after its catch-up it looks once at what former runs checked: a file that vanished is fetched', async () => {
  const journals = new SimJournals({ random: new SimRandom('vanished') })
  const journal = await journals.opener().open('section')
  const before = new RepairBench({ journal })
  const block = blockAt(1)
  before.add([block])
  await before.repair.start()
  await before.bench.pass(100)
  await before.repair.stop()
  // The vault of the next run has lost it.
  const after = new RepairBench({ journal })
  after.add([block])
  await after.repair.start()
  await after.bench.pass(3 * repairIntervalMs)
  assert(after.has(block))
  assert.equal(after.metrics.get('blocks.recheck_missing_count'), 1)
})

test('what cannot be had now is tried again, and nothing behind it waits for it', async () => {
  const one = await started()
  const lost = blockAt(1)
  const later = blockAt(2)
  one.add([lost], false)
  one.add([later])
  await one.repair.start()
  await one.bench.pass(100)
  assert(one.has(later) && !one.has(lost))
  assert.deepEqual([one.repair.checkedHeight, one.repair.missingCount], [0, 1])
  one.elsewhere.set(keyText(lost), lost)
  await one.bench.pass(2 * repairIntervalMs)
  assert(one.has(lost))
  assert.deepEqual([one.repair.checkedHeight, one.repair.missingCount], [2, 0])
})

test('a block that was added a moment ago is left to its writer; if he fails, it is fetched', async () => {
  const one = await started()
  await one.repair.start()
  await one.bench.pass(catchUpMs + repairIntervalMs)
  const arriving = blockAt(1)
  const missed = blockAt(2)
  one.add([arriving, missed])
  await one.bench.pass(repairIntervalMs)
  await one.bench.finish(one.vault.put(arriving))
  await one.bench.pass(2 * repairIntervalMs)
  assert(one.has(missed))
  assert.deepEqual(
    one.fetched.map(({ name }) => name),
    [keyText(missed)],
  )
})

test('a damaged copy is fetched at once, from its holders, with the tag of the lists', async () => {
  const one = await started()
  const block = blockAt(1)
  const gone = blockAt(2)
  one.add([block, gone])
  await one.repair.start()
  await one.bench.pass(catchUpMs + repairIntervalMs)
  const name = keyText(block)
  one.fetched.length = 0
  one.vault.blocks.delete(name)
  // Whoever answers has the right bytes, since they have a hash; the tag he may have made up.
  one.elsewhere.set(name, { ...block, releaseTag: new Uint8Array(16).fill(0xee) })
  one.repair.damaged(block)
  await one.bench.pass(50)
  assert(one.has(block))
  assert.equal(one.fetched[0]?.options.replicas, block.replicas)
  assert.deepEqual(one.vault.blocks.get(name)?.releaseTag, block.releaseTag)
  one.vault.blocks.delete(keyText(gone))
  one.elsewhere.delete(keyText(gone))
  one.repair.damaged(gone)
  await one.bench.pass(50)
  assert.deepEqual([one.repair.missingCount, one.repair.checkedHeight], [1, 0])
  one.elsewhere.set(keyText(gone), gone)
  await one.bench.pass(repairIntervalMs + 100)
  assert.deepEqual([one.repair.missingCount, one.repair.checkedHeight], [0, 1])
})

test('a damaged copy is found in any list, also when a walk is just past it', async () => {
  const one = await started()
  const first = blockAt(1)
  const last = blockAt(2)
  one.add([first])
  one.tip += 40 * listHeightsMax
  one.add([last])
  await one.repair.start()
  await one.bench.pass(catchUpMs + repairIntervalMs)
  for (const block of [first, last]) one.vault.blocks.delete(keyText(block))
  one.repair.damaged(last)
  await one.bench.pass(10)
  // The walk from the first height on is under way by now.
  one.repair.damaged(first)
  await one.bench.pass(10 * repairIntervalMs)
  assert(one.has(first) && one.has(last))
  assert.equal(one.repair.missingCount, 0)
})

test('a damaged copy that no list names, as a torn write leaves it, is asked of nobody', async () => {
  const one = await started()
  const other = blockAt(2)
  one.add([other])
  await one.repair.start()
  await one.bench.pass(catchUpMs + repairIntervalMs)
  one.fetched.length = 0
  one.repair.damaged(blockAt(1))
  await one.bench.pass(3 * repairIntervalMs)
  assert.deepEqual([one.fetched.length, one.repair.missingCount], [0, 0])
  assert.equal(one.metrics.get('blocks.damaged_unnamed_count'), 1)
})

test('holders that are silent do not hold up newer lists, nor what others have', async () => {
  const one = await started()
  const lost = Array.from({ length: 400 }, (_, index) => blockAt(index + 1))
  one.add(lost, false)
  one.tip += 3 * listHeightsMax
  const later = blockAt(900)
  one.add([later])
  one.silentMs = 10_000
  await one.repair.start()
  // Tried one after the other, the lost ones would take 1,000 s.
  await one.bench.pass(60_000)
  assert(one.has(later))
  assert.equal(one.repair.missingCount, lost.length)
  const tried = new Set(one.fetched.map(({ name }) => name))
  assert(tried.size >= 16, 'each look tries others')
  assert.equal(tried.size, one.fetched.length, 'none again while others were never tried')
})

test('few blocks are fetched at once, however many are missing', async () => {
  const one = await started()
  one.add(Array.from({ length: 40 }, (_, index) => blockAt(index + 1)))
  await one.repair.start()
  await one.bench.pass(1_000)
  assert.equal(one.vault.blocks.size, 40)
  assert.equal(one.fetchesAtOnceMax, repairsInFlightMax)
})

test('while the group is away it waits and tries again', async () => {
  const one = await started()
  one.add([blockAt(1)])
  one.groupIsAway = true
  await one.repair.start()
  await one.bench.pass(2 * repairIntervalMs)
  assert.equal(one.repair.checkedHeight, 0)
  one.groupIsAway = false
  await one.bench.pass(2 * repairIntervalMs)
  assert.equal(one.repair.checkedHeight, 1)
  assert.deepEqual(one.fatal, [])
})

test('a full vault is no reason to stop the node, a failed one and a failed journal are', async () => {
  const full = await started()
  full.add([blockAt(1)])
  full.vault.putFault = 'vault/full'
  await full.repair.start()
  await full.bench.pass(100)
  assert.equal(full.repair.missingCount, 1)
  assert.deepEqual(full.fatal, [])
  const failed = await started()
  failed.add([blockAt(1)])
  failed.vault.putFault = 'vault/failed'
  await failed.repair.start()
  await failed.bench.pass(100)
  assert.equal(failed.fatal.length, 1)
  const journals = new SimJournals({ random: new SimRandom('journal fails') })
  const broken = await started(journals)
  broken.add([blockAt(1)])
  journals.faults.failing = true
  await broken.repair.start()
  await broken.bench.pass(100)
  assert.equal(broken.fatal.length, 1)
})

test('stopping ends a look that is under way, and no other follows', async () => {
  const one = await started()
  one.add(Array.from({ length: 20 }, (_, index) => blockAt(index + 1)))
  await one.repair.start()
  await one.bench.pass(4)
  await one.bench.finish(one.repair.stop())
  const count = one.fetched.length
  one.repair.damaged(blockAt(1))
  await one.bench.pass(3 * repairIntervalMs)
  assert.equal(one.fetched.length, count)
  assert.deepEqual(one.fatal, [])
})
