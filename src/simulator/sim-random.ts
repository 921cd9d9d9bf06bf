import { assert } from '../base/assert.ts'
import type { Random } from '../ports/random.ts'
import { Mixer } from './mix.ts'

/** Both ends included. */
export type Range = { readonly min: number; readonly max: number }

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits))

/**
 * The simulator's dice: numbers that follow from a seed and the name of the stream alone, so that
 * a new caller on one stream does not shift the numbers of any other. Generator: xoshiro128**
 * (Blackman and Vigna, 2018), started from a hash of seed and name. Fit for simulation only: keys
 * drawn here protect nothing.
 */
export class SimRandom implements Random {
  readonly #seed: string
  readonly #name: string
  readonly #forkCounts = new Map<string, number>()
  readonly #state: Uint32Array

  /** @param name of the stream; two streams with the same seed and name give the same numbers. */
  constructor(seed: number | string, name = 'root') {
    this.#seed = String(seed)
    this.#name = name
    this.#state = Uint32Array.from(new Mixer().text(this.#seed).text(name).digest())
    // All zero is the one state that the generator never leaves.
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1
  }

  get name(): string {
    return this.#name
  }

  /** The n-th fork for one purpose is always the same stream, whatever else was forked. */
  fork(purpose: string): SimRandom {
    const count = this.#forkCounts.get(purpose) ?? 0
    this.#forkCounts.set(purpose, count + 1)
    return new SimRandom(this.#seed, `${this.#name}/${purpose}#${count}`)
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count)
    let word = 0
    for (let index = 0; index < count; index++) {
      if (index % 4 === 0) word = this.u32()
      bytes[index] = word & 0xff
      word >>>= 8
    }
    return bytes
  }

  /** A whole number in [0, 2^32). */
  u32(): number {
    const state = this.#state
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = state
    const drawn = Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0
    const t2 = s2 ^ s0
    const t3 = s3 ^ s1
    state[0] = s0 ^ t3
    state[1] = s1 ^ t2
    state[2] = t2 ^ (s1 << 9)
    state[3] = rotate(t3, 11)
    return drawn
  }

  /** A number in [0, 1), with 53 bits. */
  unit(): number {
    return ((this.u32() >>> 5) * 0x400_0000 + (this.u32() >>> 6)) / 0x20_0000_0000_0000
  }

  /** A whole number in [0, limit); `limit` from 1 to 2^53 − 1. */
  below(limit: number): number {
    assert(Number.isSafeInteger(limit) && limit >= 1, 'limit is a whole number of 1 or more')
    return Math.floor(this.unit() * limit)
  }

  /** A number in the range, evenly spread. */
  between(range: Range): number {
    return range.min + this.unit() * (range.max - range.min)
  }

  /** A number in the range, mostly near its lower end, with a long tail: the way delays lie. */
  skewed(range: Range): number {
    const unit = this.unit()
    return range.min + unit * unit * unit * (range.max - range.min)
  }

  /** True with probability `chance`. Draws for 0 and 1 too, so that a chance shifts no others. */
  happens(chance: number): boolean {
    return this.unit() < chance
  }

  /** One of the items; at least one must be there. */
  pick<Item>(items: readonly Item[]): Item {
    assert(items.length > 0, 'something to pick from')
    return items[this.below(items.length)] as Item
  }

  /** The items in a random order; the argument stays as it is. */
  shuffled<Item>(items: readonly Item[]): Item[] {
    const order = items.map((item) => ({ item, rank: this.unit() }))
    return order.sort((a, b) => a.rank - b.rank).map(({ item }) => item)
  }
}
