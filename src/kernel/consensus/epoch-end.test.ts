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
import { epochKey, executedKey } from './records.ts'

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

/** A group of one over a journal whose commits are looked at. */
class Lone {
  readonly group = new Group(1)
  readonly scheduler = new Scheduler({ settle })
  readonly journals = new SimJournals({ random: new SimRandom(1) })
  readonly commits: (readonly JournalWrite[])[] = []
  readonly fatal: Error[] = []
  readonly #net = new SimLinkNet(new SimRandom(2))
  consensus!: Consensus
  application!: Ending

  async start(endHeight: number): Promise<void> {
    const { group } = this
    const process = new SimProcess(this.scheduler, 'one')
    const clock = new SimClock(process)
    const inner = await this.journals.opener(clock).open('consensus')
    const journal: Journal = {
      get: (key) => inner.get(key),
      range: (range) => inner.range(range),
      close: () => inner.close(),
      commit: (writes) => {
        this.commits.push([...writes])
        return inner.commit(writes)
      },
    }
    const self = group.config.members[0]!.node
    this.application = new Ending(endHeight, group.config.members)
    this.consensus = createConsensus({
      ...{ config: group.config, self, consensusKeyPair: group.keys[0]!, mayBeNew: true },
      ...{ links: this.#net.linksOf(self, process), journal, clock, crypto: group.crypto },
      ...{ log: new SimLog(process), metrics: memoryMetrics() },
      ...{ application: this.application, restoredHeight: 0, delta0Ms: 50 },
      onFatal: (error) => this.fatal.push(error),
    })
    await this.run(this.consensus.start())
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

test('C24: the block that ends an epoch and the new epoch are one commit, whatever expires then', async () => {
  const lone = new Lone()
  await lone.start(2)
  for (const id of [1, 2, 3]) {
    lone.consensus.submit(makeItem(id, 20))
    await lone.until(() => lone.application.order.includes(id))
  }
  assert.equal(lone.consensus.status().epoch, 2)
  const executing = lone.commits.filter((writes) => puts(writes, executedKey))
  assert.deepEqual(
    executing.map((writes) => puts(writes, epochKey)),
    [false, true, false],
  )
})
