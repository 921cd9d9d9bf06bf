/**
 * A consensus group in one thread: the production driver and machine of each member over simulated
 * clock, links and journal, with troubles drawn from the seed.
 *
 * A run has three phases. *Trouble*: clients submit items while links, disks and processes fail.
 * *Healing*: everybody is up, the weather is calm; every item must be executed everywhere within a
 * bound. *Quiet*: with nothing left to do, nobody sends anything. What must hold throughout stands
 * in consensus-checks.ts.
 */

import { CodecError } from '../base/codec.ts'
import type { NodeId } from '../base/ids.ts'
import {
  type Consensus,
  type ConsensusConfig,
  type ConsensusLimits,
  type ConsensusOptions,
  consensusLimitsOf,
  contextOf,
  createConsensus,
  decodeMessage,
  type Message,
} from '../kernel/consensus/index.ts'
import type { Crypto, KeyPair } from '../ports/crypto.ts'
import { JournalError } from '../ports/journal.ts'
import { type LiarKind, liarKinds, makeLiar } from './byzantine/consensus-liars.ts'
import { foreignMessages } from './byzantine/foreign.ts'
import type { LyingMember } from './byzantine/parts.ts'
import { makeItem } from './consensus-application.ts'
import { ConsensusChecks } from './consensus-checks.ts'
import { makeConfig } from './consensus-config.ts'
import { fakeSigning } from './consensus-crypto.ts'
import { explained, failureOf, Standstill, textOf, Violation } from './consensus-failures.ts'
import {
  type ConsensusFaults,
  drawFaults,
  drawLiarCount,
  drawLimits,
  forgetfulDisks,
  namesOf,
} from './consensus-faults.ts'
import { MemoryWatch } from './consensus-memory.ts'
import { ConsensusNode, type ConsensusWorld } from './consensus-node.ts'
import { makeReadmission } from './consensus-readmission.ts'
import { decodeCounted, encodeCounted } from './consensus-snapshots.ts'
import { ConsensusTrouble } from './consensus-trouble.ts'
import { Scheduler } from './scheduler.ts'
import { calmLinkWeather, SimLinkNet } from './sim-links.ts'
import { SimRandom } from './sim-random.ts'
import { type TraceListener, TraceRecorder } from './trace.ts'
import { epochOfHead, isEpochHead } from './wire-epoch.ts'

export type ClusterOptions = {
  readonly seed: number
  readonly nodeCount: number
  /** Real primitives; signatures are replaced by simulated ones unless `realSignatures`. */
  readonly crypto: Crypto
  readonly realSignatures?: boolean
  readonly itemCount?: number
  /** Drawn from the seed when not given. */
  readonly faults?: ConsensusFaults
  /** Lost and old disks, whatever the seed draws of them. */
  readonly forget?: boolean
  /** Members that lie; drawn from the seed, up to the bound, when not given. */
  readonly liarCount?: number
  /** What they are, one kind for each liar; instead of `liarCount`. */
  readonly liars?: readonly LiarKind[]
  /** Instead of `createConsensus`, to see whether a broken rule is noticed. */
  readonly createMember?: (options: ConsensusOptions) => Consensus
  /** Stands behind the replay command: what the options above do not say. */
  readonly replaySuffix?: string
  /** Instead of the replay command that the options give. */
  readonly replayCommand?: string
  /** See `ConsensusWorld`. */
  readonly createTwin: (options: ConsensusOptions) => Consensus
  readonly limits?: Partial<ConsensusLimits>
  /** See `SnapshotParts`. */
  readonly stateUnchecked?: boolean
  /** See `ConsensusWorld`. */
  readonly crashAt?: ConsensusWorld['crashAt']
  /** See `Scheduler`. */
  readonly settle: () => Promise<void>
  readonly onTrace?: TraceListener
}

