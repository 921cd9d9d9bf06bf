/** Troubles of wires: all of them, or some, are bad; no Processor is. */
import { pause } from '../tour/until.ts'
import type { Rule } from './rule.ts'
import type { Scene, Trouble } from './trouble.ts'
import type { Way } from './wires.ts'

const layer = 'wires'

/** All ways, or each with an even chance. */
const someWays = ({ faulty, random }: Scene): Way[] => {
  const all = faulty.wires.ways()
  return random.happens(0.5) ? all : all.filter(() => random.happens(0.5))
}

const ruled = (
  name: string,
  kind: { readonly fault: number; readonly weight: number },
  draw: (scene: Scene) => Partial<Rule>,
): Trouble => ({
  name,
  ...kind,
  begin: async (scene) => {
    const { wires } = scene.faulty
    wires.set(someWays(scene), draw(scene), layer)
    return async () => wires.lift(layer)
  },
})

const split: Trouble = {
  name: 'the world falls into two halves',
  fault: 2,
  weight: 1,
  begin: async ({ faulty: { wires }, random }) => {
    const left = new Set(random.shuffled(wires.numbers).slice(0, wires.numbers.length / 2))
    const across = wires.ways().filter(({ from, to }) => left.has(from) !== left.has(to))
    wires.set(across, random.happens(0.5) ? { stalled: true } : { swallowed: true }, layer)
    return async () => wires.lift(layer)
  },
}

const overtaken: Trouble = {
  name: 'new connections overtake old ones',
  fault: 4,
  weight: 2,
  begin: async ({ faulty: { wires }, random }) => {
    let isOver = false
    const overtaking = (async () => {
      while (!isOver) {
        wires.set(wires.ways(), { delayMs: 150, jitterMs: 200 }, layer)
        await pause(1_000)
        wires.overtake(
          wires.ways().filter(() => random.happens(0.2)),
          2_000,
        )
        wires.lift(layer)
        await pause(1_500)
      }
    })()
    return async () => {
      isOver = true
      await overtaking
    }
  },
}

const cut: Trouble = {
  name: 'all connections break at once',
  fault: 5,
  weight: 1,
  begin: async ({ faulty: { wires } }) => {
    wires.cut(wires.ways())
    return async () => {}
  },
}

export const wireTroubles: readonly Trouble[] = [
  ruled('wires are slow', { fault: 3, weight: 3 }, ({ random }) => ({
    delayMs: random.between({ min: 5, max: 150 }),
    jitterMs: random.between({ min: 0, max: 300 }),
  })),
  ruled('nothing moves on any wire', { fault: 3, weight: 1 }, () => ({ stalled: true })),
  ruled('frames change places', { fault: 4, weight: 2 }, () => ({ swapped: 0.003 })),
  ruled('frames are lost, connections break', { fault: 5, weight: 3 }, () => ({
    lost: 0.002,
    cut: 0.002,
  })),
  ruled('frames come twice, and again later', { fault: 6, weight: 2 }, () => ({
    duplicated: 0.002,
    replayed: 0.002,
  })),
  ruled('frames that nobody sent', { fault: 7, weight: 2 }, () => ({ forged: 0.003 })),
  ruled('bits turn', { fault: 9, weight: 2 }, () => ({ corrupted: 0.003 })),
  ...[split, overtaken, cut],
]
