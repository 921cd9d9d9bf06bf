/** A state that is being fetched when the group goes on to another epoch. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Group } from '../../../test/conformance/consensus-fixture.ts'
import { memoryMetrics } from '../../../test/conformance/consensus-metrics.ts'
import type { NodeId } from '../../base/ids.ts'
import { makeItem } from '../../simulator/consensus-application.ts'
import { makeReadmission } from '../../simulator/consensus-readmission.ts'
import { SnapshotApplication } from '../../simulator/consensus-snapshots.ts'
import { Scheduler } from '../../simulator/scheduler.ts'
import { SimClock } from '../../simulator/sim-clock.ts'
import { SimJournals } from '../../simulator/sim-journal.ts'
import { SimLinkNet } from '../../simulator/sim-links.ts'
import { SimLog } from '../../simulator/sim-log.ts'
import { SimProcess } from '../../simulator/sim-process.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import { createConsensus } from './consensus.ts'
import type { Application, Consensus, FetchedState, Snapshot } from './interface.ts'

type Wanted = Parameters<NonNullable<Application['fetchState']>>[0]

/** Of the states of the first epoch none ever comes; those of others as they do. */
class Waiting extends SnapshotApplication {
  readonly wanted: Wanted[] = []

  override fetchState(wanted: Wanted): Promise<FetchedState | undefined> {
    this.wanted.push(wanted)
    if (this.wanted.length > 1) return super.fetchState(wanted)
    return new Promise((resolve) => {
      wanted.signal.addEventListener('abort', () => resolve(undefined))
    })
  }
}

type Node = { readonly consensus: Consensus; readonly application: Waiting }

class World {
  readonly group = new Group(4)
  readonly nodes = new Map<NodeId, Node>()
  readonly scheduler = new Scheduler({
    settle: () => new Promise((resolve) => setImmediate(resolve)),
  })
  readonly #net = new SimLinkNet(new SimRandom(2))
  readonly #failed: unknown[] = []

  async start(index: number): Promise<Node> {
    const { config, crypto, keys } = this.group
    const process = new SimProcess(this.scheduler, `n${index}`)
    const clock = new SimClock(process)
    const random = new SimRandom(index)
    const journal = await new SimJournals({ random }).opener(clock).open('consensus')
    const onFailed = (error: unknown): number => this.#failed.push(error)
    let consensus: Consensus | undefined
    const events = { onExecuted: () => undefined, onDurable: () => undefined }
    const application = new Waiting(events, {
      ...{ config, crypto, journal, clock, random, everyHeights: 2, unchecked: false, onFailed },
      askState: (holder, height) => this.nodes.get(holder)?.application.stateAt(height),
      onSnapshot: (snapshot: Snapshot) => consensus?.snapshot(snapshot),
      onInstalled: () => undefined,
    })
    const self = config.members[index]!.node
    const links = this.#net.linksOf(self, process)
    consensus = createConsensus({
      ...{ config, self, consensusKeyPair: keys[index]!, links, journal, clock, crypto },
      ...{ application, restoredHeight: 0, delta0Ms: 50, mayBeNew: true, onFatal: onFailed },
      ...{ log: new SimLog(process), metrics: memoryMetrics() },
    })
    const node = { consensus, application }
    this.nodes.set(self, node)
    let isUp = false
    const starting = consensus.start().then(() => links.start())
    starting.then(() => {
      isUp = true
    }, onFailed)
    await this.until(() => isUp)
    return node
  }

  async order(item: Uint8Array, isDone: () => boolean): Promise<void> {
    for (const { consensus } of this.nodes.values()) consensus.submit(item)
    await this.until(isDone)
  }

  async until(condition: () => boolean): Promise<void> {
    const end = await this.scheduler.run({ until: condition, timeMsMax: 60_000 })
    assert.deepEqual([end, this.#failed], ['reached', []])
  }
}

test('C25: a new epoch ends the fetching of a state of the old one, and its own is fetched', async () => {
  const world = new World()
  const first = await world.start(0)
  const voters = [first, await world.start(1), await world.start(2)]
  const write = (id: number): Promise<void> =>
    world.order(makeItem(id, 20), () =>
      voters.every(({ application }) => application.order.includes(id)),
    )
  for (let id = 1; id <= 12; id++) await write(id)
  const late = await world.start(3)
  const { wanted } = late.application
  await world.until(() => wanted.length === 1)
  const { publicKey } = world.group.crypto.signKeyPair(new Uint8Array(32).fill(99))
  const epochs = (): boolean => voters.every(({ consensus }) => consensus.status().epoch === 2)
  await world.order(makeReadmission({ epoch: 1, member: 3, key: publicKey }), epochs)
  for (let id = 13; id <= 16; id++) await write(id)
  await world.until(() => late.application.order.includes(16))
  assert(wanted[0]?.signal.aborted, 'nobody waits for it any more')
  assert(wanted.length > 1 && wanted.slice(1).every(({ signal }) => !signal.aborted))
  assert.equal(late.consensus.status().epoch, 2)
})
