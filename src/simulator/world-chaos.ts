/**
 * One seed of trouble for a whole world: applications write and read files while the network, the
 * processes and the disks misbehave; then everything heals, and the world must come to rest with
 * every promise kept.
 *
 * Promises: to all applications, each file was a linearizable register with versions, one more a
 * log to which they append, and one directory a set of names; no content was ever torn or mixed;
 * nothing acknowledged is lost, and nothing done twice; after the trouble every Processor comes
 * back, also without its disk, votes, catches up, and holds what it should; all members came to the
 * same state at each height, and it comes back from a snapshot; no correct Processor is reported
 * for more than being late or for not having a block, nor by itself for more than files that a
 * power cut tore; nothing that an application wrote or named
 * stands in any byte on the network or on a disk; queues, pools and files stay within bounds. The
 * budget of events is a promise too: no storm.
 */
import { fromUtf8 } from '../base/bytes.ts'
import { UnosysError } from '../base/error.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { Handshake } from '../ports/handshake.ts'
import type { AlteredRun } from './byzantine/altered.ts'
import type { SimProcess } from './sim-process.ts'
import { SimRandom } from './sim-random.ts'
import type { TraceListener } from './trace.ts'
import { SimWorld } from './world.ts'
import { WorldBounds } from './world-bounds.ts'
import {
  cellsMade,
  cellsPath,
  emptyCells,
  folderPath,
  logPath,
  namesFolderPath,
  WorldClient,
} from './world-clients.ts'
import {
  drawMemberLimits,
  drawWorldFaults,
  namesOfWorldFaults,
  type WorldFaults,
} from './world-faults.ts'
import { WorldHistories } from './world-histories.ts'
import type { SimResponse } from './world-http.ts'
import {
  drawWorldLiars,
  type LiarPlan,
  replicasFor,
  wipeableOf,
  worldLiars,
} from './world-liars.ts'
import { type WorldMutation, worldMutations } from './world-mutations.ts'
import type { ProcessorStopped, SimProcessor } from './world-processor.ts'
import { WorldTroubles } from './world-troubles.ts'

export type ChaosOptions = {
  readonly seed: number
  readonly nodeCount: number
  readonly crypto: Crypto
  readonly handshake: Handshake
  readonly settle: () => Promise<void>
  /** Drawn from the seed when not given. */
  readonly faults?: WorldFaults
  /** Drawn from the seed when not given. More than the world survives must show. */
  readonly liars?: readonly LiarPlan[]
  /** Drawn to fit the liars when not given. */
  readonly defaultReplicas?: number
  /** A rule that no correct Processor keeps. For tests: the run must end in an error. */
  readonly mutation?: WorldMutation
  /** Virtual time that the world may take to come to rest. */
  readonly recoveryMsMax?: number
  readonly clientCount?: number
  readonly operationCount?: number
  readonly fileCount?: number
  /** Applications do nothing but write cells in place. */
  readonly cellsOnly?: boolean
  readonly onTrace?: TraceListener
}

export type ChaosReport = {
  readonly seed: number
  readonly troubles: readonly string[]
  readonly traceHash: string
  readonly eventCount: number
  readonly virtualMs: number
  /** From the end of all trouble until the world was at rest. */
  readonly recoveryMs: number
  readonly crashCount: number
  /** Bits of block files that decayed. */
  readonly rotCount: number
  /** Processors that stopped because of their disks. */
  readonly diskStopCount: number
  /** Disks that were lost, one after another. */
  readonly wipeCount: number
  readonly awayCount: number
  /** Bytes on the network and on disks that were searched for secrets. */
  readonly searchedBytes: number
  /** Told by Byzantine Processors. */
  readonly lieCount: number
  readonly acknowledgedCount: number
  readonly answeredReadCount: number
  readonly unansweredCount: number
  readonly height: number
  /** By all members. */
  readonly snapshotCount: number
}

/** What `npm run sim` understands of these options. */
const replayableOptions = ['seed', 'nodeCount', 'crypto', 'handshake', 'settle', 'onTrace']

