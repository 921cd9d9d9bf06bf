/**
 * The peer's requests to us: which are being worked on, and how much the peer may ask for.
 *
 * Three bounds, none of which an honest peer meets (its own are lower):
 *   - count: more unanswered requests are refused, and if the refusals are not read, the link ends;
 *   - bytes in handlers: reading from the link stops until half of them are answered. Answering
 *     needs no reading, so this cannot lock two peers that stop each other; a request's deadline
 *     ends it here too, since a cancellation could not be read meanwhile;
 *   - replies: few are made at once, and none while the peer has too many to read (`ReplyRoom`).
 *     Requests wait for that, before their handler begins or inside it, and are refused when they
 *     carry too much to wait. What they carry meanwhile does not stop the reading: whether they go
 *     on depends on the peer's.
 */
import { assert } from '../../base/assert.ts'
import { isUnosysError, messageOf } from '../../base/error.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { Metrics } from '../../ports/metrics.ts'
import type { Connection } from '../../ports/transport.ts'
import { type Counter, counters } from './counters.ts'
import { Deadlines } from './deadlines.ts'
import { LinkCode, LinkError } from './errors.ts'
import type { Channel, ChannelHandler, OutgoingMessage } from './interface.ts'
import { type LinkLimits, smallReplyBytes } from './limits.ts'
import { messageKinds, refusalHead } from './message.ts'
import { contentOf } from './outgoing.ts'
import type { Received } from './receiver.ts'
import { ReplyRoom } from './reply-room.ts'
import { assertSendable } from './sendable.ts'
import type { Sender } from './sender.ts'

type Reply = Omit<OutgoingMessage, 'channel'>
type AnswerKind = typeof messageKinds.reply | typeof messageKinds.refusal
type OnRequest = NonNullable<ChannelHandler['onRequest']>

/** A request that is not answered, or whose answer still waits to be sent. */
type Serving = {
  readonly received: Received
  readonly controller: AbortController
  readonly dueMs: number
  readonly bytes: number
  state: 'running' | 'replied' | Waiting
  hasRoom: boolean
}

