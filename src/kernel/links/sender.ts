/**
 * From queues to the socket.
 *
 * Problem: bulk data fills every buffer on the way, and a vote behind megabytes of blocks comes too
 * late. The transport gives no priorities once it has the bytes. Chosen way: at most a window of
 * bulk data is handed to the transport; the rest waits here, where messages that matter more
 * overtake it. What goes together in one envelope is bounded too, so that they never wait long.
 *
 * A turn's messages leave together at its end: one signature for all of them.
 */
import type { Clock } from '../../ports/clock.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Metrics } from '../../ports/metrics.ts'
import type { Connection } from '../../ports/transport.ts'
import { type EnvelopePart, isInline, recordKinds, writeEnvelope } from './envelope.ts'
import { envelopeFillBytes, envelopeMessagesMax, type LinkLimits } from './limits.ts'
import { contentBytes, MessageHasher } from './message.ts'
import { type Outgoing, OutgoingQueue, type Urgency, urgencies, weightOf } from './outgoing.ts'
import type { TrafficKey } from './traffic-key.ts'

export type SenderOptions = {
  readonly connection: Connection
  readonly clock: Clock
  readonly crypto: Crypto
  readonly metrics: Metrics
  readonly limits: LinkLimits
  /** Ed25519, of this node. */
  readonly secretKey: Uint8Array
  readonly transcript: Uint8Array
  readonly key: TrafficKey
}

/** What one envelope holds so far. */
class Batch {
  readonly items: Outgoing[] = []
  readonly #bodyBytesMax: number
  #recordBytes = 0
  #bodyBytes = 0
  bytes = 0

  constructor(bodyBytesMax: number) {
    this.#bodyBytesMax = bodyBytesMax
  }

  fits(item: Outgoing): boolean {
    const bodyBytes = item.body?.length ?? 0
    if (this.items.length >= envelopeMessagesMax) return false
    if (this.#recordBytes >= envelopeFillBytes) return false
    return this.#bodyBytes === 0 || this.#bodyBytes + bodyBytes <= this.#bodyBytesMax
  }

  add(item: Outgoing): void {
    const bodyBytes = item.body?.length ?? 0
    this.items.push(item)
    this.#recordBytes += contentBytes(item.content) + (isInline(bodyBytes) ? bodyBytes : 0)
    this.#bodyBytes += bodyBytes
    this.bytes += weightOf(item)
  }
}

export class Sender {
  readonly queue: OutgoingQueue
  readonly #options: SenderOptions
  readonly #hasher: MessageHasher
  #sequence = 0
  #keySinceMs: number
  #cancelFlush: (() => void) | undefined
  #closed = false

  constructor(options: SenderOptions) {
    this.#options = options
    this.#hasher = new MessageHasher(options.crypto)
    this.queue = new OutgoingQueue(options.limits)
    this.#keySinceMs = options.clock.monotonicMs()
    options.connection.onDrain(options.limits.windowResumeBytes, () => this.flush())
  }

  /** Send what is queued when the present turn ends. */
  schedule(): void {
    if (this.#cancelFlush !== undefined || this.#closed) return
    this.#cancelFlush = this.#options.clock.after(0, () => this.flush())
  }

  /** Send now what the window lets through. */
  flush(): void {
    this.#cancelFlush?.()
    this.#cancelFlush = undefined
    // At most a window in one turn: handlers and other links want theirs.
    let sentBytes = 0
    while (!this.#closed && sentBytes < this.#options.limits.windowBytes) {
      const batch = this.#nextBatch()
      if (batch.items.length === 0) return
      this.#send(batch.items)
      sentBytes += batch.bytes
    }
    this.schedule()
  }

  /** An envelope without messages: says that we are here, and who we are. */
  sendEmpty(): void {
    if (!this.#closed) this.#send([])
  }

  /** Nothing is sent from now on. */
  close(): void {
    this.#closed = true
    this.#cancelFlush?.()
    this.#cancelFlush = undefined
  }

  /** The traffic key is due for its successor by age; by count it is looked after in `#send`. */
  rekeyIsDue(): boolean {
    const { clock, limits } = this.#options
    return clock.monotonicMs() - this.#keySinceMs >= limits.rekeyAfterMs
  }

  #nextBatch(): Batch {
    const { limits } = this.#options
    const batch = new Batch(limits.envelopeBodyBytes)
    for (const urgency of urgencies) {
      if (!this.#isOpen(urgency)) break
      for (let item = this.queue.peek(urgency); item; item = this.queue.peek(urgency)) {
        if (!batch.fits(item)) return batch
        batch.add(item)
        this.queue.take(urgency)
      }
    }
    return batch
  }

  #isOpen(urgency: Urgency): boolean {
    const { connection, limits } = this.#options
    const boundBytes = urgency === 'urgent' ? limits.urgentBufferBytesMax : limits.windowBytes
    return connection.bufferedBytes() < boundBytes
  }

  #send(items: readonly Outgoing[]): void {
    const { connection, crypto, metrics, secretKey, transcript, key, limits } = this.#options
    const following: Uint8Array[] = []
    const parts = items.map(({ content, body }): EnvelopePart => {
      if (body === undefined || isInline(body.length)) return { content, body, tag: undefined }
      const { ciphertext, tag } = key.sealBody(body)
      following.push(ciphertext)
      return { content, body, tag }
    })
    // One more than the frames so far: the envelope itself.
    const last = key.frames + 1 >= limits.rekeyFrames || this.rekeyIsDue()
    const place = { transcript, sequence: this.#sequence++ }
    const kind = last ? recordKinds.last : recordKinds.envelope
    const plain = writeEnvelope({ crypto, hasher: this.#hasher, secretKey, place, kind, parts })
    connection.send(key.sealRecord(plain))
    for (const ciphertext of following) connection.send(ciphertext)
    metrics.count('links.sent_envelopes')
    metrics.count('links.sent_messages', items.length)
    if (last) this.#advanceKey()
  }

  #advanceKey(): void {
    this.#options.key.advance()
    this.#keySinceMs = this.#options.clock.monotonicMs()
    this.#options.metrics.count('links.rekeys')
  }
}