/** The command that gives this run again, if one does. */
function replayOf(options: ChaosOptions): string {
  const own = Object.keys(options).filter((name) => !replayableOptions.includes(name))
  if (own.length > 0) return `only the test that failed, which has its own ${own.join(', ')}`
  return `npm run sim -- --world --seed ${options.seed} --nodes ${options.nodeCount}`
}

const textOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error)

/** A promise that was not kept. */
export class BrokenPromise extends UnosysError<
  'simulator/broken-promise',
  { readonly seed: number }
> {}

const requestDeadlineMs = 5_000
const contentBytesMax = 20_000
const pauseMsMax = 300
const makeTriesMax = 20
const workMsMax = 600_000
const recoveryMsMaxDefault = 60_000
/** More, where one member lost its disk twice: it is readmitted once in a minute. */
const readmissionMsMax = 80_000
const eventCountMax = 1_500_000
/** Between two looks at whether the world is at rest: each costs as much as some events. */
const lookEveryMs = 5

export class WorldChaos {
  readonly world: SimWorld
  readonly #options: ChaosOptions
  readonly #replay: string
  readonly #faults: WorldFaults
  readonly #clients: WorldClient[]
  readonly #troubles: WorldTroubles
  readonly #bounds: WorldBounds
  readonly #histories = new WorldHistories()
  #lieCount = 0
  #nextLookMs = 0

