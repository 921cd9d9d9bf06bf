/** A world of real Processors whose wires lead through fault proxies. */
import { messageOf } from '../../src/base/error.ts'
import type { ProcessorExit } from '../../src/main/processor-process.ts'
import type { Status } from '../../src/sdk/index.ts'
import { until } from '../tour/until.ts'
import { makeTourWorld, type TourProcessor, type TourWorld } from '../tour/world.ts'
import { Accusations } from './accusations.ts'
import { Wires, type WiresOptions } from './wires.ts'

export type FaultWorldOptions = Pick<WiresOptions, 'seed' | 'onBytes'> & {
  /** Made if it is not there; must be empty. */
  readonly folder: string
  readonly nodeCount?: number
  /** Ends all waiting. */
  readonly signal?: AbortSignal
}

const wholeMsMax = 120_000

/** For a Processor that may be frozen or overloaded. */
const lookMsMax = 3_000

export class FaultWorld {
  readonly world: TourWorld
  readonly wires: Wires
  readonly accusations = new Accusations()
  readonly #signal: AbortSignal | undefined

  private constructor(world: TourWorld, wires: Wires, signal: AbortSignal | undefined) {
    this.world = world
    this.wires = wires
    this.#signal = signal
  }

  /** Nothing runs yet but the proxies. */
  static async make(options: FaultWorldOptions): Promise<FaultWorld> {
    const { folder, nodeCount = 4 } = options
    const world = await makeTourWorld({ folder, nodeCount })
    const wires = await Wires.open({ ...options, worldFolder: folder })
    return new FaultWorld(world, wires, options.signal)
  }

  at(n: number): TourProcessor {
    return this.world.at(n)
  }

  /** Start those that do not run; resolves when each has a link to each. */
  start(): Promise<void> {
    return this.world.start(this.#signal === undefined ? {} : { signal: this.#signal })
  }

  /**
   * Resolves when all that run see each other, have the whole log, and await no block.
   *
   * @throws Error after two minutes, with how each one is.
   */
  async whole(): Promise<void> {
    const { running } = this.world
    const all = async (what: string, isSo: (status: Status) => boolean): Promise<void> => {
      let last: readonly Status[] = []
      await until(what, { deadlineMs: wholeMsMax, signal: this.#signal }, async () => {
        last = await statuses(running)
        return last.every(isSo)
      }).catch((error: unknown) => {
        this.#signal?.throwIfAborted()
        throw new Error(`${messageOf(error)}; ${last.map(stateOf).join('; ')}`)
      })
    }
    await all('all see each other', ({ ready, processors }) => {
      return ready && processors.filter(({ up }) => up).length >= running.length
    })
    const target = Math.max(...(await statuses(running)).map(({ group }) => group.height))
    await all('all have caught up', ({ group, vault }) => {
      const hasLog = group.height >= target && !group.catchingUp
      return hasLog && vault.checkedHeight >= target && vault.awaited === 0
    })
  }

  /** Whether it sees a quorum, has the log of the others, and awaits no block. */
  async isCaughtUp(n: number): Promise<boolean> {
    const all = await Promise.allSettled(this.world.running.map((one) => one.status()))
    const found = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    const own = found.find((status) => status.n === n)
    if (own === undefined || found.length < this.world.processors.length) return false
    const heights = found.map(({ group }) => group.height).sort((a, b) => a - b)
    const middle = heights[Math.floor(heights.length / 2)] ?? 0
    const { ready, group, vault } = own
    return ready && !group.catchingUp && group.height >= middle - 2 && vault.awaited === 0
  }

  /** Note what those that run and answer report of each other. */
  async look(processors: readonly TourProcessor[] = this.world.running): Promise<void> {
    const looking = processors.map(async ({ client }) => {
      this.accusations.note(await client.status({ signal: AbortSignal.timeout(lookMsMax) }))
    })
    await Promise.allSettled(looking)
  }

  /** `SIGKILL`, when what it reports of others has been noted. */
  async kill(n: number): Promise<ProcessorExit> {
    await this.look([this.at(n)])
    return this.at(n).kill()
  }

  async killAll(): Promise<void> {
    await this.look()
    await this.world.killAll()
  }

  /** Reports that a correct Processor must not get, in words. @throws when one does not answer */
  async accused(): Promise<string[]> {
    const correct = this.world.running.filter(({ n }) => !this.accusations.liars.has(n))
    for (const status of await statuses(correct)) this.accusations.note(status)
    return this.accusations.found()
  }

  async close(): Promise<void> {
    await this.world.killAll()
    await this.wires.close()
  }
}

const stateOf = ({ n, group, vault, processors }: Status): string =>
  `Processor ${n}: height ${group.height}, view ${group.view}, ` +
  `${group.catchingUp ? 'catching up, ' : ''}checked up to ${vault.checkedHeight}, ` +
  `${vault.awaited} blocks awaited, sees ${processors.filter(({ up }) => up).length}`

const statuses = (processors: readonly TourProcessor[]): Promise<Status[]> =>
  Promise.all(processors.map((processor) => processor.status()))
