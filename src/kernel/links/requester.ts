/**
 * Our requests to one peer: numbers, deadlines, cancellation, and how many may be under way.
 *
 * A request waits here until those under way leave room for it; so a stream of blocks moves as fast
 * as the peer answers and no memory grows. Each ends exactly once: reply, refusal, deadline,
 * cancellation, or the end of the link.
 */
import { assert } from '../../base/assert.ts'
import { emptyBytes } from '../../base/bytes.ts'
import type { NodeId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Metrics } from '../../ports/metrics.ts'
import { type Counter, counters } from './counters.ts'
import { Deadlines } from './deadlines.ts'
import { LinkCode, LinkError } from './errors.ts'
import type { IncomingMessage, OutgoingMessage, RequestOptions } from './interface.ts'
import { deadlineMsMax, type LinkLimits } from './limits.ts'
import { messageKinds, refusalCodeOf } from './message.ts'
import { contentOf } from './outgoing.ts'
import type { Received } from './receiver.ts'
import type { Sender } from './sender.ts'

/** A request whose end is open. */
type Pending = {
  readonly id: number
  readonly message: OutgoingMessage
  readonly dueMs: number
  readonly bytes: number
  readonly resolve: (reply: IncomingMessage) => void
  readonly reject: (error: LinkError) => void
  /** Takes the listener off the caller's signal. */
  readonly release: () => void
  state: 'waiting' | 'queued' | 'sent' | 'ended'
}

export class Requester {
  readonly #peer: NodeId
  readonly #clock: Clock
  readonly #metrics: Metrics
  readonly #limits: LinkLimits
  readonly #sender: Sender
  readonly #onBroken: (counter: Counter) => void
  readonly #deadlines: Deadlines
  readonly #inFlight = new Map<number, Pending>()
  readonly #waiting = new Map<number, Pending>()
  #inFlightBytes = 0
  #waitingBytes = 0
  #nextId = 1
  #closed = false

  constructor(options: {
    readonly peer: NodeId
    readonly clock: Clock
    readonly metrics: Metrics
    readonly limits: LinkLimits
    readonly sender: Sender
    readonly onBroken: (counter: Counter) => void
  }) {
    this.#peer = options.peer
    this.#clock = options.clock
    this.#metrics = options.metrics
    this.#limits = options.limits
    this.#sender = options.sender
    this.#onBroken = options.onBroken
    this.#deadlines = new Deadlines(options.clock, (nowMs) => this.#expire(nowMs))
  }

  get waitingBytes(): number {
    return this.#waitingBytes
  }

