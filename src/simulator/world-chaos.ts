/**
 * One seed of trouble for a whole world: applications write and read files while the network, the
 * processes and the disks misbehave; then everything heals, and the world must come to rest with
 * every promise kept.
 *
 * Promises: each file was a linearizable register to all applications, and one more a log to which
 * they append; no content was ever torn or
 * mixed; nothing acknowledged is lost; after the trouble every Processor comes back, catches up,
 * and holds what it should; all members came to the same state at each height, and it comes
 * back from a snapshot; no Processor, all of them correct, is reported for more than being late
 * or for not having a block. The budget of events is a promise too: no storm.
 */
import { equalBytes } from '../base/bytes.ts'
import { UnosysError } from '../base/error.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { Handshake } from '../ports/handshake.ts'
import { SimRandom } from './sim-random.ts'
import type { TraceListener } from './trace.ts'
import { SimWorld } from './world.ts'
import { absent, logPath, WorldClient } from './world-clients.ts'
import {
  drawMemberLimits,
  drawWorldFaults,
  namesOfWorldFaults,
  type WorldFaults,
} from './world-faults.ts'
import { logFault } from './world-log.ts'
import type { SimProcessor } from './world-processor.ts'
import { type RegisterOperation, registerFault } from './world-register.ts'

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
  readonly acknowledgedCount: number
  readonly answeredReadCount: number
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
/** Of the snapshots of seeds with crashes. */
const snapshotCrashChance = 0.3

export class WorldChaos {
  readonly world: SimWorld
  readonly #options: ChaosOptions
  readonly #faults: WorldFaults
  readonly #clients: WorldClient[]
  readonly #fileCount: number
  #isTroubled = true
  #crashCount = 0
  #snapshotCount = 0

