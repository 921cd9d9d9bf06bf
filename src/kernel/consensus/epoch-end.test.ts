/** The end of a consensus epoch in the driver: what is durable together, and who votes on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Group } from '../../../test/conformance/consensus-fixture.ts'
import { memoryMetrics } from '../../../test/conformance/consensus-metrics.ts'
import { equalBytes } from '../../base/bytes.ts'
import type { Journal, JournalWrite } from '../../ports/journal.ts'
import { CountingApplication, makeItem } from '../../simulator/consensus-application.ts'
import { Scheduler } from '../../simulator/scheduler.ts'
import { SimClock } from '../../simulator/sim-clock.ts'
import { SimJournals } from '../../simulator/sim-journal.ts'
import { SimLinkNet } from '../../simulator/sim-links.ts'
import { SimLog } from '../../simulator/sim-log.ts'
import { SimProcess } from '../../simulator/sim-process.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import { createConsensus } from './consensus.ts'
import type { Consensus, ConsensusMember } from './interface.ts'
import { epochKey, executedKey, ownKeyWrite } from './records.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Ends the epoch at a height; what expires next changes with every block. */
class Ending extends CountingApplication {
  readonly #endHeight: number
  readonly #members: readonly ConsensusMember[]

  constructor(endHeight: number, members: readonly ConsensusMember[]) {
    super({ onExecuted: () => undefined, onDurable: () => undefined })
    this.#endHeight = endHeight
    this.#members = members
  }

  nextExpiryMs(): number | undefined {
    return 10_000_000 + this.height
  }

  membersAfter(height: number): readonly ConsensusMember[] | undefined {
    return height === this.#endHeight ? this.#members : undefined
  }
}

type Node = { readonly consensus: Consensus; readonly application: Ending }

/** A group over journals whose commits are looked at; its epoch ends at a height. */
class Ended {
  readonly group: Group
  readonly scheduler = new Scheduler({ settle })
  readonly commits: (readonly JournalWrite[])[] = []
  readonly fatal: Error[] = []
  readonly nodes: Node[] = []
  readonly #net = new SimLinkNet(new SimRandom(2))

  constructor(memberCount: number) {
    this.group = new Group(memberCount)
  }

  /** @param lost what is left in the journal of a member that has lost its votes. */
  async start(endHeight: number, lost?: readonly JournalWrite[]): Promise<Node> {
    const { group, nodes } = this
    const index = nodes.length
    const process = new SimProcess(this.scheduler, `n${index}`)
    const clock = new SimClock(process)
    const journals = new SimJournals({ random: new SimRandom(index) })
    const inner = await journals.opener(clock).open('consensus')
    if (lost !== undefined) await this.run(inner.commit(lost))
    const journal: Journal = {
      get: (key) => inner.get(key),
      range: (range) => inner.range(range),
      close: () => inner.close(),
      commit: (writes) => {
        this.commits.push([...writes])
        return inner.commit(writes)
      },
    }
    const self = group.config.members[index]!.node
    const links = this.#net.linksOf(self, process)
    const application = new Ending(endHeight, group.config.members)
    const consensus = createConsensus({
      ...{ config: group.config, self, consensusKeyPair: group.keys[index]! },
      ...{ links, journal, clock, crypto: group.crypto, mayBeNew: lost === undefined },
      ...{ log: new SimLog(process), metrics: memoryMetrics() },
      ...{ application, restoredHeight: 0, delta0Ms: 50 },
      onFatal: (error) => this.fatal.push(error),
    })
    await this.run(consensus.start())
    await this.run(links.start())
    const node = { consensus, application }
    nodes.push(node)
    return node
  }

  async run<Value>(work: Promise<Value>): Promise<Value> {
    let isOver = false
    const over = (): void => {
      isOver = true
    }
    work.then(over, over)
    await this.until(() => isOver)
    return work
  }

  async until(condition: () => boolean): Promise<void> {
    const end = await this.scheduler.run({ until: condition, timeMsMax: 60_000 })
    assert.deepEqual([end, this.fatal], ['reached', []])
  }
}

const puts = (writes: readonly JournalWrite[], key: Uint8Array): boolean =>
  writes.some((write) => write.kind === 'put' && equalBytes(write.key, key))

test('C25: the block that ends an epoch and the new epoch are one commit, whatever expires then', async () => {
  const world = new Ended(1)
  const { application, consensus } = await world.start(2)
  for (const id of [1, 2, 3]) {
    consensus.submit(makeItem(id, 20))
    await world.until(() => application.order.includes(id))
  }
  assert.equal(consensus.status().epoch, 2)
  const executing = world.commits.filter((writes) => puts(writes, executedKey))
  assert.deepEqual(
    executing.map((writes) => puts(writes, epochKey)),
    [false, true, false],
  )
})

test('C96: a member without memory stays silent in the next epoch, unless its key is a new one', async () => {
  const world = new Ended(4)
  for (let index = 0; index < 3; index++) await world.start(1)
  // Its key was made for a readmission once, and has voted since.
  const { consensus } = await world.start(1, [ownKeyWrite(new Uint8Array(32).fill(seedOf(world)))])
  assert(!consensus.status().votes)
  for (const node of world.nodes) node.consensus.submit(makeItem(1, 20))
  await world.until(() => world.nodes.every((node) => node.consensus.status().epoch === 2))
  assert(!consensus.status().votes, 'it may have voted in this epoch before, and lost it')
})

/** The byte that the last member's key is made from. */
function seedOf({ group }: Ended): number {
  const { publicKey } = group.keys[3]!
  const isOf = (value: number): boolean =>
    equalBytes(group.crypto.signKeyPair(new Uint8Array(32).fill(value)).publicKey, publicKey)
  return [1, 2, 3, 4].find(isOf)!
}
