/** The driver over simulated ports: what it promises to the layers above and to the operator. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Group } from '../../../test/conformance/consensus-fixture.ts'
import { memoryMetrics } from '../../../test/conformance/consensus-metrics.ts'
import type { Journal } from '../../ports/journal.ts'
import { CountingApplication, makeItem } from '../../simulator/consensus-application.ts'
import { Scheduler } from '../../simulator/scheduler.ts'
import { SimClock } from '../../simulator/sim-clock.ts'
import { SimJournals } from '../../simulator/sim-journal.ts'
import { SimLinkNet } from '../../simulator/sim-links.ts'
import { SimLog } from '../../simulator/sim-log.ts'
import { SimProcess } from '../../simulator/sim-process.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import { channels, type Links } from '../links/index.ts'
import { createConsensus } from './consensus.ts'
import { ConsensusCode, ConsensusError } from './errors.ts'
import type { CommittedBlock, Consensus } from './interface.ts'
import type { ConsensusLimits } from './limits.ts'
import { writesOf } from './records.ts'
import type { Block, Certificate } from './types.ts'
import { decodeMessage, encodeEpoch, encodeMessage } from './wire.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

class World {
  readonly group: Group
  readonly scheduler = new Scheduler({ settle })
  readonly random = new SimRandom(1)
  readonly net = new SimLinkNet(this.random.fork('net'))
  readonly nodes: Node[] = []
  readonly delta0Ms: number
  limits: Partial<ConsensusLimits> = {}

  constructor(memberCount: number, delta0Ms = 50) {
    this.delta0Ms = delta0Ms
    this.group = new Group(memberCount)
    for (let index = 0; index < memberCount; index++) this.nodes.push(new Node(this, index))
  }

  async startAll(): Promise<void> {
    for (const node of this.nodes) await this.start(node)
    await this.run(() => this.nodes.every((node) => node.peerCount === this.nodes.length - 1))
  }

  async start(node: Node, restoredHeight?: number): Promise<void> {
    let error: unknown
    let done = false
    node.start(restoredHeight).then(
      () => {
        done = true
      },
      (thrown: unknown) => {
        error = thrown
        done = true
      },
    )
    await this.scheduler.run({ until: () => done })
    if (error !== undefined) throw error
  }

  async run(until: () => boolean, timeMsMax = 60_000): Promise<void> {
    const end = await this.scheduler.run({ until, timeMsMax })
    assert.equal(end, 'reached', 'it does not happen in time')
  }
}

class Node {
  readonly world: World
  readonly index: number
  readonly journals: SimJournals
  readonly metrics = memoryMetrics()
  readonly executed: CommittedBlock[] = []
  readonly durable: number[] = []
  readonly fatal: Error[] = []
  commitMs = 0
  process: SimProcess
  links!: Links
  journal!: Journal
  consensus!: Consensus
  application!: CountingApplication

  constructor(world: World, index: number) {
    this.world = world
    this.index = index
    this.journals = new SimJournals({ random: world.random.fork(`node ${index}`) })
    this.process = new SimProcess(world.scheduler, `n${index}`)
  }

  get id(): Group['config']['members'][number]['node'] {
    return this.world.group.config.members[this.index]!.node
  }

  get peerCount(): number {
    return this.links.peers().length
  }

  get height(): number {
    return this.durable.at(-1) ?? 0
  }

  crash(): void {
    this.process.kill()
    this.journals.crash()
    this.durable.length = 0
    this.executed.length = 0
    this.process = new SimProcess(this.world.scheduler, `n${this.index}`)
  }

  /** Commits take as long as `commitMs` says. */
  slowed(journal: Journal): Journal {
    const clock = new SimClock(this.process)
    const delay = (): Promise<void> => new Promise((resolve) => clock.after(this.commitMs, resolve))
    return {
      get: (key) => journal.get(key),
      range: (input) => journal.range(input),
      close: () => journal.close(),
      commit: async (writes) => {
        if (this.commitMs > 0) await delay()
        await journal.commit(writes)
      },
    }
  }

  async open(): Promise<Journal> {
    return this.journals.opener(new SimClock(this.process)).open('consensus')
  }

  async start(restoredHeight?: number): Promise<void> {
    const { group, net } = this.world
    this.journal = this.slowed(await this.open())
    this.links = net.linksOf(this.id, this.process)
    this.application = new CountingApplication({
      onExecuted: (block) => this.executed.push(block),
      onDurable: (height) => this.durable.push(height),
    })
    if (restoredHeight !== 0) await this.application.restore(this.journal)
    this.consensus = createConsensus({
      config: group.config,
      self: this.id,
      consensusKeyPair: group.keys[this.index]!,
      mayBeNew: true,
      links: this.links,
      journal: this.journal,
      clock: new SimClock(this.process),
      crypto: group.crypto,
      log: new SimLog(this.process),
      metrics: this.metrics,
      application: this.application,
      restoredHeight: restoredHeight ?? this.application.height,
      delta0Ms: this.world.delta0Ms,
      limits: this.world.limits,
      onFatal: (error) => this.fatal.push(error),
    })
    await this.consensus.start()
    await this.links.start()
  }
}

