/** One member of the simulated group: its disk, and the runs of its process over it. */

import { isUnosysError } from '../base/error.ts'
import type { NodeId } from '../base/ids.ts'
import {
  type CommittedBlock,
  type Consensus,
  ConsensusCode,
  type ConsensusConfig,
  type ConsensusLimits,
  type ConsensusOptions,
} from '../kernel/consensus/index.ts'
import type { Crypto, KeyPair } from '../ports/crypto.ts'
import { type Journal, JournalError, type JournalWrite } from '../ports/journal.ts'
import type { Log } from '../ports/log.ts'
import type { Metrics } from '../ports/metrics.ts'
import { prunedBy } from './consensus-checkpoints.ts'
import type { ConsensusChecks } from './consensus-checks.ts'
import { SnapshotApplication } from './consensus-snapshots.ts'
import type { Scheduler } from './scheduler.ts'
import { SimClock } from './sim-clock.ts'
import { type JournalImage, SimJournals } from './sim-journal.ts'
import type { SimLinkNet } from './sim-links.ts'
import { SimProcess } from './sim-process.ts'
import type { SimRandom } from './sim-random.ts'

/** What all nodes of a group share. */
export type ConsensusWorld = {
  readonly scheduler: Scheduler
  readonly crypto: Crypto
  readonly config: ConsensusConfig
  readonly net: SimLinkNet
  readonly checks: ConsensusChecks
  readonly delta0Ms: number
  readonly limits: Partial<ConsensusLimits>
  /** Heights between two snapshots of the application. */
  readonly snapshotHeights: number
  /** What a member says its state after a height was; see `SnapshotParts`. */
  readonly askState: (holder: NodeId, height: number) => Uint8Array | undefined
  /** See `SnapshotParts`. */
  readonly stateUnchecked: boolean
  /** `createConsensus`, or a member that breaks a rule on purpose. */
  readonly createMember: (options: ConsensusOptions) => Consensus
  /** The same for liars who run honest code: it does not mind votes that it does not remember. */
  readonly createTwin: (options: ConsensusOptions) => Consensus
  /** A node stopped by itself: the run has failed. */
  readonly onFailure: (node: number, error: unknown) => void
  /** Chance to die at an effect; changes while the run goes on. */
  boundaryCrashChance: number
  /** One member dies at exactly this effect of its, counted from 0 over the whole run. */
  readonly crashAt?: { readonly member: number; readonly boundary: number } | undefined
}

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  for: () => silentLog,
}

export const noMetrics: Metrics = {
  count: () => undefined,
  gauge: () => undefined,
  snapshot: () => ({}),
}

/** Crypto whose signatures the checks hear of. */
export function watchedCrypto(
  world: Pick<ConsensusWorld, 'checks' | 'crypto'>,
  index: number,
  votes: () => boolean = (): boolean => true,
): Crypto {
  const { checks, crypto } = world
  return {
    ...crypto,
    sign: (secretKey, message) => {
      const signature = crypto.sign(secretKey, message)
      const publicKey = secretKey.subarray(secretKey.length - publicKeyBytes)
      checks.signed(index, message, { signature, publicKey, votes: votes() })
      return signature
    },
  }
}

/** The end of a secret key, as libsodium has them. */
const publicKeyBytes = 32

const consensusFailed = ConsensusCode.JournalFailed

export class ConsensusNode {
  readonly index: number
  readonly id: NodeId
  readonly journals: SimJournals
  readonly #world: ConsensusWorld
  readonly #keys: KeyPair
  readonly #random: SimRandom
  process: SimProcess | undefined
  consensus: Consensus | undefined
  application: SnapshotApplication | undefined
  /** False once it has run: an empty journal is a lost one then. */
  #mayBeNew = true
  durableHeight = 0
  crashCount = 0
  /** What it last said about its memory. */
  readonly gauges = new Map<string, number>()
  /** Effects at which this node could have died. */
  boundaryCount = 0
  wallOffsetMs = 0

  constructor(
    world: ConsensusWorld,
    own: { readonly index: number; readonly keys: KeyPair; readonly random: SimRandom },
  ) {
    const { index, keys, random } = own
    this.#world = world
    this.index = index
    const member = world.config.members[index]
    if (member === undefined) throw new Error('no such member')
    this.id = member.node
    this.#keys = keys
    this.#random = random
    this.journals = new SimJournals({ random })
  }

  get isUp(): boolean {
    return this.process !== undefined && this.process.state !== 'dead'
  }

  crash(why: string): void {
    if (!this.isUp) return
    this.crashCount++
    this.#world.scheduler.trace('node/crash', this.index, why)
    this.process?.kill()
    this.journals.crash()
    this.journals.faults.failing = false
    this.journals.faults.full = false
    this.consensus = undefined
  }

  /** It has run before. */
  get hasRun(): boolean {
    return !this.#mayBeNew
  }

  /** Its disk is gone. */
  wipe(): void {
    this.crash('disk lost')
    this.journals.wipe()
    this.#lost('gone')
  }

  /** Its disk is one of some time ago. */
  putBack(image: JournalImage): void {
    this.crash('old disk')
    this.journals.putBack(image)
    this.#lost('old')
  }