  private constructor(
    world: SimWorld,
    options: ChaosOptions & { readonly replay: string },
    faults: WorldFaults,
  ) {
    const { clientCount = 3, operationCount = 14, fileCount = 2 } = options
    this.world = world
    this.#options = options
    this.#replay = options.replay
    this.#faults = faults
    this.#troubles = new WorldTroubles(world, faults)
    this.#bounds = new WorldBounds(world)
    for (const { n } of options.liars ?? []) world.liars.add(n)
    world.alterationsOf = (processor, process) => this.#alterationsOf(processor, process)
    world.explainsStop = (processor, error) => this.#explainsStop(processor, error)
    this.#clients = Array.from({ length: clientCount }, (_, index) => {
      const name = `client-${index + 1}`
      return new WorldClient(world, this.#histories, {
        name,
        random: world.random.fork(name),
        fileCount,
        operationCount,
        contentBytesMax,
        pauseMsMax,
        deadlineMs: requestDeadlineMs,
        cellsOnly: options.cellsOnly ?? false,
        isTrusted: (n) => !world.liars.has(n),
        canary: world.secrets.canary,
      })
    })
  }

  static async create(options: ChaosOptions): Promise<WorldChaos> {
    const memberLimits = drawMemberLimits(new SimRandom(options.seed, 'limits'))
    const { nodeCount } = options
    const liars = options.liars ?? drawWorldLiars(new SimRandom(options.seed, 'liars'), nodeCount)
    const drawn =
      options.faults ?? drawWorldFaults(new SimRandom(options.seed, 'faults'), nodeCount)
    // A liar's copy is a lost one: beside it no other may be.
    const [first] = liars
    const beside = first === undefined ? drawn : { ...drawn, damaged: first.n }
    const { wipeable, faultyCount } = wipeableOf(nodeCount, beside, liars)
    const defaultReplicas = replicasFor(nodeCount, faultyCount)
    const world = await SimWorld.create({ defaultReplicas, ...options, memberLimits })
    const replay = replayOf(options)
    return new WorldChaos(world, { ...options, liars, replay }, { ...beside, wipeable })
  }

  /** @throws BrokenPromise: the seed, what broke, and the command that replays it. */
  async run(): Promise<ChaosReport> {
    try {
      return await this.#run()
    } catch (error) {
      throw this.#explain(error)
    }
  }

  async #run(): Promise<ChaosReport> {
    const { world } = this
    for (const n of world.liars) world.processor(n).start()
    await world.start(...this.#correct.map(({ n }) => n))
    await this.#make()
    this.#troubles.begin()
    this.#bounds.begin()
    const work = Promise.all(this.#clients.map((client) => client.run()))
    const budget = { timeMsMax: workMsMax, eventCountMax }
    await world.until(() => this.#clients.every(({ isDone }) => isDone), budget)
    await work
    const recoveryMs = await this.#heal()
    await this.#loseOneMoreDisk()
    await this.#readEverywhere()
    await world.until(() => this.#isAtRest(), { timeMsMax: this.#recoveryMsMax, eventCountMax })
    this.#bounds.end()
    this.#check()
    return {
      seed: this.#options.seed,
      troubles: this.#troubleNames,
      traceHash: world.traceHash,
      eventCount: world.scheduler.ranCount,
      virtualMs: world.scheduler.nowMs,
      recoveryMs,
      crashCount: this.#troubles.crashCount,
      rotCount: this.#troubles.disks.rotCount,
      diskStopCount: this.#troubles.disks.stopCount,
      wipeCount: this.#troubles.absences.wipeCount,
      awayCount: this.#troubles.absences.awayCount,
      lieCount: this.#lieCount,
      searchedBytes: world.secrets.searchedBytes,
      acknowledgedCount: this.#histories.acknowledgedCount,
      answeredReadCount: this.#histories.answeredReadCount,
      unansweredCount: this.#histories.unansweredCount,
      height: this.#height,
      snapshotCount: this.#troubles.snapshotCount,
    }
  }

  #alterationsOf(processor: SimProcessor, process: SimProcess): AlteredRun | undefined {
    const plan = this.#options.liars?.find(({ n }) => n === processor.n)
    const { mutation } = this.#options
    if (plan === undefined) return mutation === undefined ? undefined : worldMutations[mutation]()
    const random = this.world.random.fork(`liar ${plan.n}`)
    const lied = (): void => {
      this.#lieCount++
    }
    const isOver = (): boolean => this.#troubles.isOver
    return worldLiars[plan.name]({ world: this.world, processor, process, random, lied, isOver })
  }

  /** A liar that stumbles over its own lies starts again. */
  #explainsStop(processor: SimProcessor, error: ProcessorStopped): boolean {
    if (!this.world.liars.has(processor.n)) return this.#troubles.disks.explains(processor, error)
    this.world.scheduler.after(500, () => processor.start(), `restart ${processor.name}`)
    return true
  }

  /** What the applications work on. */
  async #make(): Promise<void> {
    const [first] = this.#correct
    if (first === undefined) throw this.#broken('no Processor is correct')
    const none = new Uint8Array(0)
    for (const [path, body] of [
      ...([
        [folderPath, none],
        [namesFolderPath, none],
        [logPath, none],
      ] as const),
      [cellsPath, emptyCells] as const,
    ]) {
      const reply = await this.#made(first.n, path, body)
      if (reply.status !== 201) {
        throw this.#broken(`${path} is not made: ${reply.status} ${fromUtf8(reply.body)}`)
      }
    }
    this.#histories.files.push(...cellsMade)
  }

  /** Each try has a block of its own: its holders may be liars, more than its copies bear. */
  async #made(n: number, path: string, body: Uint8Array): Promise<SimResponse> {
    for (let tries = 1; ; tries++) {
      const reply = await this.world.call(n, { method: 'PUT', path, body })
      const isUnlucky = reply.status === 503 && this.world.liars.size > 1 && body.length > 0
      if (!isUnlucky || tries === makeTriesMax) return reply
    }
  }

  get #correct(): readonly SimProcessor[] {
    return this.world.processors.filter(({ n }) => !this.world.liars.has(n))
  }

  get #recoveryMsMax(): number {
    const isWiped = this.#troubles.absences.wipeCount > 0
    const usualMs = recoveryMsMaxDefault + (isWiped ? readmissionMsMax : 0)
    return this.#options.recoveryMsMax ?? usualMs
  }

  get #troubleNames(): readonly string[] {
    const liars = (this.#options.liars ?? []).map(({ n, name }) => `${n} a ${name}`)
    return [...namesOfWorldFaults(this.#faults), ...liars]
  }

  #broken(what: string, cause?: unknown): BrokenPromise {
    const { seed } = this.#options
    const options = cause === undefined ? {} : { cause }
    return new BrokenPromise('simulator/broken-promise', what, { seed }, options)
  }

  /** Whatever ended the run, with what it takes to see it again. */
  #explain(error: unknown): BrokenPromise {
    const what = error instanceof BrokenPromise ? error.message : textOf(error)
    const { seed, nodeCount } = this.#options
    const troubles = this.#troubleNames.join(', ')
    const message = `seed ${seed} with ${nodeCount} Processors (${troubles}): ${what}`
    return this.#broken(`${message}\nreplay: ${this.#replay}`, error)
  }

  get #height(): number {
    const heights = this.#correct
      .filter(({ isReady }) => isReady)
      .map(({ kernel }) => kernel.status().group.height)
    return Math.max(0, ...heights)
  }

  /** All trouble ends; the world must come to rest. */
  async #heal(): Promise<number> {
    const { world } = this
    const startedMs = world.scheduler.nowMs
    this.#troubles.end()
    await world.until(() => this.#isAtRest(), { timeMsMax: this.#recoveryMsMax, eventCountMax })
    return world.scheduler.nowMs - startedMs
  }

  /** After the trouble, so that the reads that follow find what came back to the first ones. */
  async #loseOneMoreDisk(): Promise<void> {
    const { world } = this
    const { absences } = this.#troubles
    if (absences.wipeCount === 0) return
    const budget = { timeMsMax: this.#recoveryMsMax, eventCountMax }
    await world.until(() => absences.isEverybodyWhole, budget)
    absences.wipe(world.random.fork('last wipe'))
    await world.until(() => this.#isAtRest(), budget)
  }

  /** Everybody is back, votes, has executed everything, and holds what it should. */
  #isAtRest(): boolean {
    const { nowMs } = this.world.scheduler
    if (nowMs < this.#nextLookMs) return false
    this.#nextLookMs = nowMs + lookEveryMs
    const processors = this.#correct
    if (!processors.every(({ isReady }) => isReady)) return false
    const height = this.#height
    const epochs = new Set<number>()
    const isEach = processors.every(({ kernel }) => {
      const { ready, role, group, vault } = kernel.status()
      if (!ready || vault.awaited > 0 || vault.checkedHeight < height) return false
      if (role === 'storage') return true
      epochs.add(group.epoch)
      return group.votes && group.height === height
    })
    return isEach && epochs.size <= 1
  }

  /**
   * Through every Processor: what was acknowledged and is not there, or is there twice, has no
   * place in the histories that end with these reads.
   */
  async #readEverywhere(): Promise<void> {
    const [reader] = this.#clients
    if (reader === undefined) return
    for (const { n } of this.#correct) {
      const isAnswered = await this.world.finish(reader.readAll(n))
      const [fault] = this.#histories.faults
      if (!isAnswered) throw this.#broken(fault?.what ?? `${n} does not give everything at rest`)
    }
  }

  #check(): void {
    const members = this.#correct.filter(({ kernel }) => kernel.status().role === 'member')
    const disagreement = this.world.agreement.faultAtRest(members.map(({ n }) => n))
    if (disagreement !== undefined) throw this.#broken(disagreement)
    const fault = this.#histories.fault() ?? this.#bounds.fault
    if (fault !== undefined) throw this.#broken(fault)
    for (const { n, kernel } of this.#correct) {
      for (const { n: peer, faults } of kernel.status().processors) {
        if (this.world.liars.has(peer)) continue
        const { late, missing, ...others } = faults
        const isRotten = this.#faults.rotEveryMs !== undefined && this.#faults.damaged === peer
        // Of a file that a power cut tore before it was confirmed, its own holder says so.
        const isTorn = n === peer && this.#faults.powerChance > 0
        if (isRotten || isTorn) delete others['content-changed']
        const what = Object.keys(others)
        if (what.length > 0) throw this.#broken(`${n} accuses the correct ${peer} of ${what}`)
      }
    }
  }
}
