/**
 * Every wire of a world led through fault proxies: each Processor has a list of its own of where
 * the others are (docs/decisions/0007), so each ordered pair gets a proxy of its own.
 *
 * A pair of Processors keeps one link, dialled by either. A rule for the bytes from one to another
 * therefore holds on both of the pair's proxies.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SimRandom } from '../../src/simulator/sim-random.ts'
import { FaultProxy } from './proxy.ts'
import { type Door, type Rule, type WireFault, worstOf } from './rule.ts'

/** Whose bytes go to whom: numbers of Processors. */
export type Way = { readonly from: number; readonly to: number }

export type WiresOptions = {
  /** Of a world that does not run yet: its Processors' lists are changed. */
  readonly worldFolder: string
  readonly seed: number
  /** Hears all bytes as they are sent. */
  readonly onBytes?: (heard: Heard, bytes: Uint8Array) => void
}

/** Who says it to whom, on which of the connections that `dialler` has opened to the other. */
export type Heard = Way & { readonly dialler: number; readonly connection: number }

type Peer = { readonly n: number; address: string }
type Config = { readonly n: number; readonly linkAddress: string; readonly peers: Peer[] }

type Wire = { readonly dialler: number; readonly target: number; readonly proxy: FaultProxy }

export class Wires {
  readonly #wires: Wire[] = []
  /** What is set, by origin and way. */
  readonly #layers = new Map<string, Map<string, Partial<Rule>>>()
  readonly numbers: readonly number[]

  private constructor(numbers: readonly number[]) {
    this.numbers = numbers
  }

  static async open(options: WiresOptions): Promise<Wires> {
    const { worldFolder, onBytes } = options
    const random = new SimRandom(options.seed, 'wires')
    const listed = JSON.parse(readFileSync(join(worldFolder, 'world.json'), 'utf8')) as {
      readonly processors: readonly { readonly n: number }[]
    }
    const wires = new Wires(listed.processors.map(({ n }) => n))
    for (const n of wires.numbers) {
      const path = join(worldFolder, String(n), 'processor.json')
      const config = JSON.parse(readFileSync(path, 'utf8')) as Config
      for (const peer of config.peers) {
        const [host = '', port] = peer.address.split(':')
        const proxy = await FaultProxy.open({
          target: { host, port: Number(port) },
          random: random.fork(`${n}-${peer.n}`),
          frames: true,
          onBytes: (direction, bytes, connection) => {
            const way = direction === 'out' ? { from: n, to: peer.n } : { from: peer.n, to: n }
            onBytes?.({ ...way, dialler: n, connection }, bytes)
          },
        })
        wires.#wires.push({ dialler: n, target: peer.n, proxy })
        peer.address = `127.0.0.1:${proxy.port}`
      }
      writeFileSync(path, `${JSON.stringify(config, undefined, 2)}\n`)
    }
    return wires
  }

  /** All ordered pairs; with `touching`, those with this Processor at either end. */
  ways(touching?: number): Way[] {
    const all = this.numbers.flatMap((from) => this.numbers.map((to) => ({ from, to })))
    return all.filter(({ from, to }) => {
      return from !== to && (touching === undefined || from === touching || to === touching)
    })
  }

  /**
   * For the bytes of these ways, from now on; `change` is laid over a calm wire.
   *
   * @param layer troubles of different origin do not undo each other: the worst holds.
   */
  set(ways: readonly Way[], change: Partial<Rule>, layer = ''): void {
    const changes = this.#layers.get(layer) ?? new Map<string, Partial<Rule>>()
    this.#layers.set(layer, changes)
    for (const way of ways) changes.set(`${way.from}-${way.to}`, change)
    this.#apply(ways)
  }

  /** What one origin has set is over. */
  lift(layer: string): void {
    this.#layers.delete(layer)
    this.#apply(this.ways())
  }

  #apply(ways: readonly Way[]): void {
    for (const { from, to } of ways) {
      const changes = [...this.#layers.values()].map((layer) => layer.get(`${from}-${to}`) ?? {})
      const rule = worstOf(changes)
      for (const { dialler, target, proxy } of this.#wires) {
        if (dialler === from && target === to) proxy.setRule('out', rule)
        if (dialler === to && target === from) proxy.setRule('back', rule)
      }
    }
  }

  /** What becomes of new connections that go this way. */
  setDoor(ways: readonly Way[], door: Door): void {
    for (const proxy of this.#dialledOn(ways)) proxy.setDoor(door)
  }

  /** Connections that were dialled on these ways break. */
  cut(ways: readonly Way[]): void {
    for (const proxy of this.#dialledOn(ways)) proxy.cut()
  }

  overtake(ways: readonly Way[], delayMs: number): void {
    for (const proxy of this.#dialledOn(ways)) proxy.overtake(delayMs)
  }

  /** This Processor vanishes from the wires: its peers' connections stay open and are silent. */
  vanish(n: number): void {
    for (const { dialler, target, proxy } of this.#wires) {
      if (dialler === n) proxy.vanish('near')
      if (target === n) proxy.vanish('far')
    }
  }

  /** Everything arrives again, as it was sent. Connections that were damaged end by themselves. */
  heal(): void {
    this.#layers.clear()
    this.#apply(this.ways())
    for (const { proxy } of this.#wires) proxy.setDoor('open')
  }

  /** Faults that happened on all wires, by kind. */
  faultCounts(): Partial<Record<WireFault, number>> {
    const counts: Partial<Record<WireFault, number>> = {}
    for (const { proxy } of this.#wires) {
      for (const [fault, count] of proxy.faultCounts) counts[fault] = (counts[fault] ?? 0) + count
    }
    return counts
  }

  async close(): Promise<void> {
    await Promise.all(this.#wires.map(({ proxy }) => proxy.close()))
  }

  /** Address at which `dialler` finds `target`. */
  addressOf({ from, to }: Way): string {
    const [wire] = this.#wires.filter(({ dialler, target }) => dialler === from && target === to)
    if (wire === undefined) throw new RangeError(`no wire from ${from} to ${to}`)
    return `127.0.0.1:${wire.proxy.port}`
  }

  #dialledOn(ways: readonly Way[]): FaultProxy[] {
    return this.#wires
      .filter(({ dialler, target }) =>
        ways.some(({ from, to }) => from === dialler && to === target),
      )
      .map(({ proxy }) => proxy)
  }
}
