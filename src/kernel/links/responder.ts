/**
 * The peer's requests to us: which are being worked on, and how much the peer may ask for.
 *
 * Three bounds, none of which an honest peer meets (its own are lower):
 *   - count: more unanswered requests are refused, and if the refusals are not read, the link ends;
 *   - bytes in handlers: reading from the link stops until half of them are answered. Answering
 *     needs no reading, so this cannot lock two peers that stop each other; a request's deadline
 *     ends it here too, since a cancellation could not be read meanwhile;
 *   - bytes of replies that the peer does not read: its next requests wait, and are refused when
 *     they carry too much to wait.
 */
import { isUnosysError, messageOf } from '../../base/error.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { Metrics } from '../../ports/metrics.ts'
import type { Connection } from '../../ports/transport.ts'
import { type Counter, counters } from './counters.ts'
import { Deadlines } from './deadlines.ts'
import { LinkCode } from './errors.ts'
import type { Channel, ChannelHandler, IncomingMessage, OutgoingMessage } from './interface.ts'
import type { LinkLimits } from './limits.ts'
import { messageKinds, refusalHead } from './message.ts'
import { contentOf } from './outgoing.ts'
import type { Received } from './receiver.ts'
import { assertSendable } from './sendable.ts'
import type { Sender } from './sender.ts'

type Reply = Omit<OutgoingMessage, 'channel'>
type OnRequest = NonNullable<ChannelHandler['onRequest']>

/** A request that is not answered, or whose answer still waits to be sent. */
type Serving = {
  readonly received: Received
  readonly controller: AbortController
  readonly dueMs: number
  readonly bytes: number
  state: 'deferred' | 'running' | 'replied'
  replyBytes: number
}

export type ResponderOptions = {
  readonly connection: Connection
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly limits: LinkLimits
  readonly sender: Sender
  readonly handlerOf: (channel: Channel) => ChannelHandler | undefined
  readonly onBroken: (counter: Counter) => void
}

const bytesOf = ({ head, body }: IncomingMessage): number => head.length + (body?.bytes.length ?? 0)

export class Responder {
  readonly #options: ResponderOptions
  readonly #deadlines: Deadlines
  readonly #serving = new Map<number, Serving>()
  readonly #deferred = new Set<Serving>()
  #runningBytes = 0
  #deferredBytes = 0
  #replyBytes = 0
  #refusalCount = 0
  #paused = false
  #closed = false

  constructor(options: ResponderOptions) {
    this.#options = options
    this.#deadlines = new Deadlines(options.clock, (nowMs) => this.#expire(nowMs))
  }

  /** True while reading from the link is stopped: the peer's signs of life cannot be heard. */
  get paused(): boolean {
    return this.#paused
  }

  onRequest(received: Received): void {
    const { limits } = this.#options
    const bytes = bytesOf(received.message)
    const mustWait = this.#replyBytes > limits.replyBytesMax || this.#deferred.size > 0
    const isTooMuch = mustWait && this.#deferredBytes + bytes > limits.servedBytesMax
    if (this.#serving.has(received.content.id)) this.#options.onBroken(counters.Misuse)
    else if (isTooMuch || this.#serving.size >= limits.servedMax) this.#refuseExcess(received)
    else this.#serve(received, mustWait)
  }

  #serve(received: Received, mustWait: boolean): void {
    const { id, deadlineMs } = received.content
    const serving: Serving = {
      received,
      controller: new AbortController(),
      dueMs: this.#options.clock.monotonicMs() + deadlineMs,
      bytes: bytesOf(received.message),
      state: 'deferred',
      replyBytes: 0,
    }
    this.#serving.set(id, serving)
    this.#deadlines.note(serving.dueMs)
    if (mustWait) {
      this.#deferred.add(serving)
      this.#deferredBytes += serving.bytes
    } else this.#run(serving)
  }

  /** The peer gave up: stop the work; what comes of it is not sent. */
  onCancel(id: number): void {
    const serving = this.#serving.get(id)
    if (serving !== undefined) this.#abort(serving)
  }

  close(): void {
    this.#closed = true
    this.#deadlines.stop()
    for (const serving of this.#serving.values()) serving.controller.abort()
    this.#serving.clear()
    this.#deferred.clear()
  }

  #abort(serving: Serving): void {
    serving.controller.abort()
    if (serving.state !== 'deferred') return
    this.#deferred.delete(serving)
    this.#deferredBytes -= serving.bytes
    this.#serving.delete(serving.received.content.id)
  }

  #run(serving: Serving): void {
    const { received } = serving
    serving.state = 'running'
    this.#runningBytes += serving.bytes
    this.#pauseIfFull()
    const { onRequest } = this.#options.handlerOf(received.content.channel) ?? {}
    const result = onRequest && this.#call(onRequest, serving)
    if (onRequest === undefined) this.#refuse(serving, 'link/no-handler')
    else if (result instanceof Promise)
      result.then(
        (reply) => this.#reply(serving, reply),
        (error: unknown) => this.#fail(serving, error),
      )
    else if (result !== undefined) this.#reply(serving, result)
  }

