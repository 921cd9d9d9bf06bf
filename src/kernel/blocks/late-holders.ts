/**
 * Holders that were late a moment ago. Readers ask them last, writers do not wait for them; each
 * side has a memory of its own, since whoever stalls reads may answer writes, and by that would
 * otherwise be asked first again.
 */
import type { NodeId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import { lateMemoryMs } from './limits.ts'

export class LateHolders {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  /** Until when, by node: at most one entry for each node of the world. */
  readonly #untilMs = new Map<NodeId, number>()

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
  }

  isLate(holder: NodeId): boolean {
    return (this.#untilMs.get(holder) ?? 0) > this.#clock.monotonicMs()
  }

  /** Remember it from now on for so long. True when it was not known to be late. */
  mark(holder: NodeId, forMs: number = lateMemoryMs): boolean {
    const isNew = !this.isLate(holder)
    this.#untilMs.set(holder, this.#clock.monotonicMs() + forMs)
    return isNew
  }

  /** It answered. */
  forget(holder: NodeId): void {
    this.#untilMs.delete(holder)
  }
}
