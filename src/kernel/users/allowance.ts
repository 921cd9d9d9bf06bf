/** So many things at once, so many more each second: a token bucket. */
import type { Clock } from '../../ports/clock.ts'

export class Allowance {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #burst: number
  readonly #perSecond: number
  #left: number
  #atMs: number

  constructor(
    clock: Pick<Clock, 'monotonicMs'>,
    limits: { readonly burst: number; readonly perSecond: number },
  ) {
    this.#clock = clock
    this.#burst = limits.burst
    this.#perSecond = limits.perSecond
    this.#left = limits.burst
    this.#atMs = clock.monotonicMs()
  }

  /** False when there is nothing left now. */
  take(): boolean {
    const nowMs = this.#clock.monotonicMs()
    const gained = ((nowMs - this.#atMs) * this.#perSecond) / 1_000
    this.#left = Math.min(this.#burst, this.#left + gained)
    this.#atMs = nowMs
    if (this.#left < 1) return false
    this.#left--
    return true
  }

  /** What was taken was not used. */
  giveBack(): void {
    this.#left = Math.min(this.#burst, this.#left + 1)
  }
}
