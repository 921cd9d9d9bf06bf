/**
 * Processors that are away for long, and those that come back without their disks. Why the world
 * can be expected to survive each:
 *
 * - Whoever is away for longer than the log is kept takes up a state that others have; nothing that
 *   it acknowledged is gone.
 * - A lost disk is a lost copy of each block on it, and a member that does not know what it voted
 *   for: one more faulty Processor, until it votes again and holds its blocks again. Only then the
 *   next one may lose its disk.
 *
 * A receipt of a holder that lost its disk afterwards still counts for a write that is under way,
 * and the holder cannot know of that block before its write is done. So the next one loses its disk
 * only when no write of the time before can be done any more.
 */
import type { SimRandom } from './sim-random.ts'
import type { SimWorld } from './world.ts'
import type { WorldFaults } from './world-faults.ts'
import type { SimProcessor } from './world-processor.ts'

/** Longer than the applications' deadlines and than a message can be held up. */
const writesEndMs = 7_000

export class AbsenceTroubles {
  readonly #world: SimWorld
  readonly #faults: WorldFaults
  /** Who lost its disk last, and when. */
  #lost: { readonly processor: SimProcessor; readonly atMs: number } | undefined
  wipeCount = 0
  awayCount = 0

  constructor(world: SimWorld, faults: WorldFaults) {
    this.#world = world
    this.#faults = faults
  }

  /** Somebody goes for long. */
  leave(dice: SimRandom): void {
    const { processors } = this.#world
    const processor = dice.pick(processors)
    const power = dice.happens(this.#faults.powerChance)
    const forMs = dice.between({ min: 3_000, max: 12_000 })
    const downCount = processors.filter(({ isUp }) => !isUp).length
    // More of them at once would keep the world from going on at all, for most of the run.
    const awayMax = Math.max(1, Math.floor((processors.length - 1) / 3))
    if (downCount >= awayMax || !processor.isUp) return
    this.awayCount++
    processor.crash({ power, silent: dice.happens(0.3) })
    this.#back(processor, forMs)
  }

  /** Somebody loses its disk, unless it would be one too many. */
  wipe(dice: SimRandom): void {
    const { wipeable, diskMs } = this.#faults
    const others = wipeable.filter((n) => n !== this.#lost?.processor.n)
    const backMs = dice.between({ min: 10, max: 4_000 })
    const candidates = others.length > 0 ? others : wipeable
    if (candidates.length === 0 || !this.isEverybodyWhole) return
    const processor = this.#world.processor(dice.pick(candidates))
    this.#lost = { processor, atMs: this.#world.scheduler.nowMs }
    this.wipeCount++
    this.#world.scheduler.trace('disk/lost', processor.name)
    processor.wipe()
    processor.disk.faults.syncDelayMs = diskMs
    this.#back(processor, backMs)
  }

  /** Who lost its disk votes again and holds its blocks again, and no older write is under way. */
  get isEverybodyWhole(): boolean {
    if (this.#lost === undefined) return true
    const { liars, processors, scheduler } = this.#world
    const { processor, atMs } = this.#lost
    if (scheduler.nowMs < atMs + writesEndMs || !processor.isReady) return false
    const correct = processors.filter(({ n, isReady }) => isReady && !liars.has(n))
    if (correct.some(({ metrics }) => metrics.get('consensus.pooled_items') > 0)) return false
    const height = Math.max(...correct.map(({ kernel }) => kernel.status().group.height))
    const { group, role, vault } = processor.kernel.status()
    if (role === 'member' && !group.votes) return false
    return vault.awaited === 0 && vault.checkedHeight >= height
  }

  #back(processor: SimProcessor, afterMs: number): void {
    this.#world.scheduler.after(afterMs, () => processor.start(), `return of ${processor.name}`)
  }
}
