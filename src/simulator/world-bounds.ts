/**
 * Everything has a limit: looks into the Processors of a world from time to time, also in the
 * middle of trouble, and once more at rest. The numbers are this checker's own: far below what a
 * machine has, far above what these short runs need, so that what grows without end is seen.
 */
import type { SimWorld } from './world.ts'

/** Of one Processor. */
const boundsInTrouble = {
  pooledItems: 2_000,
  queuedBytes: 16 * 1024 * 1024,
  vaultFiles: 5_000,
} as const

const boundsAtRest = { pooledItems: 64, queuedBytes: 64 * 1024, vaultFiles: 5_000 } as const

/** Of the whole world, per Processor. */
const eventsPerProcessor = { trouble: 20_000, rest: 500 } as const
const openConnectionsPerPair = { trouble: 24, rest: 2 } as const

const everyMs = 400

export class WorldBounds {
  readonly #world: SimWorld
  #fault: string | undefined
  #sampleCount = 0
  #isOn = true

  constructor(world: SimWorld) {
    this.#world = world
  }

  get fault(): string | undefined {
    return this.#fault
  }

  get sampleCount(): number {
    return this.#sampleCount
  }

  begin(): void {
    const again = (): void => {
      if (!this.#isOn) return
      this.#sample('trouble')
      this.#world.scheduler.after(everyMs, again, 'bounds')
    }
    again()
  }

  /** Look for the last time. */
  end(): void {
    this.#isOn = false
    this.#sample('rest')
  }

  #sample(when: 'trouble' | 'rest'): void {
    const { network, processors, scheduler } = this.#world
    this.#sampleCount++
    const count = processors.length
    const pairs = Math.max(1, (count * (count - 1)) / 2)
    this.#check('waiting events', scheduler.waitingCount, eventsPerProcessor[when] * count)
    this.#check('connections', network.connectionCount, openConnectionsPerPair[when] * pairs)
    const bounds = when === 'rest' ? boundsAtRest : boundsInTrouble
    for (const processor of processors) {
      if (!processor.isReady || this.#world.liars.has(processor.n)) continue
      const { name, metrics, links, disk } = processor
      const queued = links?.peers().reduce((sum, { queuedBytes }) => sum + queuedBytes, 0) ?? 0
      const pooled = metrics.get('consensus.pooled_items')
      this.#check(`items pooled at ${name}`, pooled, bounds.pooledItems)
      this.#check(`bytes queued at ${name}`, queued, bounds.queuedBytes)
      this.#check(`files of ${name}`, disk.tree.files().length, bounds.vaultFiles)
    }
  }

  #check(what: string, is: number, bound: number): void {
    if (is <= bound) return
    this.#fault ??= `${is} ${what}, ${bound} are enough, at ${this.#world.scheduler.nowMs} ms`
  }
}
