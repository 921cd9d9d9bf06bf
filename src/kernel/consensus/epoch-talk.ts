/**
 * What members of different epochs say to each other. Whoever speaks of an older epoch is told of
 * ours; of a newer one, is shown where we are, so that he tells us (`epoch-claims.ts`).
 *
 * The epoch before ours stays readable: whoever is still in it is shown the finalization that ended
 * it, and given its blocks, so that he executes the end himself. Else the members that voted for
 * that finalization and fell before they saw it could neither finish their epoch without the one
 * that left it, nor believe that one alone.
 */
import { CodecError } from '../../base/codec.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Metrics } from '../../ports/metrics.ts'
import type { IncomingMessage } from '../links/index.ts'
import { checkpointBytes } from './encoding.ts'
import type { Epoch } from './epoch.ts'
import { EpochClaims, type LaterEpoch } from './epoch-claims.ts'
import { readProvedRange, readStoredBlock } from './journal.ts'
import type {
  Certificate,
  CheckpointVote,
  EpochStart,
  FetchRequest,
  MemberIndex,
  Message,
  StableCheckpoint,
} from './types.ts'
import {
  addressOf,
  decodeEpoch,
  decodeMessage,
  type EncodedMessage,
  encodeEpoch,
  encodeMessage,
  isEpoch,
  kindOf,
} from './wire.ts'

/**
 * A message of our epoch, or one that is dealt with; `greet` asks to say where we are, `forged` is
 * a claim that no correct member sends.
 */
export type Heard = 'ours' | 'done' | 'greet' | 'forged' | LaterEpoch

/**
 * Claims with new votes that are verified of one member at once; after that one every Δ0/2. That is
 * as often as it answers; the others are for what it announces, and for answers that were late.
 */
const claimsAtOnce = 4

/** The epoch before ours, and a finalization in it of its last block or of one behind that. */
export type EndedEpoch = { readonly epoch: Epoch; readonly certificate: Certificate }

type Options = {
  readonly clock: Clock
  readonly metrics: Metrics
  readonly send: (to: MemberIndex, encoded: EncodedMessage) => void
  /** A state of our epoch that we vouch for. */
  readonly vouched: () => StableCheckpoint | undefined
  /** The journal could not be read. */
  readonly onFailed: (error: unknown) => void
}

export class EpochTalk {
  readonly #options: Options
  readonly #claims = new EpochClaims()
  /** When each peer was last told, by the monotonic clock. */
  readonly #toldMs = new Map<MemberIndex, number>()
  /** When what was verified of each peer is paid for, by the monotonic clock. */
  readonly #verifiedUntilMs = new Map<MemberIndex, number>()
  /** Peers that an answer is under way to. */
  readonly #serving = new Set<MemberIndex>()
  #ended: EndedEpoch | undefined
  /** The last epoch that all others were told of. */
  #announced = 0

  constructor(options: Options) {
    this.#options = options
  }

