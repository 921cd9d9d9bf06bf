/**
 * One timer for many deadlines. Nearly all of them are met, so a timer for each would be armed and
 * cancelled tens of thousands of times a second for nothing: this one is armed for the earliest,
 * and when it fires it looks through those that are still open.
 */
import type { Clock } from '../../ports/clock.ts'

export class Deadlines {
  readonly #clock: Clock
  readonly #expire: (nowMs: number) => number | undefined
  #dueMs = Number.POSITIVE_INFINITY
  #cancel: (() => void) | undefined

  /** @param expire ends what is due at `nowMs`; returns the earliest deadline that is left. */
  constructor(clock: Clock, expire: (nowMs: number) => number | undefined) {
    this.#clock = clock
    this.#expire = expire
  }

  /** There is a deadline `atMs` (of `monotonicMs`). */
  note(atMs: number): void {
    if (atMs >= this.#dueMs) return
    this.stop()
    this.#dueMs = atMs
    const delayMs = Math.max(0, atMs - this.#clock.monotonicMs())
    this.#cancel = this.#clock.after(delayMs, () => this.#fire())
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#dueMs = Number.POSITIVE_INFINITY
  }

  #fire(): void {
    this.#cancel = undefined
    this.#dueMs = Number.POSITIVE_INFINITY
    const next = this.#expire(this.#clock.monotonicMs())
    if (next !== undefined) this.note(next)
  }
}
