/** Makes the troubles of a run happen, at times and places that the dice choose. */
import type { ConsensusFaults } from './consensus-faults.ts'
import type { ConsensusNode, ConsensusWorld } from './consensus-node.ts'
import type { SimRandom } from './sim-random.ts'

/** Nodes that died at an effect, or of a failing disk, come back at such intervals. */
const restartEveryMs = 300

export class ConsensusTrouble {
  readonly #world: ConsensusWorld
  readonly #nodes: readonly ConsensusNode[]
  readonly #faults: ConsensusFaults
  readonly #restart: (node: ConsensusNode) => void
  #over = false

  constructor(
    world: ConsensusWorld,
    options: {
      readonly nodes: readonly ConsensusNode[]
      readonly faults: ConsensusFaults
      readonly restart: (node: ConsensusNode) => void
    },
  ) {
    this.#world = world
    this.#nodes = options.nodes
    this.#faults = options.faults
    this.#restart = options.restart
  }

  start(random: SimRandom): void {
    const { crashEveryMs, diskFailEveryMs, freezeEveryMs, partitionEveryMs } = this.#faults
    const { oldDiskEveryMs, wipeEveryMs } = this.#faults
    this.#repeat(partitionEveryMs, random.fork('partition'), (dice) => this.#partition(dice))
    this.#repeat(crashEveryMs, random.fork('crash'), (dice) => this.#crash(dice))
    this.#repeat(freezeEveryMs, random.fork('freeze'), (dice) => this.#freeze(dice))
    this.#repeat(diskFailEveryMs, random.fork('disk'), (dice) => this.#failDisk(dice))
    this.#repeat(wipeEveryMs, random.fork('wipe'), (dice) => this.#wipe(dice))
    this.#repeat(oldDiskEveryMs, random.fork('old disk'), (dice) => this.#keepDisk(dice))
    this.#repeat(restartEveryMs, random.fork('restart'), (dice) => {
      const down = this.#nodes.filter((node) => !node.isUp)
      if (down.length > 0) this.#restart(dice.pick(down))
    })
  }

  /** No new trouble; what is broken stays broken until somebody repairs it. */
  end(): void {
    this.#over = true
  }

  #repeat(everyMs: number | undefined, dice: SimRandom, act: (dice: SimRandom) => void): void {
    if (everyMs === undefined) return
    const { scheduler } = this.#world
    const range = { min: 0, max: 2 * everyMs }
    const again = (): void => {
      if (this.#over) return
      act(dice)
      scheduler.after(dice.between(range), again, 'trouble')
    }
    scheduler.after(dice.between(range), again, 'trouble')
  }

  #partition(dice: SimRandom): void {
    const { config, net, scheduler } = this.#world
    if (dice.happens(0.4)) {
      scheduler.trace('net/heal')
      net.heal()
      return
    }
    const nodes = config.members.map((member) => member.node)
    const isLeft = new Set(nodes.filter(() => dice.happens(0.5)))
    scheduler.trace('net/partition', nodes.map((node) => (isLeft.has(node) ? 'l' : 'r')).join(''))
    net.partition((a, b) => isLeft.has(a) !== isLeft.has(b))
  }

  #crash(dice: SimRandom): void {
    const downCount = this.#nodes.filter((node) => !node.isUp).length
    const node = dice.pick(this.#nodes)
    if (downCount >= this.#faults.downMax || !node.isUp) return
    node.crash('killed')
    this.#backAfter(node, dice)
  }

  #freeze(dice: SimRandom): void {
    const node = dice.pick(this.#nodes)
    const { process } = node
    if (process?.state !== 'running') return
    process.freeze()
    const forMs = dice.between({ min: 10, max: 1_000 })
    this.#world.scheduler.after(forMs, () => process.thaw(), `thaw ${node.index}`)
  }

  #failDisk(dice: SimRandom): void {
    const node = dice.pick(this.#nodes)
    const isFull = dice.happens(0.5)
    this.#world.scheduler.trace('disk/fail', node.index, isFull ? 'is full' : 'fails')
    if (isFull) node.journals.faults.full = true
    else node.journals.faults.failing = true
  }

  /**
   * One more member may lose its memory: with those that lie, and those that have lost theirs and
   * are not readmitted, it is within the bound, and the epoch of the last readmission is everybody
   * else's: in the epoch before it there would be one faulty member too many.
   */
  #mayForget(node: ConsensusNode): boolean {
    const { checks, config } = this.#world
    const { epochs } = checks
    const faultyMax = Math.floor((config.members.length - 1) / 3)
    const others = this.#nodes.filter((other) => other !== node && epochs.isSound(other.index))
    const soundMin = config.members.length - faultyMax
    if (others.length < soundMin || !node.hasRun) return false
    return others.every(({ durableHeight }) => durableHeight >= epochs.newest.baseHeight)
  }

  #wipe(dice: SimRandom): void {
    const node = dice.pick(this.#nodes)
    if (!this.#mayForget(node)) return
    this.#world.scheduler.trace('disk/wipe', node.index)
    node.wipe()
    this.#backAfter(node, dice)
  }

  #keepDisk(dice: SimRandom): void {
    const node = dice.pick(this.#nodes)
    if (!node.hasRun) return
    const image = node.journals.image()
    const putBack = (): void => {
      if (this.#over || !this.#mayForget(node)) return
      this.#world.scheduler.trace('disk/old', node.index)
      node.putBack(image)
      this.#backAfter(node, dice)
    }
    const laterMs = dice.between({ min: 50, max: 3_000 })
    this.#world.scheduler.after(laterMs, putBack, `old disk ${node.index}`)
  }

  #backAfter(node: ConsensusNode, dice: SimRandom): void {
    const backMs = dice.between({ min: 10, max: 1_500 })
    this.#world.scheduler.after(backMs, () => this.#restart(node), `restart ${node.index}`)
  }
}
