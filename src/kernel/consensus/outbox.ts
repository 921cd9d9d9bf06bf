/**
 * The driver's law: what promises a vote leaves when the vote is durable, and not before.
 *
 * Writes of a step go into the open batch. Up to two commits are under way at once, so that the
 * store's next sync starts without waiting for this thread; what many steps write meanwhile shares
 * the commit after. Messages that show votes of ours wait for the commit with the youngest of them;
 * the others leave at once. What waits for the same vote leaves in its order, and nothing that one
 * of them causes overtakes the rest. A commit that fails stops the process: nothing of it was sent.
 */
import type { Journal, JournalWrite } from '../../ports/journal.ts'

const commitsUnderWayMax = 2

type Batch = {
  readonly writes: JournalWrite[]
  bytes: number
  /** Number of the youngest own vote in it; 0 when it has none. */
  ownVote: number
  readonly heights: number[]
  /** To be done when it is durable. */
  readonly tasks: (() => void)[]
}

const newBatch = (): Batch => ({ writes: [], bytes: 0, ownVote: 0, heights: [], tasks: [] })

const bytesOf = (write: JournalWrite): number => (write.kind === 'put' ? write.value.length : 0)

export type OutboxEvents = {
  /** A commit is durable, with own votes up to `ownVote` and these executed heights, in order. */
  onDurable(done: { readonly ownVote: number; readonly heights: readonly number[] }): void
  onFailed(error: unknown): void
}

export class Outbox {
  readonly #journal: Journal
  readonly #events: OutboxEvents
  #open = newBatch()
  #underWay = 0
  #unsyncedBytes = 0
  #durableVote = 0
  #waiting: { readonly after: number; readonly leave: () => void }[] = []
  #isLeaving = false
  #last: Promise<void> = Promise.resolve()
  #closed = false

  constructor(journal: Journal, events: OutboxEvents) {
    this.#journal = journal
    this.#events = events
  }

  /** Bytes that are not on the disk yet. */
  get unsyncedBytes(): number {
    return this.#unsyncedBytes
  }

  write(writes: readonly JournalWrite[], ownVote = 0): void {
    for (const one of writes) {
      this.#open.writes.push(one)
      this.#open.bytes += bytesOf(one)
      this.#unsyncedBytes += bytesOf(one)
    }
    this.#open.ownVote = Math.max(this.#open.ownVote, ownVote)
  }

  /** The open batch holds the execution of `height`. */
  executed(height: number): void {
    this.#open.heights.push(height)
  }

  /** Do something when what was written until now is durable. */
  whenDurable(task: () => void): void {
    this.#open.tasks.push(task)
  }

  /** Let something leave now, or when own votes up to `after` are durable. */
  leave(after: number, leave: () => void): void {
    if (after <= this.#durableVote && !this.#isLeaving) leave()
    else this.#waiting.push({ after, leave })
  }

  /** Until nothing that waits is ready: what leaves may add more. */
  #leaveReady(): void {
    this.#isLeaving = true
    const isReady = (one: { readonly after: number }): boolean => one.after <= this.#durableVote
    try {
      for (let ready = this.#waiting.filter(isReady); ready.length > 0; ) {
        this.#waiting = this.#waiting.filter((one) => !isReady(one))
        for (const one of ready) one.leave()
        ready = this.#waiting.filter(isReady)
      }
    } finally {
      this.#isLeaving = false
    }
  }

  /** At the end of each step: commit what it wrote, or leave it for the commit that follows. */
  flush(): void {
    if (this.#closed || this.#open.writes.length === 0) return
    if (this.#underWay >= commitsUnderWayMax) return
    const batch = this.#open
    this.#open = newBatch()
    this.#underWay++
    this.#last = this.#journal.commit(batch.writes).then(
      () => this.#done(batch),
      (error: unknown) => {
        if (!this.#closed) this.#events.onFailed(error)
      },
    )
  }

  #done(batch: Batch): void {
    this.#underWay--
    this.#unsyncedBytes -= batch.bytes
    if (this.#closed) return
    this.#durableVote = Math.max(this.#durableVote, batch.ownVote)
    this.#leaveReady()
    this.flush()
    this.#events.onDurable(batch)
    for (const task of batch.tasks) task()
  }

  /** Nothing leaves any more. */
  close(): void {
    this.#closed = true
    this.#waiting = []
  }

  /** Resolves when the commits under way have ended; never rejects. */
  settled(): Promise<void> {
    return this.#last
  }
}
