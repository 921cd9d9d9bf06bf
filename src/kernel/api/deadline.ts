/**
 * The one bound on a request: how long it may wait for other Processors without getting on.
 *
 * A request is many steps, each of which asks others and gives up in its own words: what is
 * missing, whether the change may have happened. Each is given what the steps before it have left,
 * so that the first to run out answers for all. What has no clock of its own ends by the signal,
 * which fires a little later than any step gives up.
 *
 * A body may take as long as its length and the client make it take: the time begins anew with each
 * piece that came or went, and stands still while the client is waited for (the server ends idle
 * connections).
 */
import type { Clock } from '../../ports/clock.ts'
import { type Deadline, FileCode, FileError } from '../filesystem/index.ts'
import { deadlineGraceMs } from './limits.ts'

export class RequestDeadline implements Deadline {
  /** Fires when the client is gone, and when the time is over. */
  readonly signal: AbortSignal
  /** The time is over: whatever fails now failed for that. */
  isOver = false
  /** From here on a change may have been asked for. */
  mayHaveChanged = false
  readonly #clock: Clock
  readonly #deadlineMs: number
  readonly #abort = new AbortController()
  readonly #client: AbortSignal
  readonly #onGone = (): void => {
    // Whoever is gone needs no end of his time, nor an answer that may never be begun.
    this.#stopTimer?.()
    this.#abort.abort(this.#client.reason)
  }
  #endMs = 0
  #isHeld = false
  #stopTimer: (() => void) | undefined

  /** @param client fires when the client is gone. */
  constructor(clock: Clock, client: AbortSignal, deadlineMs: number) {
    this.#clock = clock
    this.#client = client
    this.#deadlineMs = deadlineMs
    this.signal = this.#abort.signal
    this.moved()
    this.#stopTimer = clock.after(deadlineMs + deadlineGraceMs, () => this.#look())
    if (client.aborted) this.#onGone()
    client.addEventListener('abort', this.#onGone, { once: true })
  }

  get leftMs(): number {
    if (this.#isHeld) return this.#deadlineMs
    return Math.max(1, this.#endMs - this.#clock.monotonicMs())
  }

  /** A piece of a body came or went, or its holders took some of it: the time begins anew. */
  moved(): void {
    this.#isHeld = false
    this.#endMs = this.#clock.monotonicMs() + this.#deadlineMs
  }

  /** The client is waited for, until `moved`. */
  hold(): void {
    this.#isHeld = true
  }

  /** The timer is set again when it fires, not with each piece. */
  #look(): void {
    const overMs = this.#endMs + deadlineGraceMs
    const leftMs = this.#isHeld ? this.#deadlineMs : overMs - this.#clock.monotonicMs()
    if (leftMs > 0) {
      this.#stopTimer = this.#clock.after(leftMs, () => this.#look())
      return
    }
    this.isOver = true
    this.#abort.abort(this.failure())
  }

  /** The request is answered. */
  end(): void {
    this.#stopTimer?.()
    this.#client.removeEventListener('abort', this.#onGone)
  }

  /** What the client is told when no step said more. */
  failure(): FileError {
    const time = `within ${this.#deadlineMs} ms`
    return this.mayHaveChanged
      ? new FileError(FileCode.Unconfirmed, `no quorum confirmed the change ${time}`, {})
      : new FileError(FileCode.Unavailable, `too few Processors answered ${time}`, {})
  }

  /**
   * What `work` gives, or the failure when the time is over first; `work` goes on then, unheard.
   * @throws FileError `filesystem/unavailable`, `filesystem/unconfirmed`, and what `work` throws.
   */
  async within<Value>(work: Promise<Value>): Promise<Value> {
    const { promise: over, reject } = Promise.withResolvers<never>()
    const onAbort = (): void => {
      if (this.isOver) reject(this.failure())
    }
    this.signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([work, over])
    } finally {
      this.signal.removeEventListener('abort', onAbort)
    }
  }

  /** A request's body: each piece is progress, the next one is the client's to send. */
  async *received(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    this.hold()
    try {
      for await (const chunk of body) {
        this.moved()
        yield chunk
        this.hold()
      }
    } finally {
      this.moved()
    }
  }

  /** An answer's body, which ends the request: the next piece is asked for when this one went. */
  async *sent(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      this.moved()
      for await (const chunk of body) {
        this.hold()
        yield chunk
        this.moved()
      }
    } finally {
      this.end()
    }
  }
}
