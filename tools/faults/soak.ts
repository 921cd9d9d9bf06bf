/**
 * The soak: a world of real Processors behind fault proxies, applications at work all the time, and
 * troubles of all kinds at random, those of Processors beside those of wires. In the end all is
 * healed and judged.
 */
import { messageOf } from '../../src/base/error.ts'
import { byzBound } from '../../src/kernel/consensus/index.ts'
import { SimRandom } from '../../src/simulator/sim-random.ts'
import { pause } from '../tour/until.ts'
import { takenBy, takenText } from './growth.ts'
import { processorTroubles } from './processor-troubles.ts'
import { putOnSmallDisk, type SmallDisk } from './small-disk.ts'
import { drawTrouble, type Scene, type Trouble } from './trouble.ts'
import { wireTroubles } from './wire-troubles.ts'
import { Wiretap } from './wiretap.ts'
import { Workload } from './workload.ts'
import { FaultWorld } from './world.ts'

export type SoakOptions = {
  /** For the world; must be empty or not there. */
  readonly folder: string
  readonly seed: number
  readonly minutes: number
  readonly nodeCount: number
  /** Whether small file systems can be mounted here. */
  readonly hasSmallDisk: boolean
  /** Ends it early: what is under way comes to its end, and nothing more is judged. */
  readonly signal: AbortSignal
  readonly say: (line: string) => void
}

export type SoakVerdict = {
  /** What promises were broken, in words. */
  readonly faults: readonly string[]
  readonly summary: readonly string[]
}

const troubleMs = { min: 3_000, max: 15_000 }
const calmMs = { min: 500, max: 6_000 }
const tellIntervalMs = 60_000
const diskBytes = 2 * 1024 * 1024 * 1024
const healedMsMax = 300_000
const calmChanges = 20
const lookMs = 250
const deadlineMs = 5_000
/** For calls that are under way when the soak is interrupted. */
const stopMsMax = 15_000
/** What applications write and how they call it: to be found on no wire. */
const overheard = ['app-0.1', 'file-1', 'directory-', 'public/work']