export type ClusterReport = {
  readonly seed: number
  readonly nodeCount: number
  readonly liarKinds: readonly LiarKind[]
  readonly faultNames: readonly string[]
  readonly traceHash: string
  readonly eventCount: number
  readonly messageCount: number
  /** Sent until everything was done, as a part of what is too much. */
  readonly messageRatio: number
  readonly height: number
  readonly view: number
  /** Consensus epochs: one more for each block that readmitted somebody. */
  readonly epochCount: number
  /** States of others that took the place of a member's own. */
  readonly installCount: number
  /** Portable evidence of contradicting votes, all of it good. */
  readonly evidenceCount: number
  readonly crashCount: number
  readonly itemCount: number
  /** Items that stand in more than one block: leaders that could not know. */
  readonly repeatedCount: number
  /** Virtual time from the healing to the last item executed everywhere. */
  readonly healedInMs: number
}

const delta0Ms = 50
const calmSyncMs = { min: 0.1, max: 1 }
/**
 * Everything submitted is executed everywhere this long after the healing: 200 Δ0, and for each
 * liar the time of a view in which the leader is silent when Δ has grown to its most, 2 · 16 Δ0.
 */
const healMsMax = (liarCount: number): number => (200 + 32 * liarCount) * delta0Ms
/** More for each member that is still to be readmitted: an item to order, an epoch, a state. */
const readmissionMsMax = 200 * delta0Ms
const itemCountDefault = 30
const clientRetryMs = 400
/** Of answers with a state, so many are others than were vouched for. */
const wrongStateChance = 0.15
/** A member without a vote asks for it so often. */
const readmitEveryMs = 400
const eventCountMax = 2_000_000
/** Whatever is under way when the last item is done: four times the longest timer, 3 · 16 Δ0. */
const drainMs = 10_000
/** So often at most: a liar may leave views behind that have to time out one after the other. */
const drainsMax = 12
const quietMs = 30_000
/** Messages between each two members in one drain: twice what retries at the shortest Δ need. */
const stormPerPair = 800
/** Between each two members, for each occasion: three times the most that seeds needed. */
const messagesPerPairMax = 3.7

export class ConsensusCluster {
  readonly #options: ClusterOptions
  readonly #random: SimRandom
  readonly #recorder = new TraceRecorder()
  readonly #scheduler: Scheduler
  readonly #net: SimLinkNet
  readonly #world: ConsensusWorld
  readonly #checks: ConsensusChecks
  readonly #faults: ConsensusFaults
  readonly #items: Uint8Array[] = []
  /** The correct members. */
  readonly nodes: ConsensusNode[] = []
  /** By place in the configuration. */
  readonly #liarKinds: ReadonlyMap<number, LiarKind>
  readonly #liars: LyingMember[] = []
  readonly #keys: readonly KeyPair[]
  readonly #memory: MemoryWatch
  readonly #stateDice: SimRandom
  #messageCount = 0
  #messageRatio = 0
  readonly #trouble: ConsensusTrouble
  #failure: Error | undefined
  #troubled = true

