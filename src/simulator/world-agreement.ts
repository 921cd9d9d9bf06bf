/**
 * Looks into the members of a simulated world: whoever executes a height, also once more after a
 * crash, must come to the same state, in what its root covers and in what is derived beside it. And
 * a state must come back whole from its snapshot. Clients see little of this: a count that differs
 * shows only when a limit is reached.
 */
import {
  decodeState,
  derivedRoot,
  encodeState,
  type SectionState,
  stateRoot,
} from '../kernel/section/index.ts'
import type { Crypto } from '../ports/crypto.ts'

type Seen = { readonly roots: string; readonly n: number }

export class WorldAgreement {
  readonly #crypto: Crypto
  readonly #seen = new Map<number, Seen>()
  readonly #newest = new Map<number, SectionState>()
  #fault: string | undefined

  constructor(crypto: Crypto) {
    this.#crypto = crypto
  }

  /** The first disagreement. */
  get fault(): string | undefined {
    return this.#fault
  }

  /** Heights of which at least one member's state is known. */
  get heightCount(): number {
    return this.#seen.size
  }

  /** Processor `n` executed a height. */
  executed(n: number, state: SectionState): void {
    const roots = this.#rootsOf(state)
    this.#newest.set(n, state)
    const first = this.#seen.get(state.height)
    if (first === undefined) this.#seen.set(state.height, { roots, n })
    else if (first.roots !== roots) {
      this.#fault ??= `Processors ${first.n} and ${n} have other states at height ${state.height}`
    }
  }

  /** What is wrong with the newest states of `members`, which are at rest. */
  faultAtRest(members: readonly number[]): string | undefined {
    if (this.#fault !== undefined) return this.#fault
    const heights = new Set(members.map((n) => this.#newest.get(n)?.height))
    if (heights.size > 1) return `members rest at other heights: ${[...heights].join(', ')}`
    for (const n of members) {
      const state = this.#newest.get(n)
      if (state === undefined) return `Processor ${n} executed nothing`
      const read = decodeState(this.#crypto, encodeState(state))
      if (this.#rootsOf(read) !== this.#rootsOf(state)) {
        return `the state of Processor ${n} at height ${state.height} is another one when read back`
      }
    }
    return undefined
  }

  #rootsOf(state: SectionState): string {
    return `${stateRoot(this.#crypto, state)} ${derivedRoot(this.#crypto, state)}`
  }
}
