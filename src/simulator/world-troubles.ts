/**
 * Brings the troubles of one seed over a world, and ends them: partitions, crashes, freezes, long
 * absences, and all that can be wrong with a disk.
 */
import type { SimRandom } from './sim-random.ts'
import type { SimWorld } from './world.ts'
import { AbsenceTroubles } from './world-absences.ts'
import { DiskTroubles } from './world-disk-troubles.ts'
import type { WorldFaults } from './world-faults.ts'
import type { SimProcessor } from './world-processor.ts'

/** Of the snapshots of seeds with crashes. */
const snapshotCrashChance = 0.3

export class WorldTroubles {
  readonly #world: SimWorld
  readonly #faults: WorldFaults
  readonly disks: DiskTroubles
  readonly absences: AbsenceTroubles
  #isOn = false
  crashCount = 0
  isOver = false
  /** By all members, until the trouble ends and after. */
  snapshotCount = 0

  constructor(world: SimWorld, faults: WorldFaults) {
    this.#world = world
    this.#faults = faults
    this.disks = new DiskTroubles(world, faults)
    this.absences = new AbsenceTroubles(world, faults)
  }

  begin(): void {
    const { weather, diskMs, clockSkewMs } = this.#faults
    const { partitionEveryMs, crashEveryMs, freezeEveryMs } = this.#faults
    const { network, random, processors } = this.#world
    this.#isOn = true
    network.setWeather(weather)
    const dice = random.fork('troubles')
    for (const processor of processors) {
      processor.disk.faults.syncDelayMs = diskMs
      processor.journals.faults.commitMs = diskMs
      processor.wallOffsetMs = Math.round(dice.between({ min: -clockSkewMs, max: clockSkewMs }))
    }
    this.#often(partitionEveryMs, random.fork('partitions'), (one) => this.#partition(one))
    this.#often(crashEveryMs, random.fork('crashes'), (one) => this.#crash(one))
    this.#crashAtSnapshots(random.fork('snapshots'))
    this.#often(freezeEveryMs, random.fork('freezes'), (one) => this.#freeze(one))
    const { rotEveryMs, fullEveryMs, failingEveryMs } = this.#faults
    this.#often(rotEveryMs, random.fork('rot'), (one) => this.disks.rot(one))
    this.#often(fullEveryMs, random.fork('full'), (one) => this.disks.fill(one))
    this.#often(failingEveryMs, random.fork('failing'), (one) => this.disks.fail(one))
    const { awayEveryMs, wipeEveryMs } = this.#faults
    this.#often(awayEveryMs, random.fork('away'), (one) => this.absences.leave(one))
    this.#often(wipeEveryMs, random.fork('wipes'), (one) => this.absences.wipe(one))
  }

  /** All trouble ends; who is down starts. */
  end(): void {
    this.#isOn = false
    this.isOver = true
    this.#world.heal()
    this.disks.end()
    for (const processor of this.#world.processors) {
      processor.disk.faults.syncDelayMs = { min: 0.2, max: 2 }
      processor.journals.faults.commitMs = { min: 0.1, max: 1 }
      if (processor.isUp) processor.process.thaw()
      if (processor.wallOffsetMs !== 0) processor.crash()
      processor.wallOffsetMs = 0
      processor.start()
    }
  }

  #often(everyMs: number | undefined, dice: SimRandom, act: (dice: SimRandom) => void): void {
    if (everyMs === undefined) return
    const { scheduler } = this.#world
    const again = (): void => {
      if (!this.#isOn) return
      act(dice)
      scheduler.after(dice.between({ min: 0, max: 2 * everyMs }), again, 'trouble')
    }
    scheduler.after(dice.between({ min: 0, max: 2 * everyMs }), again, 'trouble')
  }

  #partition(dice: SimRandom): void {
    const { network, processors } = this.#world
    if (dice.happens(0.4)) {
      network.partition([processors.map(({ name }) => name)])
      return
    }
    this.#world.partition(processors.filter(() => dice.happens(0.5)).map(({ n }) => n))
  }

  #crash(dice: SimRandom): void {
    this.#crashOne(dice.pick(this.#world.processors), dice)
  }

  /** Some members go while a snapshot is on its way to the disk. */
  #crashAtSnapshots(dice: SimRandom): void {
    const { scheduler } = this.#world
    this.#world.onSnapshot = (processor) => {
      this.snapshotCount++
      const isTime = this.#isOn && this.#faults.crashEveryMs !== undefined
      if (!isTime || !dice.happens(snapshotCrashChance)) return
      const afterMs = dice.between({ min: 0, max: this.#faults.diskMs.max })
      const crash = (): void => {
        if (this.#isOn) this.#crashOne(processor, dice)
      }
      scheduler.after(afterMs, crash, 'trouble')
    }
  }

  #crashOne(processor: SimProcessor, dice: SimRandom): void {
    const { processors, scheduler } = this.#world
    const downCount = processors.filter(({ isUp }) => !isUp).length
    const power = dice.happens(this.#faults.powerChance)
    const silent = dice.happens(0.3)
    const backMs = dice.between({ min: 10, max: 3_000 })
    if (downCount >= this.#faults.downMax || !processor.isUp) return
    this.crashCount++
    processor.crash({ power, silent })
    scheduler.after(backMs, () => processor.start(), `restart ${processor.name}`)
  }

  #freeze(dice: SimRandom): void {
    const processor = dice.pick(this.#world.processors)
    const forMs = dice.between({ min: 10, max: 4_000 })
    if (!processor.isReady || processor.process.state !== 'running') return
    const { process } = processor
    process.freeze()
    this.#world.scheduler.after(forMs, () => process.thaw(), `thaw ${processor.name}`)
  }
}