test('a world of one node orders, stores and answers', async () => {
  const world = new World(1)
  await world.startAll()
  const [node] = world.nodes
  assert(node !== undefined)
  for (let id = 1; id <= 20; id++) assert(node.consensus.submit(makeItem(id, 20)))
  assert(!node.consensus.submit(new Uint8Array(3)), 'an invalid item')
  await world.run(() => node.application.order.length === 20 && node.consensus.status().height >= 2)
  await world.run(() => node.height === node.consensus.status().height)
  const status = node.consensus.status()
  assert.equal(status.pendingItemCount, 0)
  assert.equal(status.leader, node.id)
  assert.equal(status.catchingUp, false)
  assert(status.height < 20, 'what came while the disk was busy shares a block')
  const blocks = await reads(
    world,
    node.consensus.blocks({ fromHeight: 1, countMax: 99, bytesMax: 1e6 }),
  )
  assert.deepEqual(blocks, node.executed)
})

/** Reads take virtual time. */
async function reads<Value>(world: World, promise: Promise<Value>): Promise<Value> {
  let result: { value: Value } | undefined
  const done = promise.then((value) => {
    result = { value }
  })
  await world.run(() => result !== undefined)
  await done
  assert(result !== undefined)
  return result.value
}

test('C90: heights go on after a crash; an application that lost its state gets every block again', async () => {
  const world = new World(1)
  await world.startAll()
  const [node] = world.nodes
  assert(node !== undefined)
  for (let id = 1; id <= 150; id++) {
    node.consensus.submit(makeItem(id, 20))
    await world.run(() => node.height >= id)
  }
  node.crash()
  await world.start(node)
  assert.equal(node.executed.length, 0, 'nothing is executed twice')
  assert.equal(node.consensus.status().height, 150)
  node.consensus.submit(makeItem(999, 20))
  await world.run(() => world.nodes[0]!.height === 151)
  node.crash()
  await world.start(node, 0)
  assert.deepEqual(
    node.executed.map((block) => block.height),
    Array.from({ length: 151 }, (_, at) => at + 1),
  )
  assert.equal(node.application.order.length, 151)
  assert.equal(node.durable.length, 151)
})

test('an application ahead of its log is refused', async () => {
  const world = new World(1)
  await assert.rejects(
    world.start(world.nodes[0]!, 7),
    (error) => error instanceof ConsensusError && error.code === ConsensusCode.JournalDamaged,
  )
})

test('no vote is on the wire before the disk has it; proposals are', async () => {
  const world = new World(4)
  await world.startAll()
  for (const node of world.nodes) node.journals.faults.commitMs = { min: 500, max: 500 }
  const startedMs = world.scheduler.nowMs
  const first = new Map<string, number>()
  world.net.onWire((_from, _to, message) => {
    const { kind } = decodeMessage(message, 0, world.group.wire)
    if (!first.has(kind)) first.set(kind, world.scheduler.nowMs - startedMs)
  })
  for (const node of world.nodes) node.consensus.submit(makeItem(1, 20))
  await world.run(() => first.has('vote'))
  assert((first.get('propose') ?? Number.NaN) < 1)
  assert((first.get('vote') ?? Number.NaN) >= 500)
})

