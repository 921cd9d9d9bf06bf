/**
 * One link: an established, encrypted connection to one peer, and all that runs over it. It lives
 * from the end of the handshake to its close, and never again; the next one starts from nothing.
 */
import type { NodeId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Log } from '../../ports/log.ts'
import type { Metrics } from '../../ports/metrics.ts'
import type { Connection } from '../../ports/transport.ts'
import { type Counter, counters } from './counters.ts'
import type { HandshakeDone } from './handshake.ts'
import type {
  Channel,
  ChannelHandler,
  IncomingMessage,
  OutgoingMessage,
  RequestOptions,
} from './interface.ts'
import type { LinkLimits } from './limits.ts'
import { messageKinds } from './message.ts'
import { contentOf } from './outgoing.ts'
import { type Received, Receiver } from './receiver.ts'
import { Requester } from './requester.ts'
import { Responder } from './responder.ts'
import { Sender } from './sender.ts'
import { TrafficKey } from './traffic-key.ts'

export type LinkOptions = {
  readonly connection: Connection
  readonly done: HandshakeDone
  readonly clock: Clock
  readonly crypto: Crypto
  readonly log: Log
  readonly metrics: Metrics
  readonly limits: LinkLimits
  /** Ed25519, of this node. */
  readonly secretKey: Uint8Array
  readonly handlerOf: (channel: Channel) => ChannelHandler | undefined
  /** The peer's first envelope: its node key signed this handshake. True: the link is accepted. */
  readonly onProven: (link: Link) => boolean
  /** The peer broke the rules or fell silent; the link is closed. */
  readonly onBroken: (link: Link, counter: Counter) => void
}

export class Link {
  readonly peer: NodeId
  /** True when this node dialled. */
  readonly initiator: boolean
  readonly establishedMs: number
  readonly #options: LinkOptions
  readonly #sender: Sender
  readonly #receiver: Receiver
  readonly #requester: Requester
  readonly #responder: Responder
  #proven = false
  #heardMs: number
  #pingedMs: number | undefined
  #roundTripMs: number | undefined
  #closed = false

  constructor(options: LinkOptions) {
    const { connection, done, clock, crypto, metrics, limits, secretKey } = options
    const { peer, transcript } = done
    this.#options = options
    this.peer = peer
    this.initiator = connection.initiator
    this.establishedMs = clock.monotonicMs()
    this.#heardMs = this.establishedMs
    const onBroken = (counter: Counter): void => this.#break(counter)
    const sendKey = new TrafficKey({ crypto, secret: done.sendKey, transcript })
    const key = new TrafficKey({ crypto, secret: done.receiveKey, transcript })
    const common = { connection, clock, crypto, metrics, limits }
    this.#sender = new Sender({ ...common, secretKey, transcript, key: sendKey })
    this.#requester = new Requester({ ...common, peer, sender: this.#sender, onBroken })
    const { log, handlerOf } = options
    this.#responder = new Responder({ ...common, log, sender: this.#sender, handlerOf, onBroken })
    this.#receiver = new Receiver({
      ...{ crypto, metrics, peer, transcript, key, onBroken },
      onEnvelope: () => this.#onEnvelope(),
      onReceived: (received) => this.#onReceived(received),
    })
  }

  get roundTripMs(): number | undefined {
    return this.#roundTripMs
  }

  get queuedBytes(): number {
    return this.#sender.queue.bytes + this.#requester.waitingBytes
  }

  /** Sign this handshake for the peer: the link is proven to it. */
  introduce(): void {
    this.#sender.sendEmpty()
  }

  send(message: OutgoingMessage): boolean {
    if (this.#closed) return false
    const { channel, body } = message
    const taken = this.#sender.queue.offer({
      content: contentOf(message, { kind: messageKinds.message, channel, id: 0, deadlineMs: 0 }),
      body: body?.bytes,
    })
    if (taken) this.#sender.schedule()
    else this.#options.metrics.count('links.dropped_queue_full')
    return taken
  }

  request(message: OutgoingMessage, options: RequestOptions): Promise<IncomingMessage> {
    return this.#requester.request(message, options)
  }

  /** A transport message arrived. */
  receive(bytes: Uint8Array): void {
    this.#heardMs = this.#options.clock.monotonicMs()
    this.#receiver.receive(bytes)
  }

  pong(): void {
    this.#heardMs = this.#options.clock.monotonicMs()
    if (this.#pingedMs === undefined) return
    this.#roundTripMs = this.#heardMs - this.#pingedMs
    this.#pingedMs = undefined
  }

  /** Ask for a sign of life; while we do not read, give one: the peer's pings are not answered. */
  ping(): void {
    this.#pingedMs ??= this.#options.clock.monotonicMs()
    this.#options.connection.ping()
    if (this.#responder.paused || this.#sender.rekeyIsDue()) this.#sender.sendEmpty()
  }

  /** Forgive silence up to now: nobody could have been heard. */
  excuse(): void {
    this.#heardMs = this.#options.clock.monotonicMs()
  }

  /** End the link when the peer was silent for too long. */
  checkAlive(): void {
    if (this.#closed) return
    const nowMs = this.#options.clock.monotonicMs()
    if (this.#responder.paused) this.#heardMs = nowMs
    if (nowMs - this.#heardMs >= this.#options.limits.silenceMsMax) this.#break(counters.Silent)
  }

  /** Ends everything that runs over the link; idempotent. */
  close(reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#receiver.close()
    this.#sender.close()
    this.#responder.close()
    this.#options.connection.close(reason)
    this.#requester.close()
  }

  #break(counter: Counter): void {
    if (this.#closed) return
    this.close(counter)
    this.#options.onBroken(this, counter)
  }

  #onEnvelope(): boolean {
    if (!this.#proven) {
      this.#proven = true
      return this.#options.onProven(this)
    }
    return true
  }

  #onReceived(received: Received): void {
    const { content, message } = received
    if (content.kind === messageKinds.message)
      this.#options.handlerOf(content.channel)?.onMessage?.(message)
    else if (content.kind === messageKinds.request) this.#responder.onRequest(received)
    else if (content.kind === messageKinds.cancel) this.#responder.onCancel(content.id)
    else this.#requester.onReply(received)
  }
}