  private constructor(world: SimWorld, options: ChaosOptions, faults: WorldFaults) {
    const { clientCount = 3, operationCount = 14, fileCount = 2 } = options
    this.world = world
    this.#options = options
    this.#faults = faults
    this.#fileCount = fileCount
    this.#clients = Array.from({ length: clientCount }, (_, index) => {
      const name = `client-${index + 1}`
      return new WorldClient(world, {
        name,
        random: world.random.fork(name),
        fileCount,
        operationCount,
        contentBytesMax,
        pauseMsMax,
        deadlineMs: requestDeadlineMs,
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
    const made = await world.call(1, { method: 'PUT', path: '/v1/files/public/w?kind=directory' })
    if (made.status !== 201) throw this.#broken(`no directory: ${made.status}`)
    const log = await world.call(1, { method: 'PUT', path: logPath, body: new Uint8Array(0) })
    if (log.status !== 201) throw this.#broken(`no log: ${log.status}`)
    this.#beginTrouble()
    const work = Promise.all(this.#clients.map((client) => client.run()))
    const budget = { timeMsMax: workMsMax, eventCountMax }
    await world.until(() => this.#clients.every(({ isDone }) => isDone), budget)
    await work
    const recoveryMs = await this.#heal()
    await this.#readEverywhere()
    await this.#checkLog()
    await world.until(() => this.#isAtRest(), { timeMsMax: recoveryMsMax, eventCountMax })
    this.#check()
    return {
      seed: this.#options.seed,
      troubles: namesOfWorldFaults(this.#faults),
      traceHash: world.traceHash,
      eventCount: world.scheduler.ranCount,
      virtualMs: world.scheduler.nowMs,
      recoveryMs,
      crashCount: this.#crashCount,
      acknowledgedCount: sum(this.#clients.map((client) => client.acknowledgedCount)),
      answeredReadCount: sum(this.#clients.map((client) => client.answeredReadCount)),
      height: this.#height,
      snapshotCount: this.#snapshotCount,
    }
  }

  #broken(what: string): BrokenPromise {
    const { seed, nodeCount } = this.#options
    const troubles = namesOfWorldFaults(this.#faults).join(', ')
    const message = `seed ${seed} with ${nodeCount} Processors (${troubles}): ${what}`
    return new BrokenPromise('simulator/broken-promise', message, { seed })
  }

  get #height(): number {
    const heights = this.world.processors
      .filter(({ isReady }) => isReady)
      .map(({ kernel }) => kernel.status().group.height)
    return Math.max(0, ...heights)
  }

  #beginTrouble(): void {
    const { world } = this
    const { weather, diskMs, clockSkewMs } = this.#faults
    const { partitionEveryMs, crashEveryMs, freezeEveryMs } = this.#faults
    world.network.setWeather(weather)
    const dice = world.random.fork('troubles')
    for (const processor of world.processors) {
      processor.disk.faults.syncDelayMs = diskMs
      processor.journals.faults.commitMs = diskMs
      processor.wallOffsetMs = Math.round(dice.between({ min: -clockSkewMs, max: clockSkewMs }))
    }
    this.#often(partitionEveryMs, world.random.fork('partitions'), (one) => this.#partition(one))
    this.#often(crashEveryMs, world.random.fork('crashes'), (one) => this.#crash(one))
    this.#crashAtSnapshots(world.random.fork('snapshots'))
    this.#often(freezeEveryMs, world.random.fork('freezes'), (one) => this.#freeze(one))
  }

  #often(everyMs: number | undefined, dice: SimRandom, act: (dice: SimRandom) => void): void {
    if (everyMs === undefined) return
    const { scheduler } = this.world
    const again = (): void => {
      if (!this.#isTroubled) return
      act(dice)
      scheduler.after(dice.between({ min: 0, max: 2 * everyMs }), again, 'trouble')
    }
    scheduler.after(dice.between({ min: 0, max: 2 * everyMs }), again, 'trouble')
  }

  #partition(dice: SimRandom): void {
    if (dice.happens(0.4)) {
      this.world.network.partition([this.world.processors.map(({ name }) => name)])
      return
    }
    const left = this.world.processors.filter(() => dice.happens(0.5)).map(({ n }) => n)
    this.world.partition(left)
  }

  #crash(dice: SimRandom): void {
    this.#crashOne(dice.pick(this.world.processors), dice)
  }

  /** Some members go while a snapshot is on its way to the disk. */
  #crashAtSnapshots(dice: SimRandom): void {
    const { scheduler } = this.world
    this.world.onSnapshot = (processor) => {
      this.#snapshotCount++
      const isTime = this.#isTroubled && this.#faults.crashEveryMs !== undefined
      if (!isTime || !dice.happens(snapshotCrashChance)) return
      const afterMs = dice.between({ min: 0, max: this.#faults.diskMs.max })
      const crash = (): void => {
        if (this.#isTroubled) this.#crashOne(processor, dice)
      }
      scheduler.after(afterMs, crash, 'trouble')
    }
  }

  #crashOne(processor: SimProcessor, dice: SimRandom): void {
    const { processors, scheduler } = this.world
    const downCount = processors.filter(({ isUp }) => !isUp).length
    const power = dice.happens(this.#faults.powerChance)
    const silent = dice.happens(0.3)
    const backMs = dice.between({ min: 10, max: 3_000 })
    if (downCount >= this.#faults.downMax || !processor.isUp) return
    this.#crashCount++
    processor.crash({ power, silent })
    scheduler.after(backMs, () => processor.start(), `restart ${processor.name}`)
  }

  #freeze(dice: SimRandom): void {
    const processor = dice.pick(this.world.processors)
    const forMs = dice.between({ min: 10, max: 4_000 })
    if (!processor.isReady || processor.process.state !== 'running') return
    const { process } = processor
    process.freeze()
    this.world.scheduler.after(forMs, () => process.thaw(), `thaw ${processor.name}`)
  }

  /** All trouble ends; the world must come to rest. */
  async #heal(): Promise<number> {
    const { world } = this
    const startedMs = world.scheduler.nowMs
    this.#isTroubled = false
    world.heal()
    for (const processor of world.processors) {
      processor.disk.faults.syncDelayMs = { min: 0.2, max: 2 }
      processor.journals.faults.commitMs = { min: 0.1, max: 1 }
      if (processor.isUp) processor.process.thaw()
      if (processor.wallOffsetMs !== 0) processor.crash()
      processor.wallOffsetMs = 0
      processor.start()
    }
    await world.until(() => this.#isAtRest(), { timeMsMax: recoveryMsMax, eventCountMax })
    return world.scheduler.nowMs - startedMs
  }

  /** Everybody is back, has executed everything, and holds what it should. */
  #isAtRest(): boolean {
    const { processors } = this.world
    if (!processors.every(({ isReady }) => isReady)) return false
    const height = this.#height
    return processors.every(({ kernel }) => {
      const { ready, role, group, vault } = kernel.status()
      if (!ready || vault.awaited > 0 || vault.checkedHeight < height) return false
      return role === 'storage' || group.height === height
    })
  }

  async #readEverywhere(): Promise<void> {
    const [reader] = this.#clients
    if (reader === undefined) return
    for (let file = 0; file < this.#fileCount; file++) {
      for (const { n } of this.world.processors) {
        const isAnswered = await this.world.finish(reader.read(file, n))
        if (!isAnswered) throw this.#broken(`Processor ${n} does not give file ${file} at rest`)
      }
    }
  }

  /** One log, the same everywhere, with everything in it that was acknowledged, once. */
  async #checkLog(): Promise<void> {
    const contents: Uint8Array[] = []
    for (const { n } of this.world.processors) {
      const reply = await this.world.call(n, { method: 'GET', path: logPath })
      if (reply.status !== 200 || !reply.whole) throw this.#broken(`no log from ${n} at rest`)
      contents.push(reply.body)
    }
    const [content = new Uint8Array(0)] = contents
    if (!contents.every((other) => equalBytes(other, content))) {
      throw this.#broken('the log is not the same everywhere at rest')
    }
    const appends = this.#clients.flatMap((client) => client.appends)
    const fault = logFault(appends, content)
    if (fault !== undefined) throw this.#broken(`the log: ${fault}`)
  }

  #check(): void {
    const members = this.world.processors.filter(({ kernel }) => kernel.status().role === 'member')
    const disagreement = this.world.agreement.faultAtRest(members.map(({ n }) => n))
    if (disagreement !== undefined) throw this.#broken(disagreement)
    for (const { faults } of this.#clients) {
      const [fault] = faults
      if (fault !== undefined) throw this.#broken(fault.what)
    }
    for (let file = 0; file < this.#fileCount; file++) {
      const history = this.#clients.flatMap((client) => client.histories[file] ?? [])
      const fault = registerFault(history, absent)
      if (fault !== undefined) {
        throw this.#broken(`file ${file} is not linearizable: ${fault}\n${printed(history)}`)
      }
    }
    for (const { n, kernel } of this.world.processors) {
      for (const { n: peer, faults } of kernel.status().processors) {
        const { late, missing, ...others } = faults
        const what = Object.keys(others)
        if (what.length > 0) throw this.#broken(`${n} accuses the correct ${peer} of ${what}`)
      }
    }
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

const printed = (history: readonly RegisterOperation[]): string =>
  [...history]
    .sort((a, b) => a.startedAt - b.startedAt)
    .map(({ kind, value, startedAt, endedAt }) => {
      return `${kind.padEnd(5)} ${value.padEnd(14)} ${startedAt.toFixed(1)} … ${endedAt.toFixed(1)}`
    })
    .join('\n')
