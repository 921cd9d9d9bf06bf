/**
 * From the socket to the handlers: opens, verifies, and hands up in the order in which the peer
 * sent. Nothing of an envelope is handed up before its signature was checked; a message with a
 * body waits for its body, and those behind it wait with it.
 *
 * The first thing that does not fit ends the link: after it no count and no key is certain.
 */
import { equalBytes, fromHex } from '../../base/bytes.ts'
import { CodecError } from '../../base/codec.ts'
import type { NodeId } from '../../base/ids.ts'
import { aeadTagBytes, type Crypto } from '../../ports/crypto.ts'
import type { Metrics } from '../../ports/metrics.ts'
import { type Counter, counters } from './counters.ts'
import {
  envelopeDigest,
  type ReadEnvelope,
  type ReadPart,
  readEnvelope,
  recordKinds,
} from './envelope.ts'
import type { IncomingMessage, SignedMessage } from './interface.ts'
import { recordBytesMax } from './limits.ts'
import { MessageHasher, type SignedContent } from './message.ts'
import type { TrafficKey } from './traffic-key.ts'

/** A genuine message and what it is. */
export type Received = { readonly content: SignedContent; readonly message: IncomingMessage }

export type ReceiverOptions = {
  readonly crypto: Crypto
  readonly metrics: Metrics
  readonly peer: NodeId
  readonly transcript: Uint8Array
  readonly key: TrafficKey
  /** A genuine envelope, before its messages. False: nothing of it is handed up. */
  readonly onEnvelope: () => boolean
  readonly onReceived: (received: Received) => void
  /** The peer broke the rules: close. */
  readonly onBroken: (counter: Counter) => void
}

/** The verified envelope whose messages are being handed up. */
type Opened = {
  readonly parts: readonly ReadPart[]
  readonly hashes: readonly Uint8Array[]
  readonly sequence: number
  readonly signature: Uint8Array
  readonly isLast: boolean
  next: number
}

export class Receiver {
  readonly #options: ReceiverOptions
  readonly #hasher: MessageHasher
  readonly #peerKey: Uint8Array
  #opened: Opened | undefined
  #sequence = 0
  #closed = false

  constructor(options: ReceiverOptions) {
    this.#options = options
    this.#hasher = new MessageHasher(options.crypto)
    this.#peerKey = fromHex(options.peer)
  }

  close(): void {
    this.#closed = true
    this.#opened = undefined
  }

  /** One transport message. */
  receive(bytes: Uint8Array): void {
    if (this.#closed) return
    const opened = this.#opened
    const fault =
      opened === undefined ? this.#receiveRecord(bytes) : this.#receiveBody(opened, bytes)
    if (fault === undefined) return
    this.close()
    this.#options.onBroken(fault)
  }

  #receiveRecord(sealed: Uint8Array): Counter | undefined {
    if (sealed.length > recordBytesMax + aeadTagBytes) return counters.TooLong
    const record = this.#options.key.openRecord(sealed)
    if (record === undefined) return counters.Unauthentic
    const envelope = readOrUndefined(record)
    if (envelope === undefined || envelope.sequence !== this.#sequence) return counters.Malformed
    const opened = this.#verify(envelope)
    if (opened === undefined) return counters.BadSignature
    this.#sequence++
    this.#options.metrics.count('links.received_envelopes')
    this.#options.metrics.count('links.received_messages', opened.parts.length)
    this.#opened = opened
    return this.#options.onEnvelope() && !this.#closed ? this.#handUp(opened) : undefined
  }

  #verify(envelope: ReadEnvelope): Opened | undefined {
    const { crypto, transcript } = this.#options
    const { parts, sequence, signature, kind } = envelope
    const hashes = parts.map((part) => this.#hasher.hash(part.message))
    const digest = envelopeDigest(crypto, { transcript, sequence }, hashes)
    if (!crypto.verify(this.#peerKey, digest, signature)) return undefined
    return { parts, hashes, sequence, signature, isLast: kind === recordKinds.last, next: 0 }
  }

  #receiveBody(opened: Opened, ciphertext: Uint8Array): Counter | undefined {
    const part = opened.parts[opened.next]
    if (part?.tag === undefined || ciphertext.length !== part.content.body?.length)
      return counters.Malformed
    const body = this.#options.key.openBody({ ciphertext, tag: part.tag })
    if (body === undefined) return counters.Unauthentic
    return this.#handUpOne(opened, part, body) ?? this.#handUp(opened)
  }

  /** Go on until a message's body is still to come. */
  #handUp(opened: Opened): Counter | undefined {
    for (let part = opened.parts[opened.next]; part; part = opened.parts[opened.next]) {
      if (part.tag !== undefined || this.#closed) return undefined
      const fault = this.#handUpOne(opened, part, part.body)
      if (fault !== undefined) return fault
    }
    this.#opened = undefined
    if (opened.isLast) this.#options.key.advance()
    return undefined
  }

  #handUpOne(opened: Opened, part: ReadPart, body: Uint8Array | undefined): Counter | undefined {
    const { crypto, peer, onReceived } = this.#options
    const { content } = part
    const claim = content.body
    if (claim !== undefined && body !== undefined && !equalBytes(crypto.sha256(body), claim.hash))
      return counters.BadBody
    const index = opened.next++
    onReceived({
      content,
      message: {
        from: peer,
        channel: content.channel,
        head: content.head,
        ...(claim && body && { body: { bytes: body, hash: claim.hash } }),
        proof: () => this.#proofOf(opened, part, index),
      },
    })
    return undefined
  }

  #proofOf(opened: Opened, part: ReadPart, index: number): SignedMessage {
    return {
      signer: this.#options.peer,
      transcript: this.#options.transcript,
      sequence: opened.sequence,
      messageHashes: opened.hashes,
      index,
      message: part.message,
      signature: opened.signature,
    }
  }
}

function readOrUndefined(record: Uint8Array): ReadEnvelope | undefined {
  try {
    return readEnvelope(record)
  } catch (error) {
    if (error instanceof CodecError) return undefined
    throw error
  }
}