test('a lone command costs three syncs and the delays of three messages', async () => {
  const world = new World(4, 1_000)
  await world.startAll()
  for (const node of world.nodes) node.journals.faults.commitMs = { min: 100, max: 100 }
  world.net.weather = { ...world.net.weather, delayMs: { min: 10, max: 10 } }
  const startedMs = world.scheduler.nowMs
  for (const node of world.nodes) node.consensus.submit(makeItem(1, 20))
  await world.run(() => world.nodes.filter((node) => node.height === 1).length >= 3)
  const tookMs = world.scheduler.nowMs - startedMs
  assert(tookMs <= 3 * 100 + 3 * 10 + 1, `${tookMs} ms`)
})

test('C90: a failing sync stops the member at once, with a clear error, and nothing leaves it', async () => {
  const world = new World(4)
  await world.startAll()
  const [node] = world.nodes
  assert(node !== undefined)
  node.journals.faults.failing = true
  let voted = 0
  world.net.onWire((from, _to, message) => {
    if (from === node.id && decodeMessage(message, 0, world.group.wire).kind === 'vote') voted++
  })
  for (const one of world.nodes) one.consensus.submit(makeItem(1, 20))
  await world.run(() => node.fatal.length > 0)
  await world.run(() => world.nodes.slice(1).every((one) => one.height >= 1))
  await world.scheduler.run({ timeMsMax: 2_000 })
  assert.equal(node.fatal.length, 1)
  const [error] = node.fatal
  assert(error instanceof ConsensusError && error.code === ConsensusCode.JournalFailed)
  assert.match(error.message, /sync failed/)
  assert.equal(voted, 0)
  assert.equal(node.height, 0)
  assert(!node.consensus.submit(makeItem(2, 20)), 'it takes nothing any more')
})

test('C90: malformed messages and messages of strangers are dropped and counted', async () => {
  const world = new World(4)
  await world.startAll()
  const [node, other] = world.nodes
  assert(node !== undefined && other !== undefined)
  const good = encodeMessage({ kind: 'ask', fromView: 1, toView: 1 }, world.group.wire)
  const noEpoch = good.head.slice().fill(0xff, 34, 42)
  for (const head of [new Uint8Array(0), new Uint8Array(100), good.head.subarray(1), noEpoch])
    other.links.send(node.id, { channel: channels.consensus, head })
  await world.run(() => node.metrics.snapshot()['consensus.malformed_messages'] === 4)
  for (const one of world.nodes) one.consensus.submit(makeItem(1, 20))
  await world.run(() => world.nodes.every((one) => one.height === 1))
})

test('a full queue: the peer is told where we are when there is room again', async () => {
  const world = new World(4)
  await world.startAll()
  world.net.weather = { ...world.net.weather, refuseChance: 1 }
  for (const node of world.nodes) node.consensus.submit(makeItem(1, 20))
  await world.scheduler.run({ timeMsMax: 20 })
  world.net.weather = { ...world.net.weather, refuseChance: 0 }
  await world.run(() => world.nodes.every((node) => node.height >= 1), 5_000)
})

test('stop: nothing happens any more, and the journal is at rest', async () => {
  const world = new World(4)
  await world.startAll()
  const [node] = world.nodes
  assert(node !== undefined)
  for (const one of world.nodes) one.consensus.submit(makeItem(1, 20))
  await reads(world, node.consensus.stop())
  const sent: string[] = []
  world.net.onWire((from) => {
    if (from === node.id) sent.push(from)
  })
  await world.run(() => world.nodes.slice(1).every((one) => one.height >= 1))
  assert.deepEqual(sent, [])
  assert(!node.consensus.submit(makeItem(2, 20)))
})

// Goal: a member that lacks ten thousand blocks is back in seconds, by a few large questions to one
// peer at a time, and has then exactly the others' log.
test('C90: a member that was away for 10,000 blocks comes back quickly', async () => {
  const count = 10_000
  const world = new World(4)
  const away = world.nodes[3]!
  const chain = longChain(world.group, count)
  const proofs = chain.map(({ digest, header }) =>
    world.group.certificate('finalize', header.view, { digest, signers: [0, 1, 2] }),
  )
  for (const node of world.nodes.slice(0, 3)) await fill(world, node, { chain, proofs })
  const asked: number[] = []
  world.net.onWire((from, _to, message) => {
    const { kind } = decodeMessage(message, 0, world.group.wire)
    if (from === away.id && kind === 'fetch') asked.push(world.scheduler.nowMs)
  })
  const startedMs = world.scheduler.nowMs
  await world.startAll()
  await world.run(() => away.height === count, 5_000)
  const tookMs = world.scheduler.nowMs - startedMs
  assert(asked.length <= 20, `${asked.length} questions`)
  assert(tookMs < 2_000, `${tookMs} ms of virtual time`)
  assert.equal(away.executed.at(-1)?.digest, chain.at(-1)?.digest)
  assert.deepEqual(away.application.order.length, count)
  // And it takes part again.
  for (const node of world.nodes) node.consensus.submit(makeItem(count + 1, 20))
  await world.run(() => world.nodes.every((node) => node.height === count + 1))
})

