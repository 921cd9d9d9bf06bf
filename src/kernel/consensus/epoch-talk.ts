/**
 * What members of different epochs say to each other. Whoever speaks of an older epoch is told of
 * ours; of a newer one, is shown where we are, so that he tells us. What b + 1 members tell is so.
 *
 * A single member may know that an epoch has ended, and the others go down before they hear of it.
 * Nobody then believes it, and it votes with them no more. So it shows the finalization too, which
 * needs no belief: to all who are one epoch behind, as long as nothing is final in the new one.
 * Afterwards a quorum is in the new epoch, and b + 1 of it tell.
 */
import { CodecError } from '../../base/codec.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Metrics } from '../../ports/metrics.ts'
import type { IncomingMessage } from '../links/index.ts'
import type { Epoch } from './epoch.ts'
import { EpochClaims } from './epoch-claims.ts'
import { loadFinal } from './journal.ts'
import type { EpochStart, MemberIndex } from './types.ts'
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

const malformed = Symbol('malformed')

export class EpochTalk {
  readonly #clock: Clock
  readonly #metrics: Metrics
  readonly #send: (to: MemberIndex, encoded: EncodedMessage) => void
  readonly #onFailed: (error: unknown) => void
  readonly #claims = new EpochClaims()
  /** When each peer was last told, by the monotonic clock. */
  readonly #toldMs = new Map<MemberIndex, number>()

  constructor(options: {
    readonly clock: Clock
    readonly metrics: Metrics
    readonly send: (to: MemberIndex, encoded: EncodedMessage) => void
    /** The journal could not be read. */
    readonly onFailed: (error: unknown) => void
  }) {
    this.#clock = options.clock
    this.#metrics = options.metrics
    this.#send = options.send
    this.#onFailed = options.onFailed
  }

  /** Upon any message of another member. */
  hear(message: IncomingMessage, from: MemberIndex, epoch: Epoch): Heard {
    const address = this.#read(() => addressOf(message.head))
    if (address === malformed) return 'done'
    const { config, start, wire } = epoch
    if (address === undefined || address.group !== config.group) return 'ours'
    if (isEpoch(message.head)) return this.#claimed(message, from, epoch)
    if (address.epoch === start.epoch) return 'ours'
    if (!this.#mayTell(from, epoch)) return 'done'
    if (address.epoch > start.epoch) return 'greet'
    this.#send(from, encodeEpoch(start, wire))
    if (address.epoch === start.epoch - 1) this.#showEnd(from, epoch).catch(this.#onFailed)
    return 'done'
  }

  /** The finalization that ended the epoch before, in its own terms; it is durable here. */
  async #showEnd(to: MemberIndex, { reader, start, wire }: Epoch): Promise<void> {
    const context = { ...wire.context, epoch: start.epoch - 1 }
    const certificate = await loadFinal({ ...reader, context })
    if (certificate === undefined) return
    this.#send(
      to,
      encodeMessage({ kind: 'certificates', certificates: [certificate] }, { ...wire, context }),
    )
  }

  #mayTell(peer: MemberIndex, { setup }: Epoch): boolean {
    const nowMs = this.#clock.monotonicMs()
    const last = this.#toldMs.get(peer) ?? Number.NEGATIVE_INFINITY
    if (nowMs - last < setup.delta0Ms / 2) return false
    this.#toldMs.set(peer, nowMs)
    return true
  }

  #claimed(message: IncomingMessage, from: MemberIndex, { config }: Epoch): Heard {
    const claim = this.#read(() => decodeEpoch(message.head))
    if (claim === malformed) return 'done'
    const later = this.#claims.add(from, claim, config)
    return later === undefined ? 'done' : { later }
  }

  #read<Value>(read: () => Value): Value | typeof malformed {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      this.#metrics.count('consensus.malformed_messages')
      return malformed
    }
  }

  /** A new epoch has begun here: what was claimed before is of no use. */
  forget(): void {
    this.#claims.clear()
  }
}