/** In line for room. */
type Waiting = {
  readonly turn: () => void
  /** The request is given up. */
  readonly dropped: () => void
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

const bytesOf = ({ head, body }: Pick<OutgoingMessage, 'head' | 'body'>): number =>
  head.length + (body?.bytes.length ?? 0)

export class Responder {
  readonly #options: ResponderOptions
  readonly #deadlines: Deadlines
  readonly #serving = new Map<number, Serving>()
  readonly #room: ReplyRoom
  #runningBytes = 0
  #waitingBytes = 0
  #refusalCount = 0
  #paused = false
  #closed = false

  constructor(options: ResponderOptions) {
    this.#options = options
    this.#room = new ReplyRoom(options.limits)
    this.#deadlines = new Deadlines(options.clock, (nowMs) => this.#expire(nowMs))
  }

  /** True while reading from the link is stopped: the peer's signs of life cannot be heard. */
  get paused(): boolean {
    return this.#paused
  }

  onRequest(received: Received): void {
    const handler = this.#options.handlerOf(received.content.channel)
    const needsRoom = handler?.onRequest !== undefined && handler.asksForRoom !== true
    const isTooMuch = needsRoom && !this.#mayWait(bytesOf(received.message))
    const isFull = this.#serving.size >= this.#options.limits.servedMax
    if (this.#serving.has(received.content.id)) this.#options.onBroken(counters.Misuse)
    else if (isTooMuch || isFull) this.#refuseExcess(received)
    else this.#serve(received, needsRoom)
  }

  #mayWait(bytes: number): boolean {
    const { servedBytesMax } = this.#options.limits
    return this.#room.isFree || this.#waitingBytes + bytes <= servedBytesMax
  }

  #serve(received: Received, needsRoom: boolean): void {
    const { id, deadlineMs } = received.content
    const serving: Serving = {
      received,
      controller: new AbortController(),
      dueMs: this.#options.clock.monotonicMs() + deadlineMs,
      bytes: bytesOf(received.message),
      state: 'running',
      hasRoom: false,
    }
    this.#serving.set(id, serving)
    this.#deadlines.note(serving.dueMs)
    this.#runningBytes += serving.bytes
    if (!needsRoom) {
      this.#pauseIfFull()
      this.#run(serving)
      return
    }
    const dropped = (): void => this.#forget(serving)
    this.#wait(serving, { turn: () => this.#run(serving), dropped })
  }

  /** The peer gave up: stop the work; what comes of it is not sent. */
  onCancel(id: number): void {
    const serving = this.#serving.get(id)
    if (serving !== undefined) this.#abort(serving)
  }

  close(): void {
    this.#closed = true
    this.#deadlines.stop()
    this.#room.close()
    for (const serving of [...this.#serving.values()]) this.#abort(serving)
    this.#serving.clear()
  }

  #abort(serving: Serving): void {
    serving.controller.abort()
    this.#leaveLine(serving)?.dropped()
  }

  #leaveLine(serving: Serving): Waiting | undefined {
    const { state } = serving
    if (state === 'running' || state === 'replied') return undefined
    this.#room.leave(state.turn)
    this.#goOn(serving)
    return state
  }

  /** A handler wants to make a reply that is not small. */
  #roomFor(serving: Serving): Promise<void> {
    const { controller, hasRoom, received, state } = serving
    if (controller.signal.aborted) return Promise.reject(controller.signal.reason)
    if (hasRoom) return Promise.resolve()
    assert(state === 'running', 'a handler asks for room once at a time')
    if (!this.#mayWait(serving.bytes)) {
      const { from: peer } = received.message
      const error = new LinkError(LinkCode.Overloaded, 'too much waits for the peer', { peer })
      return Promise.reject(error)
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const dropped = (): void => reject(controller.signal.reason)
    this.#wait(serving, { turn: resolve, dropped })
    return promise
  }

  #wait(serving: Serving, { turn, dropped }: Waiting): void {
    const waiting: Waiting = {
      turn: () => {
        this.#goOn(serving)
        serving.hasRoom = true
        this.#pauseIfFull()
        turn()
      },
      dropped,
    }
    serving.state = waiting
    this.#runningBytes -= serving.bytes
    this.#waitingBytes += serving.bytes
    this.#room.enter(waiting.turn)
    this.#resumeIfRoom()
  }

  /** It does not wait any more. */
  #goOn(serving: Serving): void {
    serving.state = 'running'
    this.#waitingBytes -= serving.bytes
    this.#runningBytes += serving.bytes
  }

  /** Nothing runs for it any more, and no reply waits. */
  #forget(serving: Serving): void {
    this.#serving.delete(serving.received.content.id)
    this.#ended(serving)
  }

  #ended(serving: Serving): void {
    this.#runningBytes -= serving.bytes
    this.#resumeIfRoom()
  }

  #run(serving: Serving): void {
    const { onRequest } = this.#options.handlerOf(serving.received.content.channel) ?? {}
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
    const { controller, received } = serving
    try {
      return onRequest(received.message, controller.signal, () => this.#roomFor(serving))
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
    if (serving.hasRoom || bytesOf(reply) <= smallReplyBytes)
      this.#answer(serving, messageKinds.reply, reply)
    else this.#fail(serving, new Error('a reply is not small, and no room was asked for'))
  }

  #answer(serving: Serving, kind: AnswerKind, reply: Reply): void {
    if (this.#closed) return
    const { content } = serving.received
    this.#leaveLine(serving)
    if (serving.controller.signal.aborted) this.#serving.delete(content.id)
    else this.#queue(serving, kind, reply)
    this.#ended(serving)
    // After the reply is counted: the next one waits for it, too.
    if (serving.hasRoom) this.#room.made()
  }

  #queue(serving: Serving, kind: AnswerKind, reply: Reply): void {
    const { channel, id } = serving.received.content
    const bytes = bytesOf(reply)
    serving.state = 'replied'
    this.#room.queued(bytes)
    this.#options.sender.queue.put({
      content: contentOf(reply, { kind, channel, id, deadlineMs: 0 }),
      body: reply.body?.bytes,
      dropped: () => serving.controller.signal.aborted,
      onTaken: () => {
        this.#serving.delete(id)
        this.#room.taken(bytes)
      },
    })
    this.#options.sender.schedule()
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
    if (
      this.#closed ||
      !this.#paused ||
      this.#runningBytes > this.#options.limits.servedBytesMax / 2
    )
      return
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