  /** Upon any message of another member. */
  hear(message: IncomingMessage, from: MemberIndex, epoch: Epoch): Heard {
    const address = addressOf(message.head)
    const { config, start, wire } = epoch
    if (address === undefined || address.group !== config.group) return 'ours'
    if (isEpoch(message.head)) return this.#claimed(message, from, epoch)
    if (address.epoch === start.epoch) return 'ours'
    const ended = this.#ended?.epoch.start.epoch === address.epoch ? this.#ended : undefined
    if (ended !== undefined && kindOf(message.head) === 'fetch') {
      this.#fetched(message, from, { ended, baseHeight: start.baseHeight })
      return 'done'
    }
    if (!this.#mayTell(from, epoch)) return 'done'
    if (address.epoch > start.epoch) return 'greet'
    if (ended !== undefined) this.#show(from, ended)
    this.#options.send(from, encodeEpoch({ start, vouched: this.#options.vouched() }, wire))
    return 'done'
  }

  /** We vouch for a state of our epoch now: so whoever missed the end of the last can follow. */
  announce({ config, setup, start, wire }: Epoch): void {
    const vouched = this.#options.vouched()
    if (vouched === undefined || this.#announced >= start.epoch) return
    this.#announced = start.epoch
    this.#toldMs.clear()
    for (const peer of config.members.keys())
      if (peer !== setup.self) this.#options.send(peer, encodeEpoch({ start, vouched }, wire))
  }

  #mayTell(peer: MemberIndex, { setup }: Epoch): boolean {
    const nowMs = this.#options.clock.monotonicMs()
    const last = this.#toldMs.get(peer) ?? Number.NEGATIVE_INFINITY
    if (nowMs - last < setup.delta0Ms / 2) return false
    this.#toldMs.set(peer, nowMs)
    return true
  }

  #mayVerify(peer: MemberIndex, { setup }: Epoch): boolean {
    const nowMs = this.#options.clock.monotonicMs()
    const everyMs = setup.delta0Ms / 2
    const fromMs = Math.max(nowMs, this.#verifiedUntilMs.get(peer) ?? nowMs)
    if (fromMs - nowMs > (claimsAtOnce - 1) * everyMs) return false
    this.#verifiedUntilMs.set(peer, fromMs + everyMs)
    return true
  }

  #claimed(message: IncomingMessage, from: MemberIndex, epoch: Epoch): Heard {
    const { config, setup } = epoch
    const claim = this.#decoded(() => decodeEpoch(message.head))
    if (claim === undefined) return 'done'
    const holds = (start: EpochStart, vote: CheckpointVote): boolean => {
      const key = start.members[vote.signer]?.consensusKey
      const bytes = checkpointBytes({ ...setup.context, epoch: start.epoch }, vote)
      return key !== undefined && setup.crypto.verify(key, bytes, vote.signature)
    }
    const mayVerify = (): boolean => this.#mayVerify(from, epoch)
    return this.#claims.add(from, claim, config, { holds, mayVerify }) ?? 'done'
  }

  #decoded<Value>(decode: () => Value): Value | undefined {
    try {
      return decode()
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      this.#options.metrics.count('consensus.malformed_messages')
      return undefined
    }
  }

  /** A new epoch has begun here: what was claimed before is of no use. */
  forget(): void {
    this.#claims.clear()
  }

  /** The epoch before ours, as a restart finds it; undefined when its end was not executed here. */
  restore(ended: EndedEpoch | undefined): void {
    this.#ended = ended
  }

  /** An epoch has ended here: all others are shown why. */
  end(ended: EndedEpoch): void {
    // It waited for a vote of ours, and a later one may have ended meanwhile.
    if (ended.epoch.start.epoch < (this.#ended?.epoch.start.epoch ?? 0)) return
    this.#ended = ended
    const { members } = ended.epoch.config
    for (const peer of members.keys()) if (peer !== ended.epoch.setup.self) this.#show(peer, ended)
  }

  #show(peer: MemberIndex, { certificate, epoch }: EndedEpoch): void {
    const message: Message = { kind: 'certificates', certificates: [certificate] }
    this.#options.send(peer, encodeMessage(message, epoch.wire))
  }

  #fetched(
    message: IncomingMessage,
    from: MemberIndex,
    of: { readonly ended: EndedEpoch; readonly baseHeight: number },
  ): void {
    const { wire } = of.ended.epoch
    const request = this.#decoded(() => decodeMessage(message, from, wire))
    if (request?.kind !== 'fetch' || this.#serving.has(from)) return
    this.#serving.add(from)
    answerOf(of.ended.epoch, of.baseHeight, request).then(
      (answer) => {
        this.#serving.delete(from)
        this.#options.send(from, encodeMessage(answer, wire))
      },
      (error: unknown) => this.#options.onFailed(error),
    )
  }
}

/** Blocks up to the epoch's end with their proof, or the one behind it that the asker lacks. */
async function answerOf(
  { reader }: Epoch,
  endHeight: number,
  { digest, fromHeight, view }: FetchRequest,
): Promise<Message> {
  const range = fromHeight <= endHeight ? await readProvedRange(reader, fromHeight) : undefined
  if (range !== undefined) return { kind: 'range', ...range }
  const block = await readStoredBlock(reader, view, digest)
  return block === undefined ? { kind: 'lacking', fromHeight, digest } : { kind: 'block', block }
}
