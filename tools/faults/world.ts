/** A world of real Processors whose wires lead through fault proxies. */
import type { Status } from '../../src/sdk/index.ts'
import { until } from '../tour/until.ts'
import { makeTourWorld, type TourProcessor, type TourWorld } from '../tour/world.ts'
import { Wires, type WiresOptions } from './wires.ts'

export type FaultWorldOptions = Pick<WiresOptions, 'seed' | 'onBytes'> & {
  /** Made if it is not there; must be empty. */
  readonly folder: string
  readonly nodeCount?: number
}

const wholeMsMax = 120_000

/** Faults that a Processor may be reported for although it is no liar: it was slow, or its disk. */
const excusable: ReadonlySet<string> = new Set([
  'late',
  'missing',
  'name-changed',
  'content-changed',
])

export class FaultWorld {
  readonly world: TourWorld
  readonly wires: Wires

  private constructor(world: TourWorld, wires: Wires) {
    this.world = world
    this.wires = wires
  }

  /** Nothing runs yet but the proxies. */
  static async make(options: FaultWorldOptions): Promise<FaultWorld> {
    const { folder, nodeCount = 4 } = options
    const world = await makeTourWorld({ folder, nodeCount })
    const wires = await Wires.open({ ...options, worldFolder: folder })
    return new FaultWorld(world, wires)
  }

  at(n: number): TourProcessor {
    return this.world.at(n)
  }

  /** Start those that do not run; resolves when each has a link to each. */
  start(): Promise<void> {
    return this.world.start()
  }

  /**
   * Resolves when all that run see each other, have the whole log, and await no block.
   *
   * @throws Error after two minutes.
   */
  async whole(): Promise<void> {
    const { running } = this.world
    await until('all see each other', wholeMsMax, async () => {
      const all = await statuses(running)
      return all.every(({ ready, processors }) => {
        return ready && processors.filter(({ up }) => up).length >= running.length
      })
    })
    const target = Math.max(...(await statuses(running)).map(({ group }) => group.height))
    await until('all have caught up', wholeMsMax, async () => {
      const all = await statuses(running)
      return all.every(({ group, vault }) => {
        const hasLog = group.height >= target && !group.catchingUp
        return hasLog && vault.checkedHeight >= target && vault.awaited === 0
      })
    })
  }

  /**
   * Reports that a correct Processor must not get, in words.
   *
   * @param liars Processors of which anything may be reported, and who may report anything.
   */
  async accusations(liars: readonly number[] = []): Promise<string[]> {
    const correct = this.world.running.filter(({ n }) => !liars.includes(n))
    const found: string[] = []
    for (const status of await statuses(correct)) {
      for (const { n, faults } of status.processors) {
        const kinds = Object.entries(faults).filter(([kind, count]) => {
          return count > 0 && !excusable.has(kind) && !liars.includes(n)
        })
        for (const [kind, count] of kinds) {
          found.push(`Processor ${status.n} reports Processor ${n}: ${kind}, ${count} times`)
        }
      }
    }
    return found
  }

  async close(): Promise<void> {
    await this.world.killAll()
    await this.wires.close()
  }
}

const statuses = (processors: readonly TourProcessor[]): Promise<Status[]> =>
  Promise.all(processors.map((processor) => processor.status()))