  #lost(how: 'gone' | 'old'): void {
    this.durableHeight = 0
    this.#world.checks.lostDisk(this.index, how)
  }

  /** Start, or start again from what the disk holds. */
  start(options: { readonly loseApplication?: boolean } = {}): void {
    if (this.isUp) return
    const process = new SimProcess(this.#world.scheduler, `n${this.index}`)
    this.process = process
    this.#run(process, options.loseApplication === true).catch((error: unknown) => {
      this.#stopped(process, error)
    })
  }

  async #run(process: SimProcess, loseApplication: boolean): Promise<void> {
    const { checks, config, net } = this.#world
    const boundary = (name: string): void => this.#maybeDie(process, name)
    const clock = new SimClock(process, { wallOffsetMs: this.wallOffsetMs })
    const journal = await this.#dyingJournal(clock, boundary)
    const application = this.#makeApplication(process, { clock, journal, boundary })
    await application.take(loseApplication)
    checks.restarted(this.index, application.height)
    this.durableHeight = Math.max(this.durableHeight, application.height)
    const links = net.linksOf(this.id, process)
    const member: { consensus?: Consensus } = {}
    const votes = (): boolean => member.consensus?.status().votes ?? true
    const consensus = this.#world.createMember({
      config,
      self: this.id,
      consensusKeyPair: this.#keys,
      mayBeNew: this.#mayBeNew,
      links: this.#dyingAround(links, boundary),
      journal,
      clock,
      crypto: watchedCrypto(this.#world, this.index, votes),
      log: silentLog,
      metrics: this.#gauges(),
      application,
      restoredHeight: application.height,
      delta0Ms: this.#world.delta0Ms,
      limits: this.#world.limits,
      onFatal: (error) => this.#stopped(process, error),
      onEvidence: (evidence) => checks.evidence(evidence),
    })
    member.consensus = consensus
    // Either may be first in a real process.
    if (this.#random.happens(0.5)) await links.start()
    await consensus.start()
    if (process.state !== 'dead') {
      this.#mayBeNew = false
      checks.remembers(this.index, application.height)
    }
    await links.start()
    if (process !== this.process || !this.isUp) return
    this.application = application
    this.consensus = consensus
    if (application.newest !== undefined) consensus.snapshot(application.newest)
  }

  #makeApplication(
    process: SimProcess,
    parts: {
      readonly clock: SimClock
      readonly journal: Journal
      readonly boundary: (name: string) => void
    },
  ): SnapshotApplication {
    const { boundary, clock, journal } = parts
    const { askState, checks, config, crypto, scheduler, snapshotHeights, stateUnchecked } =
      this.#world
    const whenAlive = (act: () => void): void => {
      if (process.state !== 'dead') act()
    }
    const onExecuted = (block: CommittedBlock): void =>
      whenAlive(() => {
        checks.executed(this.index, block)
        scheduler.trace('node/execute', this.index, block.height, block.view, block.items.length)
        boundary('execute')
      })
    const onDurable = (height: number): void =>
      whenAlive(() => {
        this.durableHeight = Math.max(this.durableHeight, height)
        checks.acknowledged(this.index, height)
        boundary('answer')
      })
    return new SnapshotApplication(
      { onExecuted, onDurable },
      {
        ...{ askState, clock, config, crypto, journal },
        random: this.#random.fork('state'),
        everyHeights: snapshotHeights,
        unchecked: stateUnchecked,
        onSnapshot: (snapshot) =>
          whenAlive(() => {
            checks.snapshot(this.index, snapshot.height, snapshot.state)
            scheduler.trace('node/snapshot', this.index, snapshot.height)
            this.consensus?.snapshot(snapshot)
          }),
        onInstalled: (height, state) =>
          whenAlive(() => {
            scheduler.trace('node/install', this.index, height)
            checks.installed(this.index, height, state)
            this.durableHeight = Math.max(this.durableHeight, height)
          }),
        onFailed: (error) => this.#stopped(process, error),
      },
    )
  }

  /** A disk that fails is trouble, and stopping is the right answer; anything else is a fault. */
  #stopped(process: SimProcess, error: unknown): void {
    if (process.state === 'dead') return
    const { failing, full } = this.journals.faults
    const isOfDisk = error instanceof JournalError || isUnosysError(error, consensusFailed)
    if (isOfDisk && (failing || full)) this.crash('disk failed')
    else this.#world.onFailure(this.index, error)
  }

  async #dyingJournal(clock: SimClock, boundary: (name: string) => void): Promise<Journal> {
    const journal = await this.journals.opener(clock).open('consensus')
    return {
      commit: async (writes) => {
        boundary('before commit')
        this.#checkPruned(writes)
        await journal.commit(writes)
        boundary('after commit')
      },
      get: (key) => journal.get(key),
      range: (input) => journal.range(input),
      close: () => journal.close(),
    }
  }

  #checkPruned(writes: readonly JournalWrite[]): void {
    const upTo = prunedBy(writes)
    try {
      if (upTo !== undefined) this.#world.checks.checkpoints.pruned(this.index, upTo)
    } catch (error) {
      this.#world.onFailure(this.index, error)
    }
  }

  #gauges(): Metrics {
    return {
      ...noMetrics,
      gauge: (name, value) => {
        this.gauges.set(name, value)
      },
    }
  }

  #dyingAround<Kept extends { send: (...args: never[]) => boolean }>(
    links: Kept,
    boundary: (name: string) => void,
  ): Kept {
    const send = links.send.bind(links)
    links.send = (...args: never[]): boolean => {
      boundary('before send')
      const sent = send(...args)
      boundary('after send')
      return sent
    }
    return links
  }

  #maybeDie(process: SimProcess, name: string): void {
    if (process.state === 'dead') return
    const { boundaryCrashChance, crashAt } = this.#world
    const boundary = this.boundaryCount++
    const isChosen = crashAt?.member === this.index && crashAt.boundary === boundary
    if (isChosen || (boundaryCrashChance > 0 && this.#random.happens(boundaryCrashChance)))
      this.crash(name)
  }
}
