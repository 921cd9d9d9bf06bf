/**
 * One round of a read: what the members answered, whether a quorum agreed, and, if not, which
 * block's state to ask all of them for.
 *
 * A member names the block that its answer is from with a proof that it is final, so a liar cannot
 * name one that does not exist. Proofs cost signatures: they are looked at when members disagree.
 *
 * Answers agree when they are equal, whatever heights they are from; but where the same answer may
 * be right at two times and wrong between them (`mayReturn`), only those of one height do. Else a
 * member far behind, one far ahead and a liar could agree on what only the one ahead has executed.
 */
import { concat, equalBytes } from '../../base/bytes.ts'
import { Writer } from '../../base/codec.ts'
import { isUnosysError } from '../../base/error.ts'
import type { Digest, NodeId } from '../../base/ids.ts'
import { type FinalBlock, isLater } from '../consensus/index.ts'
import { type Answer, decodeAnswers, mayReturn } from '../section/index.ts'
import type { Tally } from './tally.ts'
import { decodeReadReply, type ReadReply } from './wire.ts'

export type ReadRoundOptions = {
  /** Counts equal answers up to a quorum. */
  readonly tally: Tally
  readonly memberCount: number
  readonly quorum: number
  readonly liarsMax: number
  /** What a proof proves; undefined for one that proves nothing. */
  readonly finalBlockOf: (finality: Uint8Array) => FinalBlock | undefined
}

export class ReadRound {
  readonly #options: ReadRoundOptions
  readonly #heights: number[] = []
  readonly #unchecked: ReadReply[] = []
  /** Members that said where they are and proved it. */
  #provenCount = 0
  #newest: FinalBlock | undefined
  readonly #failed = new Set<NodeId>()
  readonly #tooLarge = new Set<NodeId>()
  /** The last that was decoded: most are equal to the one before. */
  #decoded: { readonly bytes: Uint8Array; readonly answers: readonly Answer[] } | undefined
  /** What a quorum gave. */
  agreed: readonly Answer[] | undefined

  constructor(options: ReadRoundOptions) {
    this.#options = options
  }

  answered(member: NodeId, bytes: Uint8Array): void {
    const reply = parse(() => decodeReadReply(bytes))
    const answers = reply && parse(() => this.#answersIn(reply))
    if (reply === undefined || answers === undefined) {
      this.#failed.add(member)
      return
    }
    this.#failed.delete(member)
    this.#heights.push(reply.height)
    this.#unchecked.push(reply)
    const counted = mayReturn(answers) ? concat([u64(reply.height), reply.answers]) : reply.answers
    if (this.#options.tally.add(member, counted)) this.agreed = answers
  }

  #answersIn(reply: ReadReply): readonly Answer[] {
    const known = this.#decoded
    if (known !== undefined && equalBytes(known.bytes, reply.answers)) return known.answers
    const answers = decodeAnswers(reply.answers)
    this.#decoded = { bytes: reply.answers, answers }
    return answers
  }

  failed(member: NodeId, code: string): void {
    this.#failed.add(member)
    if (code === 'group/too-large') this.#tooLarge.add(member)
  }

  /** More members than can lie say that the answers fit no message. */
  get isTooLarge(): boolean {
    return this.#tooLarge.size > this.#options.liarsMax
  }

  /** A height that a correct member named, or a lower one: liars name any. */
  get heightSeen(): number {
    const descending = [...this.#heights].sort((a, b) => b - a)
    return descending[this.#options.liarsMax] ?? 0
  }

  get failedCount(): number {
    return this.#failed.size
  }

  /** Fewer than a quorum are left that have answered or may, if who failed is not asked again. */
  get isOutOfReach(): boolean {
    const { memberCount, quorum } = this.#options
    return memberCount - this.#failed.size < quorum
  }

  /** No quorum can agree any more, and nothing more need be known to settle. */
  get isHopeless(): boolean {
    const { memberCount, quorum, tally } = this.#options
    const open = memberCount - tally.answerCount - this.#failed.size
    return tally.largest + open < quorum && (open === 0 || this.isProven)
  }

  /**
   * A quorum has proved where it is: a correct one of them knows every write that was done, so the
   * newest of their blocks has it.
   */
  get isProven(): boolean {
    const { quorum, tally } = this.#options
    if (this.agreed !== undefined || tally.answerCount < quorum) return false
    for (let one = this.#unchecked.pop(); one !== undefined; one = this.#unchecked.pop())
      this.#check(one)
    return this.#provenCount >= quorum
  }

  get newestBlock(): Digest | undefined {
    return this.isProven ? this.#newest?.digest : undefined
  }

  #check(reply: ReadReply): void {
    if (reply.finality === undefined) {
      // At the genesis there is nothing to prove.
      if (reply.height === 0) this.#provenCount++
      return
    }
    const block = this.#options.finalBlockOf(reply.finality)
    if (block === undefined) return
    this.#provenCount++
    if (isLater(block, this.#newest)) this.#newest = block
  }
}

const u64 = (value: number): Uint8Array => new Writer(8).u64(value).finish()

/** Undefined for an answer that does not decode: its sender counts as silent. */
export function parse<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch (error) {
    if (isUnosysError(error, 'base/malformed')) return undefined
    throw error
  }
}
