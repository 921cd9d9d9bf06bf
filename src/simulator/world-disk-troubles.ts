/**
 * What goes wrong with disks. Why the world can be expected to survive each:
 *
 * - Bit rot strikes the block files of one Processor of the world only (`damaged`): of each block
 *   w holders had it durably when it was acknowledged, and w − 1 of them may lie or lose it.
 * - A full disk takes nothing more: the Processor refuses blocks, or stops by itself, saying so,
 *   when its journal does not fit; what it holds stays.
 * - A sync that fails stops the Processor, saying so, before it has promised anything. What was
 *   not synced may be gone when it starts again; it strikes the damaged Processor only, for a
 *   disk that lost what it had acknowledged before would be one more lost copy.
 */
import type { SimProcess } from './sim-process.ts'
import type { SimRandom } from './sim-random.ts'
import type { SimWorld } from './world.ts'
import type { WorldFaults } from './world-faults.ts'
import type { ProcessorStopped, SimProcessor } from './world-processor.ts'

/** What a Processor says when its disk is the reason why it stops. */
const diskReason = /no space left|sync failed|disk is full/i

export class DiskTroubles {
  readonly #world: SimWorld
  readonly #faults: WorldFaults
  /** Processors whose disk has something wrong now; what they say at a stop must be that. */
  readonly #sick = new Set<number>()
  /** Processes that have lived with a sick disk: they may stop for it after it is well again. */
  readonly #met = new WeakSet<SimProcess>()
  rotCount = 0
  /** Processors that stopped because of their disk. */
  stopCount = 0

  constructor(world: SimWorld, faults: WorldFaults) {
    this.#world = world
    this.#faults = faults
  }

  /** One byte of one block file of the damaged Processor changes. */
  rot(dice: SimRandom): void {
    const at = this.#faults.damaged
    if (at === undefined) return
    const { disk } = this.#world.processor(at)
    const paths = disk.paths().filter((path) => /^vault\/..\/[^.]*$/.test(path))
    if (paths.length === 0) return
    if (disk.rot(dice.pick(paths)) !== undefined) this.rotCount++
  }

  /** A disk has no room for a while. */
  fill(dice: SimRandom): void {
    const processor = dice.pick(this.#world.processors)
    const forMs = dice.between({ min: 50, max: 3_000 })
    this.#sicken(processor, forMs, (isOn) => {
      processor.disk.faults.full = isOn
      processor.journals.faults.full = isOn
    })
  }

  /** Syncs of a disk fail for a while. */
  fail(dice: SimRandom): void {
    const forMs = dice.between({ min: 5, max: 500 })
    const isJournal = dice.happens(0.5)
    const at = this.#faults.damaged
    if (at === undefined) return
    const processor = this.#world.processor(at)
    this.#sicken(processor, forMs, (isOn) => {
      if (isJournal) processor.journals.faults.failing = isOn
      else processor.disk.faults.failingSync = isOn
    })
  }

  #sicken(processor: SimProcessor, forMs: number, set: (isOn: boolean) => void): void {
    const { scheduler } = this.#world
    if (this.#sick.has(processor.n)) return
    this.#sick.add(processor.n)
    set(true)
    if (processor.isUp) this.#met.add(processor.process)
    scheduler.trace('disk/sick', processor.name)
    const heal = (): void => {
      set(false)
      this.#sick.delete(processor.n)
      scheduler.trace('disk/well', processor.name)
      if (processor.isUp) this.#met.add(processor.process)
      processor.start()
    }
    scheduler.after(forMs, heal, `disk of ${processor.name} is well`)
  }

  /** A Processor stopped by itself. True when its disk is why, and it says so. */
  explains(processor: SimProcessor, error: ProcessorStopped): boolean {
    const isSick = this.#sick.has(processor.n)
    if (!(isSick || this.#met.has(processor.process)) || !diskReason.test(error.message))
      return false
    this.stopCount++
    if (!isSick)
      this.#world.scheduler.after(0, () => processor.start(), `restart ${processor.name}`)
    return true
  }

  end(): void {
    for (const { disk, journals } of this.#world.processors) {
      disk.faults.full = false
      disk.faults.failingSync = false
      journals.faults.full = false
      journals.faults.failing = false
    }
  }
}