  constructor(options: ClusterOptions) {
    this.#options = options
    this.#random = new SimRandom(options.seed, `consensus ${options.nodeCount}`)
    this.#stateDice = this.#random.fork('states')
    this.#scheduler = new Scheduler({
      settle: options.settle,
      onTrace: (event) => {
        this.#recorder.listen(event)
        options.onTrace?.(event)
      },
    })
    const drawn = options.faults ?? drawFaults(this.#random.fork('faults'), options.nodeCount)
    this.#faults = options.forget === true ? { ...drawn, ...forgetfulDisks } : drawn
    this.#net = new SimLinkNet(this.#random.fork('net'), this.#faults.weather)
    this.#liarKinds = this.#chooseLiars()
    const crypto = options.realSignatures === true ? options.crypto : fakeSigning(options.crypto)
    const { config, keys } = makeConfig(this.#random.fork('keys'), options.nodeCount, crypto)
    this.#keys = keys
    this.#checks = new ConsensusChecks({ config, crypto, liars: [...this.#liarKinds.keys()] })
    const limits = options.limits ?? drawLimits(this.#random.fork('limits'))
    this.#world = {
      scheduler: this.#scheduler,
      crypto,
      config,
      net: this.#net,
      checks: this.#checks,
      delta0Ms,
      limits,
      snapshotHeights: this.#faults.snapshotHeights,
      askState: (holder, height) => this.#askState(holder, height),
      stateUnchecked: options.stateUnchecked === true,
      createMember: options.createMember ?? createConsensus,
      createTwin: options.createTwin,
      onFailure: (node, error) => this.#fail(node, error),
      boundaryCrashChance: this.#faults.boundaryCrashChance,
      crashAt: options.crashAt,
    }
    for (const [index, pair] of keys.entries()) {
      const own = { index, keys: pair, random: this.#random.fork(`node ${index}`) }
      if (!this.#liarKinds.has(index)) this.nodes.push(new ConsensusNode(this.#world, own))
    }
    this.#memory = new MemoryWatch(this.nodes, consensusLimitsOf(limits))
    this.#trouble = new ConsensusTrouble(this.#world, {
      nodes: this.nodes,
      faults: this.#faults,
      restart: (node) => this.#startNode(node),
    })
    this.#watchWires(config, crypto)
    this.#makeItems()
  }

  /** Each liar is of a kind of its own, if that is not given. */
  #chooseLiars(): Map<number, LiarKind> {
    const { liarCount, liars, nodeCount } = this.#options
    const random = this.#random.fork('liars')
    const count = liars?.length ?? liarCount ?? drawLiarCount(random, nodeCount)
    const indexes = Array.from({ length: nodeCount }, (_, index) => index)
    const chosen = random.shuffled(indexes).slice(0, count)
    return new Map(chosen.map((index, place) => [index, liars?.[place] ?? random.pick(liarKinds)]))
  }

  async #makeLiars(): Promise<void> {
    const kinds = [...this.#liarKinds.values()]
    const random = this.#random.fork('foreign')
    const { settle } = this.#options
    const foreign = kinds.includes('forger')
      ? await foreignMessages(this.#world, { keys: this.#keys, random, settle })
      : []
    for (const [index, kind] of this.#liarKinds) {
      const keys = this.#keys[index]
      if (keys === undefined) throw new RangeError(`there is no member ${index}`)
      this.#scheduler.trace('cluster/liar', index, kind)
      const own = { index, keys, random: this.#random.fork(`node ${index}`), foreign }
      this.#liars.push(makeLiar(kind, { world: this.#world, ...own }))
    }
  }

  #watchWires(config: ConsensusConfig, crypto: Crypto): void {
    const indexes = new Map(config.members.map((member, index) => [member.node, index]))
    const limits = consensusLimitsOf(this.#world.limits)
    // However few signers there are: what is too few, the checks say.
    const wire = { crypto, context: { ...contextOf(config), quorum: 0 }, limits }
    this.#net.onWire((from, _to, message) => {
      const index = indexes.get(from) ?? -1
      const isLiar = this.#liarKinds.has(index)
      if (!isLiar) this.#messageCount++
      if (isEpochHead(message.head)) return
      this.#guard(() => {
        const epoch = epochOfHead(message.head)
        const facts = this.#checks.epochs.of(epoch)
        if (facts === undefined) {
          if (isLiar) return
          throw new Violation(`node ${index} speaks of epoch ${epoch}, which does not exist`)
        }
        let decoded: Message
        try {
          decoded = decodeMessage(message, index, { ...wire, context: { ...wire.context, epoch } })
        } catch (error) {
          if (!(error instanceof CodecError)) throw error
          if (isLiar) return
          throw new Violation(`node ${index} sends what nobody can read: ${error.message}`)
        }
        this.#checks.onWire(index, decoded, facts)
      })
    })
  }

  /** What a member that is up says its state was: now and then another one, as a liar would. */
  #askState(holder: NodeId, height: number): Uint8Array | undefined {
    const node = this.nodes.find((one) => one.id === holder)
    const bytes = node?.isUp === true ? node.application?.stateAt(height) : undefined
    if (bytes === undefined || !this.#stateDice.happens(wrongStateChance)) return bytes
    const { members } = this.#world.config
    const state = decodeCounted(bytes, members)
    return encodeCounted({ ...state, order: state.order.slice(1) })
  }

  #makeItems(): void {
    const random = this.#random.fork('items')
    const count = this.#options.itemCount ?? itemCountDefault
    for (let id = 0; id < count; id++) {
      const size = random.happens(0.1) ? random.below(60_000) : random.below(300)
      this.#items.push(makeItem(id, size))
    }
  }

  #fail(node: number, error: unknown): void {
    this.#failure ??= failureOf(node, error)
  }

  #guard(check: () => void): void {
    try {
      check()
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error(String(error))
    }
  }

  /** A whole run. @throws ClusterFailure: the seed, what broke and the command that replays it. */
  async run(): Promise<ClusterReport> {
    try {
      await this.#makeLiars()
      for (const node of this.nodes) this.#startNode(node)
      for (const liar of this.#liars) liar.start()
      this.#submitAll()
      this.#readmitAll(this.#random.fork('readmissions'))
      this.#trouble.start(this.#random.fork('trouble'))
      await this.#runFor(this.#faults.durationMs, () => false)
      const healedInMs = await this.#heal()
      await this.#quiet()
      this.#checks.checkAncestry()
      return this.#report(healedInMs)
    } catch (error) {
      throw this.#explain(this.#behind(error))
    }
  }

  async #runFor(timeMsMax: number, until: () => boolean): Promise<boolean> {
    const end = await this.#scheduler.run({
      timeMsMax,
      eventCountMax,
      until: () => {
        this.#guard(() => this.#memory.look())
        return this.#failure !== undefined || until()
      },
    })
    if (this.#failure !== undefined) throw this.#failure
    if (end === 'events') throw new Standstill(`more than ${eventCountMax} events: a storm`)
    return end === 'reached'
  }

  #startNode(node: ConsensusNode): void {
    const random = this.#random.fork(`restart ${node.index}`)
    const { clockSkewMs, replayChance, syncMs } = this.#faults
    node.wallOffsetMs = this.#troubled
      ? Math.round(random.between({ min: -clockSkewMs, max: clockSkewMs }))
      : 0
    node.journals.faults.commitMs = this.#troubled ? syncMs : calmSyncMs
    node.start({ loseApplication: node.crashCount > 0 && random.happens(replayChance) })
  }

  /**
   * Clients hand each item to the members that are up, again and again until it is executed; now
   * and then they reach one member only.
   */
  #submitAll(): void {
    const random = this.#random.fork('clients')
    for (const [id, item] of this.#items.entries()) {
      const offer = (): void => {
        if (this.#isDone(id)) return
        const reached = random.happens(this.#faults.loneSubmitChance)
          ? [random.pick(this.nodes)]
          : this.nodes
        for (const node of reached) node.consensus?.submit(item)
        for (const liar of this.#liars) liar.submit?.(item)
        this.#scheduler.after(clientRetryMs, offer, `client ${id}`)
      }
      const atMs = random.between({ min: 0, max: this.#faults.durationMs * 0.9 })
      this.#scheduler.after(atMs, offer, `client ${id}`)
    }
  }

  /** For members without a vote, until nobody is without one any more. */
  #readmitAll(random: SimRandom): void {
    for (const node of this.nodes)
      if (node.consensus?.status().votes === false)
        this.#readmit(node, random.bytes(32)).catch((error: unknown) => {
          // It died, or its disk failed: it will ask again.
          if (!(error instanceof JournalError)) this.#fail(node.index, error)
        })
    // Also when all is done: a wish of before may come late, and give a member a key that it lost.
    this.#scheduler.after(readmitEveryMs, () => this.#readmitAll(random), 'readmissions')
  }

  async #readmit(node: ConsensusNode, seed: Uint8Array): Promise<void> {
    const { consensus } = node
    if (consensus === undefined) return
    const { consensusPair } = await consensus.prepareKey(seed)
    if (consensus.status().votes) return
    const { publicKey } = consensusPair
    const { epoch } = consensus.config()
    this.#checks.epochs.made(node.index, publicKey)
    const item = makeReadmission({ member: node.index, epoch, key: publicKey })
    this.#scheduler.trace('cluster/readmit', node.index, epoch)
    for (const other of this.nodes) other.consensus?.submit(item)
    for (const liar of this.#liars) liar.submit?.(item)
  }

  /** Executed, and durable somewhere. */
  #isDone(id: number): boolean {
    const height = this.#checks.itemHeights.get(id)
    return height !== undefined && this.nodes.some((node) => node.durableHeight >= height)
  }

  async #heal(): Promise<number> {
    this.#scheduler.trace('cluster/heal')
    this.#trouble.end()
    this.#troubled = false
    this.#world.boundaryCrashChance = 0
    this.#net.weather = calmLinkWeather
    this.#net.heal()
    const startedMs = this.#scheduler.nowMs
    for (const node of this.nodes) {
      node.process?.thaw()
      node.journals.faults.failing = false
      node.journals.faults.full = false
      // The operator sets the clocks; a running node notices at its next start.
      if (node.wallOffsetMs !== 0 && node.isUp) node.crash('clock set')
      this.#startNode(node)
      node.journals.faults.commitMs = calmSyncMs
    }
    const { epochs } = this.#checks
    const forgetful = this.nodes.filter(({ index }) => !epochs.isSound(index))
    const timeMsMax = healMsMax(this.#liarKinds.size) + forgetful.length * readmissionMsMax
    const done = await this.#runFor(timeMsMax, () => this.#isComplete())
    if (!done) throw new Standstill(`${this.#missing()} after ${timeMsMax} ms without trouble`)
    this.#checkBudget()
    return this.#scheduler.nowMs - startedMs
  }

  #isComplete(): boolean {
    if (this.#checks.itemHeights.size < this.#items.length) return false
    const { epoch } = this.#checks.epochs.newest.config
    return this.nodes.every((node) => {
      if (node.durableHeight < this.#checks.height) return false
      const status = node.consensus?.status()
      return status?.votes === true && status.epoch === epoch
    })
  }

  #missing(): string {
    const heights = this.nodes.map((node) => {
      const status = node.consensus?.status()
      const { epoch, finalView, pendingItemCount, view, votes } = status ?? {}
      const voice = votes === true ? '' : '/mute'
      return `${epoch}:${node.durableHeight}/${view}/${finalView}/${pendingItemCount}${voice}`
    })
    const executed = this.#checks.itemHeights.size
    return `${executed} of ${this.#items.length} items executed, members at ${heights.join(' ')}`
  }

  /** With nothing to do, an hour costs nothing: no message, after what is under way has arrived. */
  async #quiet(): Promise<void> {
    for (const liar of this.#liars) liar.stop()
    for (let drains = 0; (await this.#sentWithin(drainMs)) > 0; drains++)
      if (drains === drainsMax) throw new Standstill('a group without work does not fall silent')
    const sent = await this.#sentWithin(quietMs)
    if (sent > 0) throw new Standstill(`an idle group sent ${sent} messages in ${quietMs} ms`)
    if (!this.#isComplete()) throw new Standstill('members are not equal in the end')
    const orders = new Set(this.nodes.map((node) => node.application?.order.join(' ')))
    if (orders.size !== 1) throw new Violation('applications differ in the end')
    const order = this.nodes[0]?.application?.order ?? []
    if (order.length !== this.#items.length) throw new Violation('an item was lost or repeated')
  }

  async #sentWithin(timeMs: number): Promise<number> {
    const before = this.#messageCount
    const stormCount = stormPerPair * this.#options.nodeCount ** 2
    const isStorm = await this.#runFor(timeMs, () => this.#messageCount > before + stormCount)
    if (isStorm) throw new Standstill(`more than ${stormCount} messages with nothing left to do`)
    return this.#messageCount - before
  }

  /**
   * Storms show as messages per occasion for some: views, crashes, and each Δ0 until everything is
   * done, since retries are a matter of time. The idle time behind that would excuse anything.
   */
  #checkBudget(): void {
    const open = Math.max(...this.nodes.map((node) => node.consensus?.status().view ?? 0))
    const views = this.#checks.viewCount + open
    const occasions = views + this.#crashCount + this.#scheduler.nowMs / delta0Ms
    const budget = messagesPerPairMax * this.#options.nodeCount ** 2 * occasions
    this.#messageRatio = this.#messageCount / budget
    if (this.#messageCount > budget)
      throw new Standstill(`${this.#messageCount} messages where ${Math.round(budget)} are many`)
  }

  get #crashCount(): number {
    return this.nodes.reduce((sum, node) => sum + node.crashCount, 0)
  }

  #report(healedInMs: number): ClusterReport {
    const views = this.nodes.map((node) => node.consensus?.status().view ?? 0)
    return {
      seed: this.#options.seed,
      nodeCount: this.#options.nodeCount,
      liarKinds: [...this.#liarKinds.values()],
      faultNames: namesOf(this.#faults),
      traceHash: this.#recorder.hash,
      eventCount: this.#scheduler.ranCount,
      messageCount: this.#messageCount,
      messageRatio: this.#messageRatio,
      height: this.#checks.height,
      view: Math.max(...views),
      epochCount: this.#checks.epochs.count,
      installCount: this.#checks.installCount,
      evidenceCount: this.#checks.evidenceCount,
      crashCount: this.#crashCount,
      itemCount: this.#items.length,
      repeatedCount: this.#checks.repeatedCount,
      healedInMs,
    }
  }

  /** What the seed brings, for people. */
  get troubleText(): string {
    const names = namesOf(this.#faults)
    const liars = [...this.#liarKinds].map(([index, kind]) => `member ${index} is a liar (${kind})`)
    names.unshift(...liars)
    return names.join(', ') || 'none'
  }

  /** How events name a member: its process, and its node id cut short. */
  namesOf(member: number): string[] {
    const node = this.#world.config.members[member]?.node ?? ''
    return [`n${member}`, `liar${member}`, node.slice(0, 4)]
  }

  /** Gives the same run again. */
  get replayCommand(): string {
    const { itemCount, nodeCount, realSignatures, replayCommand, seed } = this.#options
    if (replayCommand !== undefined) return replayCommand
    const parts = [`npm run sim -- --seed ${seed} --nodes ${nodeCount}`]
    if (itemCount !== undefined && itemCount !== itemCountDefault)
      parts.push(`--items ${itemCount}`)
    const { liarCount, liars } = this.#options
    if (liars !== undefined) parts.push(`--liars ${liars.join(',')}`)
    else if (liarCount !== undefined) parts.push(`--liars ${liarCount}`)
    if (realSignatures === true) parts.push('--real')
    if (this.#options.forget === true) parts.push('--forget')
    if (this.#options.replaySuffix !== undefined) parts.push(this.#options.replaySuffix)
    return parts.join(' ')
  }

  /** No command has what a test made by hand. */
  get #replayLine(): string {
    const { createMember, faults, limits, replayCommand, replaySuffix } = this.#options
    const isOwn = faults !== undefined || limits !== undefined || createMember !== undefined
    const isSaid = replayCommand !== undefined || replaySuffix !== undefined
    return isOwn && !isSaid
      ? 'replay: only the test that failed, which has faults, limits or members of its own'
      : `replay: ${this.replayCommand} --trace`
  }

  /** What was executed until a run stopped must explain itself too; else that is what is wrong. */
  #behind(error: unknown): unknown {
    if (error instanceof Violation) return error
    try {
      this.#checks.checkAncestry()
      return error
    } catch (violation) {
      if (!(violation instanceof Violation)) return error
      return new Violation(`${violation.message}, behind ${textOf(error)}`, { cause: error })
    }
  }

  #explain(error: unknown): Error {
    const { nodeCount, seed } = this.#options
    const lines = [
      `seed ${seed}, ${nodeCount} members, trouble: ${this.troubleText}`,
      textOf(error),
      this.#replayLine,
      'last events:',
      ...this.#recorder.lastLines(12),
    ]
    return explained(error, lines.join('\n'))
  }
}