export class Soak {
  readonly #options: SoakOptions
  readonly #random: SimRandom
  readonly #troubles = new Map<string, number>()
  readonly #faults: string[] = []
  readonly #tap = new Wiretap({
    needles: overheard.map((text) => ({ what: text, bytes: Buffer.from(text) })),
    keptBytesMax: 0,
  })
  #faulty: FaultWorld | undefined
  #workload: Workload | undefined
  #disk: SmallDisk | undefined
  #endMs = 0

  constructor(options: SoakOptions) {
    this.#options = options
    this.#random = new SimRandom(options.seed, 'soak')
  }

  /**
   * Resolves with the verdict; what broke down on the way is part of it. When it is interrupted,
   * with what was found until then. Call `close` then.
   */
  async run(): Promise<SoakVerdict> {
    const { signal } = this.#options
    try {
      const summary = await this.#run()
      if (!signal.aborted) return { faults: this.#faults, summary }
    } catch (error) {
      if (!signal.aborted) this.#faults.push(messageOf(error))
    }
    return { faults: await this.#foundSoFar(), summary: [] }
  }

  async #run(): Promise<readonly string[]> {
    const { say, minutes, signal } = this.#options
    const { scene, workload } = await this.#begin()
    const { world } = scene.faulty
    const before = takenBy(world.processors)
    say(`at work; ${takenText(before)}`)
    this.#endMs = performance.now() + minutes * 60_000
    const lanes = [
      this.#lane('processors', scene, processorTroubles(this.#options.hasSmallDisk)),
      this.#lane('wires', scene, wireTroubles),
      this.#tell(workload),
    ]
    await Promise.all(lanes)
    signal.throwIfAborted()
    await this.#judge(scene, workload)
    return this.#summary(workload, before, takenBy(world.processors))
  }

  /** Violations that are seen without reading everything: what is open counts for nothing. */
  async #foundSoFar(): Promise<readonly string[]> {
    this.#faulty?.wires.heal()
    const stopped = this.#workload?.stop()
    await Promise.race([stopped, pause(stopMsMax)])
    await this.#faulty?.killAll()
    await stopped
    const accused = this.#faulty?.accusations.found() ?? []
    const found = [...this.#faults, ...this.#historyFaults(), ...accused, ...this.#overheard()]
    return [...new Set(found)]
  }

  #historyFaults(): readonly string[] {
    const { history } = this.#workload ?? {}
    try {
      return history?.verdict() ?? []
    } catch (error) {
      this.#options.say(`the history is not judged: ${messageOf(error)}`)
      return history?.faults ?? []
    }
  }

  #overheard(): readonly string[] {
    return this.#tap.hits.map((hit) => `overheard: ${hit}`)
  }

  /**
   * Nothing is left running.
   *
   * @param keep the folder is to be looked at.
   */
  async close(keep: boolean): Promise<void> {
    const stopped = this.#workload?.stop()
    await this.#faulty?.close()
    await stopped
    this.#disk?.release(keep)
  }

  async #begin(): Promise<{ readonly scene: Scene; readonly workload: Workload }> {
    const { folder, seed, nodeCount, hasSmallDisk, say, signal } = this.#options
    const onBytes = this.#tap.hear
    const faulty = await FaultWorld.make({ folder, seed, nodeCount, onBytes, signal })
    this.#faulty = faulty
    const diskVictim = 1 + this.#random.below(nodeCount)
    if (hasSmallDisk) this.#disk = putOnSmallDisk(faulty.at(diskVictim).folder, diskBytes)
    await faulty.start()
    const avoided = new Set<number>()
    const workload = new Workload({
      world: faulty.world,
      seed,
      through: (n) => !avoided.has(n),
      applicationCount: nodeCount + 1,
      deadlineMs,
      signal,
    })
    this.#workload = workload
    await workload.start()
    const { random } = { random: this.#random.fork('troubles') }
    const scene = { faulty, random, avoided, diskVictim, say }
    return { scene: { ...scene, disk: this.#disk, signal }, workload }
  }

  get #isOver(): boolean {
    return performance.now() >= this.#endMs || this.#options.signal.aborted
  }

  async #rest(ms: number): Promise<void> {
    const endMs = performance.now() + ms
    while (performance.now() < endMs && !this.#isOver) await pause(lookMs)
  }

  /** One trouble after the other, until the time is over; each ends before the next begins. */
  async #lane(name: string, given: Scene, troubles: readonly Trouble[]): Promise<void> {
    const random = this.#random.fork(name)
    const scene = { ...given, random }
    const { nodeCount } = this.#options
    const badMax = byzBound({ members: Array.from({ length: nodeCount }) as never })
    await this.#rest(random.between(calmMs))
    while (!this.#isOver) {
      const trouble = drawTrouble(troubles, random)
      const count = 1 + random.below(badMax)
      const drawn = random.shuffled(scene.faulty.wires.numbers).slice(0, count)
      const victims = trouble.on === 'disk-victim' ? [scene.diskVictim] : drawn
      const lengthMs = random.between(troubleMs)
      const who = name === 'processors' ? `Processor ${victims.join(' and ')}: ` : ''
      this.#troubles.set(trouble.name, (this.#troubles.get(trouble.name) ?? 0) + 1)
      this.#options.say(`${who}${trouble.name}, ${(lengthMs / 1_000).toFixed(1)} s`)
      try {
        const end = await trouble.begin(scene, victims)
        await this.#rest(lengthMs)
        await end()
        if (name === 'processors') await this.#recovered(scene, victims)
      } catch (error) {
        const what = `${who}${trouble.name}: ${messageOf(error)}`
        // Nothing is waited for any more: this is no finding.
        if (this.#options.signal.aborted) this.#options.say(`not judged: ${what}`)
        else this.#faults.push(what)
        this.#endMs = performance.now()
        return
      }
      await this.#rest(random.between(calmMs))
    }
  }

  /** Who was bad is as good as the others again: only then may another one be bad. */
  async #recovered({ faulty }: Scene, victims: readonly number[]): Promise<void> {
    const startMs = performance.now()
    for (const n of victims) {
      while (!this.#isOver && !(await faulty.isCaughtUp(n))) {
        await pause(lookMs)
        if (performance.now() - startMs < healedMsMax) continue
        throw new Error(`Processor ${n} has not recovered in five minutes`)
      }
    }
  }

  async #tell(workload: Workload): Promise<void> {
    while (!this.#isOver) {
      await this.#rest(tellIntervalMs)
      await this.#faulty?.look()
      const { processors } = this.#faulty?.world ?? { processors: [] }
      this.#options.say(`${workload.summary()}; ${takenText(takenBy(processors))}`)
    }
  }

  async #judge(scene: Scene, workload: Workload): Promise<void> {
    const { faulty } = scene
    const { say, signal } = this.#options
    const attempt = async (what: string, work: () => Promise<readonly string[]>) => {
      const startMs = performance.now()
      try {
        this.#faults.push(...(await work()))
      } catch (error) {
        signal.throwIfAborted()
        this.#faults.push(`${what}: ${messageOf(error)}`)
      }
      say(`${what}: ${((performance.now() - startMs) / 1_000).toFixed(1)} s`)
    }
    faulty.wires.heal()
    await attempt('all is healed, and work goes on', async () => {
      await faulty.start()
      await workload.progress(calmChanges, healedMsMax)
      return []
    })
    await attempt('all work ends', async () => {
      await workload.stop()
      return []
    })
    await attempt('all have caught up', async () => {
      await faulty.whole()
      return []
    })
    await attempt('everything is read, and the history judged', () => workload.verdict())
    await attempt('nobody is accused who did nothing', () => faulty.accused())
    this.#faults.push(...this.#overheard())
  }

  #summary(
    workload: Workload,
    before: ReturnType<typeof takenBy>,
    after: ReturnType<typeof takenBy>,
  ): readonly string[] {
    const troubles = [...this.#troubles].map(([name, count]) => `${count} × ${name}`)
    const onWires = Object.entries(this.#faulty?.wires.faultCounts() ?? {})
    return [
      workload.summary(),
      `troubles: ${troubles.join('; ')}`,
      `on wires: ${onWires.map(([fault, count]) => `${fault} ${count}`).join(', ')}`,
      `overheard: ${this.#tap.byteCount} bytes`,
      `at first: ${takenText(before)}`,
      `at last:  ${takenText(after)}`,
    ]
  }
}
