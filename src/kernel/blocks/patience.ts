/**
 * How long one batch waits for each of its holders, and which of them it tries at all.
 *
 * The problem: a holder that is linked and does not answer (stopped, its disk hangs, it lies) would
 * keep the memory of each batch until the put's deadline, and with it all writers of this
 * Processor. Leaving it out for good would cost the third replica; deciding by a fixed time would
 * give up holders that are no slower than the others. Chosen way:
 *
 *   - upon w receipts for each block: who has not answered by a multiple of the time that these
 *     took (with a floor) is late. It is remembered, and its copies of this batch are given up: it
 *     fetches them itself (`repair.ts`);
 *   - one batch at a time tries the late holders, and waits for them as long as a put may take. So
 *     all of them together hold the memory of one batch. Who answers is trusted again;
 *   - other batches leave late holders out until w receipts need them: at once where too few others
 *     are up, otherwise when one of the others failed, or all of them have been quiet for a while.
 *
 * Holders that are not linked are none of this: they fail at once and hold nothing.
 */
import { isUnosysError } from '../../base/error.ts'
import type { NodeId } from '../../base/ids.ts'
import { writeLateFactor, writeLateMsMin } from './limits.ts'
import type { Watch } from './watch.ts'

/** What one holder is asked to take, as indexes into the batch. */
export type Share = { readonly holder: NodeId; readonly indexes: readonly number[] }

/** Of one batch, from its start to its end. */
export class Patience {
  readonly #watch: Watch
  readonly #startedMs: number
  /** Holders that were sent their blocks and have not answered; firing gives their copies up. */
  readonly #open = new Map<NodeId, AbortController>()
  readonly #probed = new Set<NodeId>()
  readonly #heldBack = new Set<NodeId>()
  readonly #needed = Promise.withResolvers<void>()
  #cancelTimer: () => void = () => undefined
  #isOver = false

  constructor(watch: Watch) {
    this.#watch = watch
    this.#startedMs = watch.clock.monotonicMs()
  }

  /** Decide which shares leave at once. `receiptCount` is what each block needs. */
  plan(shares: readonly Share[], receiptCount: number): void {
    const watch = this.#watch
    const late = shares.filter(({ holder }) => watch.isUp(holder) && watch.isLate(holder))
    if (late.length === 0) return
    const promptCounts = countsOf(
      shares.filter(({ holder }) => watch.isUp(holder) && !watch.isLate(holder)),
    )
    for (const { holder, indexes } of late) {
      if (indexes.some((index) => (promptCounts.get(index) ?? 0) < receiptCount)) continue
      if (watch.mayProbe(holder, this)) this.#probed.add(holder)
      else this.#heldBack.add(holder)
    }
    if (this.#heldBack.size > 0)
      this.#cancelTimer = watch.clock.after(writeLateMsMin, () => this.release())
  }

  isHeldBack(holder: NodeId): boolean {
    return this.#heldBack.has(holder)
  }

  /** Resolves when those held back are needed after all, or the batch is settled. */
  get needed(): Promise<void> {
    return this.#needed.promise
  }

  /** The others may not be enough. */
  release(): void {
    this.#heldBack.clear()
    this.#needed.resolve()
  }

  /** A share leaves. The signal fires when it is given up. */
  open(holder: NodeId): AbortSignal {
    const controller = new AbortController()
    if (this.#isOver) controller.abort()
    else this.#open.set(holder, controller)
    return controller.signal
  }

  /** What became of a share: the reply to its receipt request. */
  closed(holder: NodeId, reply: PromiseSettledResult<unknown>): void {
    // What comes of a share that was given up says nothing in its holder's favour.
    if (!this.#open.delete(holder)) return
    if (reply.status === 'fulfilled' || isUnosysError(reply.reason, 'link/refused')) {
      this.#watch.answered(holder)
    } else if (isUnosysError(reply.reason, 'link/deadline')) this.#watch.markLate(holder)
  }

  /** Each block has its receipts: who is late from here on is not waited for. */
  enough(): void {
    this.release()
    this.#cancelTimer()
    this.#giveUp((holder) => this.#watch.isLate(holder))
    if (this.#open.size === 0) return
    const { clock } = this.#watch
    const tookMs = clock.monotonicMs() - this.#startedMs
    const patienceMs = Math.max(writeLateMsMin, tookMs * writeLateFactor)
    this.#cancelTimer = clock.after(patienceMs - tookMs, () => {
      for (const holder of this.#open.keys()) {
        if (!this.#probed.has(holder)) this.#watch.markLate(holder)
      }
      this.#giveUp(() => true)
    })
  }

  /** Nothing is waited for any more: all have answered, or the batch came to nothing. */
  end(): void {
    this.#isOver = true
    this.#cancelTimer()
    this.#probed.clear()
    this.#giveUp(() => true)
    this.release()
    this.#watch.ended(this)
  }

  #giveUp(isMeant: (holder: NodeId) => boolean): void {
    for (const [holder, controller] of [...this.#open]) {
      if (this.#probed.has(holder) || !isMeant(holder)) continue
      this.#open.delete(holder)
      controller.abort()
    }
  }
}

/** How many of these shares have each block. */
function countsOf(shares: readonly Share[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>()
  for (const { indexes } of shares)
    for (const index of indexes) counts.set(index, (counts.get(index) ?? 0) + 1)
  return counts
}
