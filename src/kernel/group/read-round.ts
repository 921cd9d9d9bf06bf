/**
 * One round of a linearizable read: equal answers of a quorum, or the highest height that a
 * quorum's members named. Of fewer members that would say nothing: a done write may be known to
 * none of them.
 */
import { isUnosysError } from '../../base/error.ts'
import type { NodeId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import { disagreementMs } from './limits.ts'
import type { Tally } from './tally.ts'
import { decodeReadReply, type ReadReply } from './wire.ts'

export type RoundResult = {
  readonly agreed: ReadReply | undefined
  readonly settleAt: number | undefined
}

export class ReadRound {
  /** Resolves when another answer would change nothing, or has been waited for in vain. */
  readonly ended: Promise<void>
  readonly #clock: Clock
  readonly #tally: Tally
  readonly #quorum: number
  readonly #memberCount: number
  readonly #end: () => void
  #agreed: ReadReply | undefined
  #highest = 0
  #failed = 0
  #tooLarge = 0
  #isOver = false
  #cancelLate: (() => void) | undefined

  constructor(options: {
    readonly clock: Clock
    readonly tally: Tally
    readonly quorum: number
    readonly memberCount: number
  }) {
    this.#clock = options.clock
    this.#tally = options.tally
    this.#quorum = options.quorum
    this.#memberCount = options.memberCount
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ended = promise
    this.#end = resolve
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Members who said that the answers would not fit a message. */
  get tooLargeCount(): number {
    return this.#tooLarge
  }

  get result(): RoundResult {
    const settles = this.#tally.answerCount >= this.#quorum
    return { agreed: this.#agreed, settleAt: settles ? this.#highest : undefined }
  }

  /** A member's reply. True when the round is over. */
  onReply(member: NodeId, bytes: Uint8Array): boolean {
    if (this.#isOver) return true
    const reply = parse(() => decodeReadReply(bytes))
    if (reply === undefined) return this.onFailure()
    this.#highest = Math.max(this.#highest, reply.height)
    if (this.#tally.add(member, reply.answers)) this.#agreed = reply
    // A quorum that disagrees settles; who is silent must not keep it from that.
    if (this.#tally.answerCount >= this.#quorum)
      this.#cancelLate ??= this.#clock.after(disagreementMs, () => this.finish())
    return this.#check()
  }

  /** A member that gives no answer, or none that decodes. True when the round is over. */
  onFailure(code?: string): boolean {
    if (this.#isOver) return true
    this.#failed++
    if (code === 'group/too-large') this.#tooLarge++
    return this.#check()
  }

  #check(): boolean {
    const { answerCount, largest } = this.#tally
    const open = this.#memberCount - answerCount - this.#failed
    const isHopeless = answerCount >= this.#quorum && largest + open < this.#quorum
    if (this.#agreed !== undefined || isHopeless || open <= 0) this.finish()
    return this.#isOver
  }

  /** Nothing that comes later counts. */
  finish(): void {
    this.#isOver = true
    this.#cancelLate?.()
    this.#end()
  }
}

/** Undefined for an answer that does not decode: its sender counts as silent. */
export function parse<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch (error) {
    if (isUnosysError(error, 'base/malformed')) return undefined
    throw error
  }
}