  /** @throws LinkError as `Links.request` says. */
  request(message: OutgoingMessage, options: RequestOptions): Promise<IncomingMessage> {
    assert(
      options.deadlineMs > 0 && options.deadlineMs <= deadlineMsMax,
      'a deadline lies in the future, a day at most',
    )
    const { signal } = options
    if (signal?.aborted === true) return Promise.reject(this.#error(LinkCode.Cancelled))
    if (this.#closed) return Promise.reject(this.#error(LinkCode.Down))
    const bytes = message.head.length + (message.body?.bytes.length ?? 0)
    if (!this.#hasRoom(bytes) && !this.#mayWait(bytes))
      return Promise.reject(this.#error(LinkCode.Overloaded))
    return new Promise((resolve, reject) => {
      const onAbort = (): void => this.#giveUp(pending, LinkCode.Cancelled)
      const pending: Pending = {
        id: this.#nextId++,
        message,
        dueMs: this.#clock.monotonicMs() + options.deadlineMs,
        bytes,
        resolve,
        reject,
        release: () => signal?.removeEventListener('abort', onAbort),
        state: 'waiting',
      }
      signal?.addEventListener('abort', onAbort)
      this.#waiting.set(pending.id, pending)
      this.#waitingBytes += bytes
      this.#deadlines.note(pending.dueMs)
      this.#admit()
    })
  }

  /** The peer answered. */
  onReply({ content, message }: Received): void {
    const pending = this.#inFlight.get(content.id)
    if (pending === undefined) {
      // It crossed with our giving up.
      this.#metrics.count('links.late_replies')
      return
    }
    if (pending.state !== 'sent' || content.channel !== pending.message.channel) {
      this.#onBroken(counters.Misuse)
      return
    }
    this.#end(pending)
    if (content.kind === messageKinds.reply) pending.resolve(message)
    else pending.reject(this.#error(LinkCode.Refused, refusalCodeOf(content.head)))
    this.#admit()
  }

  /** The link ended: so does everything. */
  close(): void {
    this.#closed = true
    this.#deadlines.stop()
    for (const pending of [...this.#inFlight.values(), ...this.#waiting.values()]) {
      this.#end(pending)
      pending.reject(this.#error(LinkCode.Down))
    }
  }

  #error(code: LinkCode, peerCode?: string): LinkError {
    const refused = peerCode === undefined ? '' : `: ${peerCode}`
    return new LinkError(code, `${code}${refused}`, {
      peer: this.#peer,
      ...(peerCode !== undefined && { peerCode }),
    })
  }

  #hasRoom(bytes: number): boolean {
    if (this.#waiting.size > 0) return false
    return this.#fits(bytes)
  }

  /** One request of any size may be under way. */
  #fits(bytes: number): boolean {
    if (this.#inFlight.size === 0) return true
    const { requestsInFlightMax, requestBytesInFlightMax } = this.#limits
    return (
      this.#inFlight.size < requestsInFlightMax &&
      this.#inFlightBytes + bytes <= requestBytesInFlightMax
    )
  }

  #mayWait(bytes: number): boolean {
    const { requestsWaitingMax, requestBytesWaitingMax } = this.#limits
    return (
      this.#waiting.size < requestsWaitingMax &&
      this.#waitingBytes + bytes <= requestBytesWaitingMax
    )
  }

  /** Send of those waiting what there is room for, oldest first. */
  #admit(): void {
    for (const pending of this.#waiting.values()) {
      if (!this.#fits(pending.bytes)) return
      this.#waiting.delete(pending.id)
      this.#waitingBytes -= pending.bytes
      this.#inFlight.set(pending.id, pending)
      this.#inFlightBytes += pending.bytes
      this.#queue(pending)
    }
  }

  #queue(pending: Pending): void {
    pending.state = 'queued'
    const { id, message, dueMs } = pending
    const { channel } = message
    const leftMs = Math.ceil(dueMs - this.#clock.monotonicMs())
    const deadlineMs = Math.min(Math.max(1, leftMs), deadlineMsMax)
    this.#sender.queue.put({
      content: contentOf(message, { kind: messageKinds.request, channel, id, deadlineMs }),
      body: message.body?.bytes,
      dropped: () => pending.state === 'ended',
      onTaken: () => {
        if (pending.state === 'queued') pending.state = 'sent'
      },
    })
    this.#sender.schedule()
  }

  #giveUp(pending: Pending, code: LinkCode): void {
    if (pending.state === 'ended') return
    const wasSent = pending.state === 'sent'
    this.#end(pending)
    pending.reject(this.#error(code))
    if (wasSent) this.#cancelAtPeer(pending)
    this.#admit()
  }

  #cancelAtPeer({ id, message: { channel } }: Pending): void {
    const content = { channel, id, deadlineMs: 0, head: emptyBytes, body: undefined }
    this.#sender.queue.put(
      { content: { ...content, kind: messageKinds.cancel }, body: undefined },
      'urgent',
    )
    this.#sender.schedule()
  }

  #end(pending: Pending): void {
    if (this.#inFlight.delete(pending.id)) this.#inFlightBytes -= pending.bytes
    if (this.#waiting.delete(pending.id)) this.#waitingBytes -= pending.bytes
    pending.state = 'ended'
    pending.release()
  }

  #expire(nowMs: number): number | undefined {
    let next: number | undefined
    for (const pending of [...this.#inFlight.values(), ...this.#waiting.values()]) {
      if (pending.dueMs <= nowMs) this.#giveUp(pending, LinkCode.Deadline)
      else if (next === undefined || pending.dueMs < next) next = pending.dueMs
    }
    return next
  }
}
