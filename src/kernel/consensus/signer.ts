/**
 * The one place where votes are signed, with a memory of its own.
 *
 * The machine's rules already say when to vote. A mistake in them must not become a double vote, so
 * the signer keeps what it signed apart from the machine's state, fills it from the journal by
 * itself, and refuses whatever contradicts it. Asked again for a vote that it gave, it returns the
 * stored one (Diem's safety rules do the same), so nothing is ever signed twice in two ways.
 *
 * A refusal is a programmer's error: the process stops rather than vote wrongly.
 *
 * @pure
 */
import { assert } from '../../base/assert.ts'
import type { Digest } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { checkpointBytes, type GroupContext, voteBytes } from './encoding.ts'
import type { Checkpoint, CheckpointVote, MemberIndex, Vote, VoteKind } from './types.ts'

type Given = Partial<Record<VoteKind, Vote>>

export class VoteSigner {
  readonly #crypto: Crypto
  readonly #secretKey: Uint8Array | undefined
  readonly #context: GroupContext
  readonly #self: MemberIndex
  readonly #given = new Map<number, Given>()
  /** No vote for views up to here. */
  #floorView = 0
  /** Highest view with a notarization or nullification of ours: older ones are behind us. */
  #currentView = 0
  #vouchedHeight = 0
  #muted = false
  readonly #unguarded: boolean

  constructor(setup: {
    readonly crypto: Crypto
    /** Undefined for a member without its key, which never signs. */
    readonly secretKey: Uint8Array | undefined
    readonly context: GroupContext
    readonly self: MemberIndex
    /** Only for mutants, which break rules on purpose. */
    readonly unguarded?: boolean
  }) {
    this.#crypto = setup.crypto
    this.#secretKey = setup.secretKey
    this.#context = setup.context
    this.#self = setup.self
    this.#unguarded = setup.unguarded === true
  }

  /** Take a vote from the journal. The order of calls has no meaning. */
  restore(vote: Vote): void {
    const before = this.#given.get(vote.view)?.[vote.kind]
    const isSame = before === undefined || before.digest === vote.digest
    assert(isSame || this.#unguarded, 'one vote of a kind in a view')
    this.#remember(vote)
  }

  /** Sign, or return what was signed. @throws AssertionError for one that contradicts another. */
  vote(kind: VoteKind, view: number, digest: Digest | undefined): Vote {
    const same = this.#given.get(view)?.[kind]
    if (same !== undefined && same.digest === digest) return same
    if (!this.#unguarded) this.#guard(kind, view, digest)
    const bytes = voteBytes(this.#context, { kind, view, digest })
    const signature = this.#sign(bytes)
    const vote = { kind, view, digest, signer: this.#self, signature }
    this.#remember(vote)
    return vote
  }

  #guard(kind: VoteKind, view: number, digest: Digest | undefined): void {
    const given = this.#given.get(view)
    assert(given?.[kind] === undefined, `a second ${kind} vote in view ${view}`)
    assert(!this.#muted, 'a member without memory does not vote')
    assert(view > this.#floorView, `a vote in view ${view}, which is final`)
    assert((digest === undefined) === (kind === 'nullify'), 'only a nullification names no block')
    if (kind === 'finalize') assert(given?.nullify === undefined, `finalize after nullify: ${view}`)
    else assert(view >= this.#currentView, `a ${kind} vote in view ${view}, which was left`)
    if (kind === 'nullify') assert(given?.finalize === undefined, `nullify after finalize: ${view}`)
    if (kind === 'notarize') assert(given?.nullify === undefined, `notarize after nullify: ${view}`)
  }

  /** The newest height that was vouched for. */
  get vouchedHeight(): number {
    return this.#vouchedHeight
  }

  /** Vouch for a state of ours; at most once for a height, and never for an older one after it. */
  checkpoint(checkpoint: Checkpoint): CheckpointVote {
    assert(!this.#muted, 'a member without memory vouches for nothing')
    assert(checkpoint.height > this.#vouchedHeight, 'checkpoints go forward')
    this.#vouchedHeight = checkpoint.height
    const bytes = checkpointBytes(this.#context, checkpoint)
    return { ...checkpoint, signer: this.#self, signature: this.#sign(bytes) }
  }

  #sign(bytes: Uint8Array): Uint8Array {
    assert(this.#secretKey !== undefined, 'a member without its key does not vote')
    return this.#crypto.sign(this.#secretKey, bytes)
  }

  /** Forget votes of views that are final and refuse new ones. */
  raiseFloor(view: number): void {
    this.#floorView = Math.max(this.#floorView, view)
    for (const old of this.#given.keys()) if (old <= this.#floorView) this.#given.delete(old)
  }

  /** Never sign again. */
  mute(): void {
    this.#muted = true
  }

  #remember(vote: Vote): void {
    const given = this.#given.get(vote.view) ?? {}
    given[vote.kind] = vote
    this.#given.set(vote.view, given)
    if (vote.kind !== 'finalize') this.#currentView = Math.max(this.#currentView, vote.view)
  }
}
