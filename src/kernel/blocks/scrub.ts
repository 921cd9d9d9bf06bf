/**
 * Reads, once and slowly, what former runs left on this disk. The index is made from names: a file
 * that a crash tore, or that lost its bytes while nobody looked, counts as held until it is read.
 * Whatever is found damaged the holder reports, and repair fetches it again.
 *
 * Blocks that this run stored are not read: their bytes were synced before they were confirmed. The
 * pace is bounded by bytes and by files, so that readers and writers hardly notice.
 */
import { messageOf } from '../../base/error.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { Metrics } from '../../ports/metrics.ts'
import { partitionCount } from '../placement/index.ts'
import type { BlockKey, Vault } from '../vault/interface.ts'
import type { Holder } from './holder.ts'
import {
  scrubBusyMs,
  scrubBytesPerMs,
  scrubDelayMs,
  scrubPauseMs,
  scrubTriesMax,
} from './limits.ts'
import { GetStatus } from './wire.ts'

export type ScrubOptions = {
  readonly clock: Clock
  readonly vault: Pick<Vault, 'unproven'>
  /** Reports what it finds damaged. */
  readonly holder: Pick<Holder, 'fetch'>
  readonly log: Log
  readonly metrics: Metrics
  /** This code failed: this node must stop. */
  readonly onFatal: (error: Error) => void
}

export class Scrub {
  readonly #options: ScrubOptions
  #isStopped = false
  #endPause: () => void = () => undefined
  #done: Promise<void> = Promise.resolve()
  #checkedCount = 0
  #damagedCount = 0

  constructor(options: ScrubOptions) {
    this.#options = options
  }

  /** Begins a while later, when the node serves. */
  start(): void {
    this.#done = this.#run()
  }

  /** Resolves when no read is under way any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#endPause()
    await this.#done
  }

  async #run(): Promise<void> {
    const { log, onFatal } = this.#options
    await this.#pause(scrubDelayMs)
    try {
      for (let partition = 0; partition < partitionCount; partition++) {
        if (this.#isStopped) return
        await this.#checkPartition(partition)
      }
    } catch (error) {
      onFatal(error instanceof Error ? error : new Error(messageOf(error)))
      return
    }
    log.info('all blocks of former runs were read', {
      blocks: this.#checkedCount,
      damaged: this.#damagedCount,
    })
  }

  async #checkPartition(partition: number): Promise<void> {
    const { vault, metrics } = this.#options
    for (const key of vault.unproven(partition)) {
      if (this.#isStopped) return
      const isChecked = await this.#check(key)
      if (isChecked) this.#checkedCount++
      metrics.count(isChecked ? 'blocks.scrub_checked_count' : 'blocks.scrub_skipped_count')
    }
    metrics.gauge('blocks.scrub_percent', Math.floor(((partition + 1) * 100) / partitionCount))
  }

  /** Read one block, and rest from it. False: the disk did not let it be read this time. */
  async #check(key: BlockKey): Promise<boolean> {
    const { holder, metrics } = this.#options
    for (let tries = 0; tries < scrubTriesMax && !this.#isStopped; tries++) {
      const { status, copy } = await holder.fetch(key)
      if (status === GetStatus.Busy) {
        await this.#pause(scrubBusyMs)
        continue
      }
      if (copy === undefined && status !== GetStatus.Absent) {
        this.#damagedCount++
        metrics.count('blocks.scrub_damaged_count')
      }
      await this.#pause(Math.max(scrubPauseMs, (copy?.sealed.length ?? 0) / scrubBytesPerMs))
      return true
    }
    return false
  }

  #pause(delayMs: number): Promise<void> {
    if (this.#isStopped) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(delayMs, resolve)
      this.#endPause = () => {
        cancel()
        resolve()
      }
    })
  }
}
