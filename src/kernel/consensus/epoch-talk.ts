/**
 * What members of different epochs say to each other. Whoever speaks of an older epoch is told of
 * ours; of a newer one, is shown where we are, so that he tells us. What b + 1 members tell is so.
 *
 * One member may be alone in crossing the end of an epoch, with a vote that nobody else has: to
 * those in the epoch before it also gives the finalization that ended it.
 */
import { CodecError } from '../../base/codec.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Metrics } from '../../ports/metrics.ts'
import type { IncomingMessage } from '../links/index.ts'
import type { Epoch } from './epoch.ts'
import { EpochClaims } from './epoch-claims.ts'
import type { Certificate, EpochStart, MemberIndex } from './types.ts'
import {
  addressOf,
  decodeEpoch,
  type EncodedMessage,
  encodeEpoch,
  encodeMessage,
  isEpoch,
} from './wire.ts'

/** A message of our epoch, or one that is dealt with; `greet` asks to say where we are. */
export type Heard = 'ours' | 'done' | 'greet' | { readonly later: EpochStart }

export class EpochTalk {
  readonly #clock: Clock
  readonly #metrics: Metrics
  readonly #send: (to: MemberIndex, encoded: EncodedMessage) => void
  readonly #claims = new EpochClaims()
  /** When each peer was last told, by the monotonic clock. */
  readonly #toldMs = new Map<MemberIndex, number>()
  /** The finalization that ended the epoch before ours. */
  #end: { readonly epoch: number; readonly encoded: EncodedMessage } | undefined

  constructor(options: {
    readonly clock: Clock
    readonly metrics: Metrics
    readonly send: (to: MemberIndex, encoded: EncodedMessage) => void
  }) {
    this.#clock = options.clock
    this.#metrics = options.metrics
    this.#send = options.send
  }

  /** Upon any message of another member. */
  hear(message: IncomingMessage, from: MemberIndex, epoch: Epoch): Heard {
    const address = addressOf(message.head)
    const { config, start, wire } = epoch
    if (address === undefined || address.group !== config.group) return 'ours'
    if (isEpoch(message.head)) return this.#claimed(message, from, epoch)
    if (address.epoch === start.epoch) return 'ours'
    if (!this.#mayTell(from, epoch)) return 'done'
    if (address.epoch > start.epoch) return 'greet'
    if (this.#end?.epoch === address.epoch) this.#send(from, this.#end.encoded)
    this.#send(from, encodeEpoch(start, wire))
    return 'done'
  }

  /** This finalization ended an epoch. The message that says so, in that epoch's own terms. */
  ended(certificate: Certificate, { wire }: Epoch): EncodedMessage {
    const encoded = encodeMessage({ kind: 'certificates', certificates: [certificate] }, wire)
    this.#end = { epoch: wire.context.epoch, encoded }
    return encoded
  }

  #mayTell(peer: MemberIndex, { setup }: Epoch): boolean {
    const nowMs = this.#clock.monotonicMs()
    const last = this.#toldMs.get(peer) ?? Number.NEGATIVE_INFINITY
    if (nowMs - last < setup.delta0Ms / 2) return false
    this.#toldMs.set(peer, nowMs)
    return true
  }

  #claimed(message: IncomingMessage, from: MemberIndex, { config }: Epoch): Heard {
    try {
      const later = this.#claims.add(from, decodeEpoch(message.head), config)
      return later === undefined ? 'done' : { later }
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      this.#metrics.count('consensus.malformed_messages')
      return 'done'
    }
  }

  /** A new epoch has begun here: what was claimed before is of no use. */
  forget(): void {
    this.#claims.clear()
  }
}
