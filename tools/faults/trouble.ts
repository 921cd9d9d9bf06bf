/** What a trouble of the soak is, and what it may touch. */
import type { SimRandom } from '../../src/simulator/sim-random.ts'
import type { SmallDisk } from './small-disk.ts'
import type { FaultWorld } from './world.ts'

export type Scene = {
  readonly faulty: FaultWorld
  readonly random: SimRandom
  /** Processors that applications leave alone for now. */
  readonly avoided: Set<number>
  /** The one whose disk is spoiled and filled: never another, or copies could be lost for good. */
  readonly diskVictim: number
  readonly disk: SmallDisk | undefined
  readonly say: (line: string) => void
  /** Ends all waiting. */
  readonly signal: AbortSignal
}

export type Trouble = {
  readonly name: string
  /** Of the white paper's ten kinds. */
  readonly fault: number
  /** How often it is drawn. */
  readonly weight: number
  /** The Processors that are bad meanwhile: as many as may be, or this one. */
  readonly on?: 'disk-victim'
  /** Resolves with what ends it. */
  readonly begin: (scene: Scene, victims: readonly number[]) => Promise<() => Promise<void>>
}

export function drawTrouble(troubles: readonly Trouble[], random: SimRandom): Trouble {
  const total = troubles.reduce((sum, { weight }) => sum + weight, 0)
  let left = random.unit() * total
  for (const trouble of troubles) {
    left -= trouble.weight
    if (left < 0) return trouble
  }
  return random.pick(troubles)
}
