/** Expiries make work: an idle group of drivers over simulated ports lets what is due expire. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Group } from '../../../test/conformance/consensus-fixture.ts'
import { memoryMetrics } from '../../../test/conformance/consensus-metrics.ts'
import { CountingApplication } from '../../simulator/consensus-application.ts'
import { Scheduler } from '../../simulator/scheduler.ts'
import { SimClock, worldStartWallMs } from '../../simulator/sim-clock.ts'
import { SimJournals } from '../../simulator/sim-journal.ts'
import { SimLinkNet } from '../../simulator/sim-links.ts'
import { SimLog } from '../../simulator/sim-log.ts'
import { SimProcess } from '../../simulator/sim-process.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import { createConsensus } from './consensus.ts'
import type { CommittedBlock, Consensus } from './interface.ts'
import { expiryGraceMs, expiryPauseMsMax } from './limits.ts'

/** Forgets what has expired by the running maximum of the blocks' times. */
class ExpiringApplication extends CountingApplication {
  #effectiveMs = 0
  readonly left: number[]

  constructor(expiries: readonly number[]) {
    super({ onExecuted: () => {}, onDurable: () => {} })
    this.left = [...expiries]
  }

  override execute(block: CommittedBlock): ReturnType<CountingApplication['execute']> {
    this.#effectiveMs = Math.max(this.#effectiveMs, block.timeMs)
    while ((this.left[0] ?? Number.POSITIVE_INFINITY) <= this.#effectiveMs) this.left.shift()
    return super.execute(block)
  }

  nextExpiryMs(): number | undefined {
    return this.left[0]
  }
}

class Idle {
  readonly scheduler = new Scheduler({ settle: () => new Promise((done) => setImmediate(done)) })
  readonly applications: ExpiringApplication[] = []
  readonly members: Consensus[] = []
  sentCount = 0

  /** Expiries count from the world's start, in milliseconds; offsets are the members' clocks'. */
  static async of(expiries: readonly number[], offsetsMs: readonly number[]): Promise<Idle> {
    const idle = new Idle()
    const random = new SimRandom(7)
    const net = new SimLinkNet(random.fork('net'))
    net.onWire(() => idle.sentCount++)
    const group = new Group(offsetsMs.length)
    const starting = offsetsMs.map(async (wallOffsetMs, index) => {
      const process = new SimProcess(idle.scheduler, `n${index}`)
      const clock = new SimClock(process, { wallOffsetMs })
      const journals = new SimJournals({ random: random.fork(`node ${index}`) })
      const application = new ExpiringApplication(expiries.map((at) => worldStartWallMs + at))
      idle.applications.push(application)
      const self = group.config.members[index]!.node
      const links = net.linksOf(self, process)
      const consensus = createConsensus({
        config: group.config,
        self,
        consensusKeyPair: group.keys[index]!,
        mayBeNew: true,
        links,
        journal: await journals.opener(clock).open('consensus'),
        clock,
        crypto: group.crypto,
        log: new SimLog(process),
        metrics: memoryMetrics(),
        application,
        restoredHeight: 0,
        delta0Ms: 50,
        onFatal: (error) => assert.fail(error),
      })
      idle.members.push(consensus)
      await consensus.start()
      await links.start()
    })
    void Promise.all(starting)
    await idle.pass(1_000)
    return idle
  }

  async pass(timeMs: number): Promise<void> {
    const eventCountMax = 1_000_000
    await this.scheduler.run({ until: () => false, timeMsMax: timeMs, eventCountMax })
  }

  get heights(): number[] {
    return this.members.map((member) => member.status().height)
  }

  get left(): number[] {
    return this.applications.map(({ left }) => left.length)
  }
}

const minuteMs = 60_000

test('an idle group makes one block for what expires, and is silent before and after', async () => {
  const idle = await Idle.of([10 * minuteMs], [0, 300, -300, 900])
  const atStart = idle.sentCount
  await idle.pass(9 * minuteMs)
  assert.deepEqual(idle.heights, [0, 0, 0, 0])
  assert.equal(idle.sentCount, atStart, 'nobody says anything')
  await idle.pass(minuteMs + expiryGraceMs + 5_000)
  assert.deepEqual(idle.left, [0, 0, 0, 0])
  assert.deepEqual(idle.heights, [1, 1, 1, 1])
  const sent = idle.sentCount
  await idle.pass(60 * minuteMs)
  assert.equal(idle.sentCount, sent)
})

test('things that expire one after the other share blocks', async () => {
  const expiries = Array.from({ length: 1_000 }, (_, index) => minuteMs + index * 30)
  const idle = await Idle.of(expiries, [0, 0, 0, 0])
  await idle.pass(2 * minuteMs)
  assert.deepEqual(idle.left, [0, 0, 0, 0])
  assert(Math.max(...idle.heights) <= 10, `${idle.heights} blocks for half a minute`)
})

test('a clock that is an hour ahead makes a few empty blocks, no storm', async () => {
  const idle = await Idle.of([70 * minuteMs], [60 * minuteMs, 0, 0, 0])
  await idle.pass(65 * minuteMs)
  assert.deepEqual(idle.left.slice(1), [1, 1, 1])
  const early = Math.max(...idle.heights)
  const blocksMax = Math.ceil((60 * minuteMs) / expiryPauseMsMax) + 8
  assert(early >= 1 && early <= blocksMax, `${early} blocks`)
  await idle.pass(10 * minuteMs)
  assert.deepEqual(idle.left, [0, 0, 0, 0])
  assert(Math.max(...idle.heights) <= blocksMax + 2, `${idle.heights} blocks`)
})

test('one member alone lets its own things expire', async () => {
  const idle = await Idle.of([minuteMs, 3 * minuteMs], [0])
  await idle.pass(2 * minuteMs)
  assert.deepEqual(idle.left, [1])
  await idle.pass(2 * minuteMs)
  assert.deepEqual(idle.left, [0])
  assert.deepEqual(idle.heights, [2])
})
