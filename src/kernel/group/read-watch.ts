/**
 * How long a round of a read goes on: until it is decided, and not much longer than a quorum needs.
 * Whoever is silent must not keep the others from settling, nor from beginning anew.
 */
import type { NodeId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import { disagreementMs, settleRoundMs } from './limits.ts'
import { ReadRound, type ReadRoundOptions } from './read-round.ts'

export class ReadWatch {
  readonly round: ReadRound
  /** Resolves when another answer would change nothing, or has been waited for in vain. */
  readonly ended: Promise<void>
  readonly #clock: Clock
  readonly #options: ReadRoundOptions
  readonly #end: () => void
  #cancelLate: (() => void) | undefined
  /** The shortest wait has begun. */
  #isShort: boolean
  #isOver = false

  readonly #isOnce: boolean

  /**
   * @param how `settles`: the round is for the state after one block. `once`: who failed is not
   *   asked again.
   */
  constructor(
    clock: Clock,
    options: ReadRoundOptions,
    how: { readonly settles?: boolean; readonly once?: boolean } = {},
  ) {
    this.#clock = clock
    this.#options = options
    this.round = new ReadRound(options)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ended = promise
    this.#end = resolve
    this.#isOnce = how.once === true
    this.#isShort = how.settles === true
    if (this.#isShort) this.#waitAtMost(settleRoundMs)
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** A member's answer. True when the round is over. */
  answered(member: NodeId, bytes: Uint8Array): boolean {
    if (!this.#isOver) this.round.answered(member, bytes)
    return this.#look()
  }

  /** A member that gives none; it may be asked again. True when the round is over. */
  failed(member: NodeId, code: string): boolean {
    if (!this.#isOver) this.round.failed(member, code)
    return this.#look()
  }

  #look(): boolean {
    if (this.#isOver) return true
    const { round } = this
    const { quorum, tally } = this.#options
    const isLost = this.#isOnce && round.isOutOfReach
    if (round.agreed !== undefined || round.isHopeless || round.isTooLarge || isLost) this.finish()
    else if (round.isProven && !this.#isShort) {
      this.#isShort = true
      this.#waitAtMost(disagreementMs)
    } else if (this.#cancelLate === undefined && (tally.answerCount >= quorum || this.#isStuck))
      this.#waitAtMost(settleRoundMs)
    return this.#isOver
  }

  /** Somebody failed for good: whether a quorum is left rests on those that may be silent. */
  get #isStuck(): boolean {
    return this.#isOnce && this.round.failedCount > 0
  }

  #waitAtMost(delayMs: number): void {
    this.#cancelLate?.()
    this.#cancelLate = this.#clock.after(delayMs, () => this.finish())
  }

  /** Nothing that comes later counts. */
  finish(): void {
    this.#isOver = true
    this.#cancelLate?.()
    this.#end()
  }
}
