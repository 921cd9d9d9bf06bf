import { assert } from '../base/assert.ts'
import type { Clock } from '../ports/clock.ts'
import type { SimProcess } from './sim-process.ts'

/** 2025-01-01 00:00:00 UTC: what wall clocks without an offset show when the world begins. */
export const worldStartWallMs = 1_735_689_600_000

/**
 * Smallest delay that is none: what is left of a deadline after rounding is too little to move the
 * time, and whoever asks for it would ask for ever. Real timers have coarser steps.
 */
const stepMs = 0.001

/**
 * A node's clock: virtual time, seen through this node's own offset and rate. It moves only with
 * the scheduler; its timers die with the process.
 */
export class SimClock implements Clock {
  readonly #process: SimProcess
  readonly #rate: number
  #wallOffsetMs: number

  /**
   * @param options.wallOffsetMs how far the wall clock is ahead (negative: behind).
   * @param options.rate local milliseconds in a true one, e.g. 1.0001 for a clock that runs ahead.
   */
  constructor(
    process: SimProcess,
    options: { readonly wallOffsetMs?: number; readonly rate?: number } = {},
  ) {
    this.#process = process
    this.#wallOffsetMs = options.wallOffsetMs ?? 0
    this.#rate = options.rate ?? 1
    assert(this.#rate > 0, 'time goes forward')
  }

  monotonicMs(): number {
    return (this.#process.scheduler.nowMs - this.#process.startedMs) * this.#rate
  }

  wallMs(): number {
    const { nowMs } = this.#process.scheduler
    return Math.floor(worldStartWallMs + this.#wallOffsetMs + nowMs * this.#rate)
  }

  after(delayMs: number, task: () => void): () => void {
    const trueMs = delayMs / this.#rate
    return this.#process.after(trueMs > 0 ? Math.max(trueMs, stepMs) : trueMs, task, 'timer')
  }

  /** The operator sets the wall clock. */
  setWallOffsetMs(offsetMs: number): void {
    this.#wallOffsetMs = offsetMs
  }
}