  #call(onRequest: OnRequest, serving: Serving): ReturnType<OnRequest> | undefined {
    try {
      return onRequest(serving.received.message, serving.controller.signal)
    } catch (error) {
      this.#fail(serving, error)
      return undefined
    }
  }

  #fail(serving: Serving, error: unknown): void {
    const code = isUnosysError(error) ? error.code : 'internal'
    if (code === 'internal' && !serving.controller.signal.aborted)
      this.#options.log.error('a handler failed', {
        channel: serving.received.content.channel,
        error: messageOf(error),
      })
    this.#refuse(serving, code)
  }

  #refuse(serving: Serving, code: string): void {
    this.#answer(serving, messageKinds.refusal, { head: refusalHead(code) })
  }

  #reply(serving: Serving, reply: Reply): void {
    assertSendable(reply)
    this.#answer(serving, messageKinds.reply, reply)
  }

  #answer(
    serving: Serving,
    kind: typeof messageKinds.reply | typeof messageKinds.refusal,
    reply: Reply,
  ): void {
    if (this.#closed) return
    const { content } = serving.received
    this.#runningBytes -= serving.bytes
    this.#resumeIfRoom()
    if (serving.controller.signal.aborted) {
      this.#serving.delete(content.id)
      return
    }
    serving.state = 'replied'
    serving.replyBytes = reply.head.length + (reply.body?.bytes.length ?? 0)
    this.#replyBytes += serving.replyBytes
    const { channel, id } = content
    this.#options.sender.queue.put({
      content: contentOf(reply, { kind, channel, id, deadlineMs: 0 }),
      body: reply.body?.bytes,
      dropped: () => serving.controller.signal.aborted,
      onTaken: () => this.#onReplyTaken(serving),
    })
    this.#options.sender.schedule()
  }

  #onReplyTaken(serving: Serving): void {
    this.#serving.delete(serving.received.content.id)
    this.#replyBytes -= serving.replyBytes
    for (const waiting of this.#deferred) {
      if (this.#closed || this.#replyBytes > this.#options.limits.replyBytesMax) return
      this.#deferred.delete(waiting)
      this.#deferredBytes -= waiting.bytes
      this.#run(waiting)
    }
  }

  #refuseExcess({ content: { channel, id } }: Received): void {
    this.#options.metrics.count('links.refused_requests')
    if (this.#refusalCount >= this.#options.limits.servedMax) {
      this.#options.onBroken(counters.Flood)
      return
    }
    this.#refusalCount++
    const reply = { head: refusalHead(LinkCode.Overloaded) }
    this.#options.sender.queue.put({
      content: contentOf(reply, { kind: messageKinds.refusal, channel, id, deadlineMs: 0 }),
      body: undefined,
      onTaken: () => {
        this.#refusalCount--
      },
    })
    this.#options.sender.schedule()
  }

  #pauseIfFull(): void {
    if (this.#paused || this.#runningBytes <= this.#options.limits.servedBytesMax) return
    this.#paused = true
    this.#options.connection.pause()
    this.#options.metrics.count('links.pauses')
  }

  #resumeIfRoom(): void {
    if (!this.#paused || this.#runningBytes > this.#options.limits.servedBytesMax / 2) return
    this.#paused = false
    // Not now: the connection hands on at once what it holds, and this may run inside a delivery.
    this.#options.clock.after(0, () => {
      if (!this.#paused && !this.#closed) this.#options.connection.resume()
    })
  }

  #expire(nowMs: number): number | undefined {
    let next: number | undefined
    for (const serving of [...this.#serving.values()]) {
      if (serving.dueMs <= nowMs) this.#abort(serving)
      else if (next === undefined || serving.dueMs < next) next = serving.dueMs
    }
    return next
  }
}
