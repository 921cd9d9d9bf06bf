/**
 * What the batches of one Processor know together of their holders: who was late with a batch, and
 * which batch tries the late ones now.
 */
import type { NodeId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Metrics } from '../../ports/metrics.ts'
import type { Links } from '../links/index.ts'
import { FaultKind, type Trust } from '../trust/index.ts'
import { LateHolders } from './late-holders.ts'
import { lateMemoryMs, probeQueuedBytesMax, putDeadlineMs } from './limits.ts'

export type WatchOptions = {
  readonly self: NodeId
  readonly clock: Clock
  readonly links: Pick<Links, 'isUp' | 'peers'>
  readonly trust: Pick<Trust, 'report'>
  readonly metrics: Pick<Metrics, 'count'>
}

export class Watch {
  readonly clock: Clock
  readonly #options: WatchOptions
  readonly #late: LateHolders
  /** The batch that tries the late holders now. */
  #prober: object | undefined

  constructor(options: WatchOptions) {
    this.clock = options.clock
    this.#options = options
    this.#late = new LateHolders(options.clock)
  }

  isLate(holder: NodeId): boolean {
    return this.#late.isLate(holder)
  }

  /** This node, or linked to it. */
  isUp(holder: NodeId): boolean {
    return holder === this.#options.self || this.#options.links.isUp(holder)
  }

  markLate(holder: NodeId): void {
    if (!this.#late.mark(holder)) return
    const { metrics, trust } = this.#options
    metrics.count('blocks.write_late_count')
    trust.report({ peer: holder, kind: FaultKind.Late, about: 'a batch of blocks' })
  }

  answered(holder: NodeId): void {
    this.#late.forget(holder)
  }

  /** Whether this batch may try a late holder. It counts as late until it answers. */
  mayProbe(holder: NodeId, batch: object): boolean {
    if (this.#prober !== undefined && this.#prober !== batch) return false
    // Who does not even read would have the links keep one probe after the other for it.
    const link = this.#options.links.peers().find(({ peer }) => peer === holder)
    if (link !== undefined && link.queuedBytes > probeQueuedBytesMax) return false
    this.#prober = batch
    this.#late.mark(holder, putDeadlineMs + lateMemoryMs)
    return true
  }

  ended(batch: object): void {
    if (this.#prober === batch) this.#prober = undefined
  }
}
