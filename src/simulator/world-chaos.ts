/**
 * One seed of trouble for a whole world: applications write and read files while the network, the
 * processes and the disks misbehave; then everything heals, and the world must come to rest with
 * every promise kept.
 *
 * Promises: to all applications, each file was a linearizable register with versions, one more a
 * log to which they append, and one directory a set of names; no content was ever torn or mixed;
 * nothing acknowledged is lost, and nothing done twice; after the trouble every Processor comes
 * back, catches up, and holds what it should; all members came to the same state at each height,
 * and it comes back from a snapshot; no correct Processor is reported for more than being late or
 * for not having a block. The budget of events is a promise too: no storm.
 */
import { UnosysError } from '../base/error.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { Handshake } from '../ports/handshake.ts'
import { SimRandom } from './sim-random.ts'
import type { TraceListener } from './trace.ts'
import { SimWorld } from './world.ts'
import { folderPath, logPath, namesFolderPath, WorldClient } from './world-clients.ts'
import {
  drawMemberLimits,
  drawWorldFaults,
  namesOfWorldFaults,
  type WorldFaults,
} from './world-faults.ts'
import { WorldHistories } from './world-histories.ts'
import type { SimProcessor } from './world-processor.ts'
import { WorldTroubles } from './world-troubles.ts'

export type ChaosOptions = {
  readonly seed: number
  readonly nodeCount: number
  readonly crypto: Crypto
  readonly handshake: Handshake
  readonly settle: () => Promise<void>
  /** Drawn from the seed when not given. */
  readonly faults?: WorldFaults
  readonly clientCount?: number
  readonly operationCount?: number
  readonly fileCount?: number
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
  readonly acknowledgedCount: number
  readonly answeredReadCount: number
  readonly unansweredCount: number
  readonly height: number
  /** By all members. */
  readonly snapshotCount: number
}

/** A promise that was not kept. */
export class BrokenPromise extends UnosysError<
  'simulator/broken-promise',
  { readonly seed: number }
> {}

const requestDeadlineMs = 5_000
const contentBytesMax = 20_000
const pauseMsMax = 300
const workMsMax = 600_000
const recoveryMsMax = 60_000
const eventCountMax = 1_500_000

export class WorldChaos {
  readonly world: SimWorld
  readonly #options: ChaosOptions
  readonly #faults: WorldFaults
  readonly #clients: WorldClient[]
  readonly #troubles: WorldTroubles
  readonly #histories = new WorldHistories()

  private constructor(world: SimWorld, options: ChaosOptions, faults: WorldFaults) {
    const { clientCount = 3, operationCount = 14, fileCount = 2 } = options
    this.world = world
    this.#options = options
    this.#faults = faults
    this.#troubles = new WorldTroubles(world, faults)
    world.explainsStop = (processor, error) =>
      world.liars.has(processor.n) || this.#troubles.disks.explains(processor, error)
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
        isTrusted: (n) => !world.liars.has(n),
        canary: 'x',
      })
    })
  }

  static async create(options: ChaosOptions): Promise<WorldChaos> {
    const memberLimits = drawMemberLimits(new SimRandom(options.seed, 'limits'))
    const world = await SimWorld.create({ ...options, memberLimits })
    const dice = world.random.fork('faults')
    const faults = options.faults ?? drawWorldFaults(dice, options.nodeCount)
    return new WorldChaos(world, options, faults)
  }

  /** @throws BrokenPromise, and whatever a Processor stopped for. */
  async run(): Promise<ChaosReport> {
    const { world } = this
    await world.start()
    await this.#make()
    this.#troubles.begin()
    const work = Promise.all(this.#clients.map((client) => client.run()))
    const budget = { timeMsMax: workMsMax, eventCountMax }
    await world.until(() => this.#clients.every(({ isDone }) => isDone), budget)
    await work
    const recoveryMs = await this.#heal()
    await this.#readEverywhere()
    await world.until(() => this.#isAtRest(), { timeMsMax: recoveryMsMax, eventCountMax })
    this.#check()
    return {
      seed: this.#options.seed,
      troubles: namesOfWorldFaults(this.#faults),
      traceHash: world.traceHash,
      eventCount: world.scheduler.ranCount,
      virtualMs: world.scheduler.nowMs,
      recoveryMs,
      crashCount: this.#troubles.crashCount,
      rotCount: this.#troubles.disks.rotCount,
      diskStopCount: this.#troubles.disks.stopCount,
      acknowledgedCount: this.#histories.acknowledgedCount,
      answeredReadCount: this.#histories.answeredReadCount,
      unansweredCount: this.#histories.unansweredCount,
      height: this.#height,
      snapshotCount: this.#troubles.snapshotCount,
    }
  }

  /** What the applications work on. */
  async #make(): Promise<void> {
    const [first] = this.#correct
    if (first === undefined) throw this.#broken('no Processor is correct')
    for (const path of [folderPath, namesFolderPath, logPath]) {
      const body = new Uint8Array(0)
      const { status } = await this.world.call(first.n, { method: 'PUT', path, body })
      if (status !== 201) throw this.#broken(`${path} is not made: ${status}`)
    }
  }

  get #correct(): readonly SimProcessor[] {
    return this.world.processors.filter(({ n }) => !this.world.liars.has(n))
  }

  #broken(what: string): BrokenPromise {
    const { seed, nodeCount } = this.#options
    const troubles = namesOfWorldFaults(this.#faults).join(', ')
    const message = `seed ${seed} with ${nodeCount} Processors (${troubles}): ${what}`
    return new BrokenPromise('simulator/broken-promise', message, { seed })
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
    await world.until(() => this.#isAtRest(), { timeMsMax: recoveryMsMax, eventCountMax })
    return world.scheduler.nowMs - startedMs
  }

  /** Everybody is back, has executed everything, and holds what it should. */
  #isAtRest(): boolean {
    const processors = this.#correct
    if (!processors.every(({ isReady }) => isReady)) return false
    const height = this.#height
    return processors.every(({ kernel }) => {
      const { ready, role, group, vault } = kernel.status()
      if (!ready || vault.awaited > 0 || vault.checkedHeight < height) return false
      return role === 'storage' || group.height === height
    })
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
    const fault = this.#histories.fault()
    if (fault !== undefined) throw this.#broken(fault)
    for (const { n, kernel } of this.#correct) {
      for (const { n: peer, faults } of kernel.status().processors) {
        if (this.world.liars.has(peer)) continue
        const { late, missing, ...others } = faults
        const isRotten = this.#faults.rotEveryMs !== undefined && this.#faults.damaged === peer
        if (isRotten) delete others['content-changed']
        const what = Object.keys(others)
        if (what.length > 0) throw this.#broken(`${n} accuses the correct ${peer} of ${what}`)
      }
    }
  }
}