function longChain(group: Group, count: number): Block[] {
  const chain: Block[] = []
  for (let view = 1; view <= count; view++) {
    const parent = chain.at(-1)
    const items = [makeItem(view, 200)]
    chain.push(group.block(view, parent === undefined ? { items } : { items, parent }))
  }
  return chain
}

async function fill(
  world: World,
  node: Node,
  log: { chain: readonly Block[]; proofs: readonly Certificate[] },
): Promise<void> {
  const { chain, proofs } = log
  const { context } = world.group
  const application = new CountingApplication({ onDurable: () => {}, onExecuted: () => {} })
  const journal = await node.journals.opener().open('consensus')
  const writes = chain.flatMap((block, at) => {
    const height = at + 1
    const { digest, header, payload } = block
    const certificate = proofs[at]!
    return [
      ...writesOf({ kind: 'haveBlock', block }, context),
      ...writesOf({ kind: 'executed', height, block, certificate }, context),
      ...(height === chain.length ? writesOf({ kind: 'final', certificate }, context) : []),
      ...application.execute({
        height,
        view: header.view,
        digest,
        timeMs: header.timeMs,
        items: payload.items,
      }),
    ]
  })
  await journal.commit(writes)
  await journal.close()
}

test('C106: a disk that is far slower than the log costs a member votes, not its memory', async () => {
  const world = new World(4)
  const itemBytes = 30_000
  world.limits = {
    ...{ payloadBytesMax: 65_536, itemBytesMax: 32_768, rangeBytesMax: 65_536 },
    ...{ heldBlocksBytesMax: 131_072, unsyncedBytesMax: 131_072, poolBytesMax: 524_288 },
  }
  await world.startAll()
  const slow = world.nodes[3]!
  const others = world.nodes.slice(0, 3)
  slow.commitMs = 5_000
  const feed = new SimProcess(world.scheduler, 'feed')
  let id = 1
  const submit = (): void => {
    const item = new Uint8Array(itemBytes)
    item.set(makeItem(id++, 5))
    for (const node of others) node.consensus.submit(item)
    if (id < 400) feed.after(40, submit, 'submit')
  }
  submit()
  let most = 0
  await world.run(() => {
    most = Math.max(most, slow.metrics.snapshot()['consensus.unsynced_bytes'] ?? 0)
    return others.every((node) => node.application.order.length >= 380)
  }, 200_000)
  // Once over its bound, what it holds may still be stored, as blocks and as what they do.
  assert(most > 131_072 && most < 8 * 131_072, `${most} bytes wait for the disk`)
  slow.commitMs = 0
  await world.run(() => slow.height >= Math.max(...others.map((node) => node.height)), 120_000)
  assert.deepEqual(
    world.nodes.map((node) => node.fatal),
    [[], [], [], []],
  )
})

test('a claim of a later epoch with a forged vote counts against its sender, and moves nobody', async () => {
  const world = new World(4)
  await world.startAll()
  const [liar, node] = [world.nodes[0]!, world.nodes[1]!]
  const { genesis, members } = world.group.config
  const start = { epoch: 2, baseHeight: 1, genesis, members }
  const state = { height: 1, view: 0, digest: genesis, state: genesis }
  const vouched = { ...state, signers: [0], signatures: [new Uint8Array(64)] }
  const demerits = (): number => node.metrics.snapshot()['consensus.demerits'] ?? 0
  assert.equal(demerits(), 0)
  const encoded = encodeEpoch({ start, vouched }, world.group.wire)
  liar.links.send(node.id, { channel: channels.consensus, ...encoded })
  await world.run(() => demerits() === 1)
  assert.equal(node.consensus.status().epoch, 1)
})
