/**
 * What the machine remembers (PROTOCOL 2.4), how it comes back from the journal, and the small
 * questions that all rules ask of it.
 *
 * The state is one mutable object that belongs to one driver: views come thousands a second, and
 * copying maps for each input would buy nothing. `step` is still a function of state and input: no
 * clock, dice, or output but its effects.
 *
 * @pure
 */
import { assert } from '../../base/assert.ts'
import { toHex } from '../../base/bytes.ts'
import type { Digest, NodeId } from '../../base/ids.ts'
import { type Checkpoints, newCheckpoints } from './checkpoint.ts'
import type { Application } from './interface.ts'
import type { ConsensusLimits } from './limits.ts'
import { Pool } from './pool.ts'
import type { VoteSigner } from './signer.ts'
import type {
  Block,
  Certificate,
  Effect,
  FetchRequest,
  JournalRecord,
  MemberIndex,
  Message,
  Now,
  StableCheckpoint,
  Vote,
  VoteKind,
} from './types.ts'
import type { Verifier } from './verify.ts'

/** What does not change while the machine lives. */
export type Setup = Verifier & {
  readonly self: MemberIndex
  readonly signer: VoteSigner
  /** Members in the order in which they lead; view v is led by the v-th, round and round. */
  readonly order: readonly MemberIndex[]
  readonly limits: ConsensusLimits
  /** The delay that a message and a sync take at most in good weather. */
  readonly delta0Ms: number
  readonly application: Pick<Application, 'isValid' | 'keyOf' | 'clientOf'>
}

/** A block in memory that is not executed yet. */
export type Held = {
  readonly block: Block
  /** True once a `haveBlock` was written. */
  stored: boolean
  /** It was asked for: such blocks have a bound of their own. */
  fetched: boolean
  /** Keys of its items, once they were found valid. */
  keys: readonly string[] | undefined
}

export type Round = {
  proposal: Held | undefined
  /** Of the proposal's items and limits; undefined until somebody wants to know. */
  proposalValid: boolean | undefined
  /** First vote of each member, by kind. */
  readonly votes: Readonly<Record<VoteKind, (Vote | undefined)[]>>
  voteCount: number
  readonly certificates: Partial<Record<VoteKind, Certificate>>
  readonly mine: Partial<Record<VoteKind, Vote>>
  /** Members already reported for this view. */
  readonly reported: Set<MemberIndex>
  /** Missing certificates were asked for; the retry timer may ask again. */
  asked: boolean
}

/** The one fetch under way: one key, one peer at a time (PROTOCOL 2.11 tells of the storm). */
export type Fetch = {
  readonly request: FetchRequest
  /** Members asked so far; answers of others are not wanted. */
  readonly asked: Set<MemberIndex>
  /** Whose answer is awaited; undefined while nobody can be reached. */
  current: MemberIndex | undefined
  attempts: number
  /** Members that could not help since the last timer. */
  refusals: number
}

/** When a peer was last given an answer of each kind, by the monotonic clock. */
export type Answered = {
  helped?: number
  resent?: number
  asked?: number
  told?: number
  checkpointed?: number
}

export type EpochBase = { readonly height: number; readonly digest: Digest }

export type Machine = {
  readonly setup: Setup
  readonly pool: Pool
  view: number
  readonly rounds: Map<number, Round>
  readonly held: Map<Digest, Held>
  /** Of those that came as proposals, and of those that were asked for. */
  heldBytes: number
  fetchedBytes: number
  /** Highest finalization known. View 0 is the genesis, which has no certificate. */
  final: { view: number; digest: Digest; certificate: Certificate | undefined }
  /** Its height is below the base's while the state of the epoch's begin is still to be fetched. */
  executed: { height: number; view: number; digest: Digest }
  /** Where this epoch began: 0 and the genesis, or the block that ended the epoch before. */
  readonly base: EpochBase
  readonly checkpoints: Checkpoints
  /** Highest view with a notarization. */
  notarizedView: number
  /** Timers are set for this view; 0 means none. */
  armedView: number
  /** The leader may propose an empty block in this view, to bring finality. */
  nudgedView: number
  nudgeTimerView: number
  relayTimer: boolean
  /** Own votes are numbered, see `Effect`; up to `durableVotes` they rest on the disk. */
  ownVotes: number
  durableVotes: number
  /** Numbers of those that do not yet. */
  readonly ownVoteNumbers: Map<string, number>
  /** Certificates that votes have just completed. */
  readonly formed: Certificate[]
  /** Earliest expiry of the executed state, and when this member has work for it. */
  expiry: {
    readonly atMs: number | undefined
    readonly notBeforeMs: number
    readonly pauseMs: number
  }
  fetch: Fetch | undefined
  /** Whose last answer to a fetch was of much use: asked first the next time. */
  helper: MemberIndex | undefined
  /** Questions so far, and which of them went to each member last. */
  fetchTurn: number
  readonly askedTurns: number[]
  /** So much waits for the disk that nothing is executed. */
  diskIsBehind: boolean
  /** The walk to the final block is worth another try. */
  commitWanted: boolean
  prunedView: number
  muted: boolean
  readonly up: boolean[]
  /** Views that each member led to nothing, one after the other (`timers.ts`). */
  readonly lostViews: number[]
  readonly peerFinal: number[]
  readonly answered: Answered[]
  now: Now
  effects: Effect[]
  /** Something happened that may enable another rule. */
  changed: boolean
}

/** What the journal held, in no particular order. */
export type Restored = {
  readonly final: Certificate | undefined
  readonly executed: { height: number; view: number; digest: Digest } | undefined
  readonly votes: readonly Vote[]
  readonly certificates: readonly Certificate[]
  readonly blocks: readonly Block[]
  readonly muted: boolean
  readonly stable: StableCheckpoint | undefined
  /** Heights up to here are gone from the journal. */
  readonly prunedHeight: number
}

export const emptyRestored: Restored = {
  final: undefined,
  executed: undefined,
  votes: [],
  certificates: [],
  blocks: [],
  muted: false,
  stable: undefined,
  prunedHeight: 0,
}

const newRound = (): Round => ({
  proposal: undefined,
  proposalValid: undefined,
  votes: { notarize: [], nullify: [], finalize: [] },
  voteCount: 0,
  certificates: {},
  mine: {},
  reported: new Set(),
  asked: false,
})

/** The round of a view, made when it is first needed. */
export function roundOf(machine: Machine, view: number): Round {
  const known = machine.rounds.get(view)
  if (known !== undefined) return known
  const round = newRound()
  machine.rounds.set(view, round)
  return round
}

/**
 * The machine as the journal left it. Every value is the *maximum* of what the records say, so the
 * order in which they were written or read back has no influence. `before` is that of the epoch
 * before: its pool and the numbers of its votes go on.
 */
export function createMachine(
  setup: Setup,
  restored: Restored = emptyRestored,
  baseHeight = 0,
  before?: Machine,
): Machine {
  const genesis = setup.config.genesis
  const memberCount = setup.config.members.length
  const machine: Machine = {
    setup,
    pool: before?.pool ?? new Pool(setup.limits),
    view: 1,
    rounds: new Map(),
    held: new Map(),
    heldBytes: 0,
    fetchedBytes: 0,
    final: { view: 0, digest: genesis, certificate: undefined },
    // A member that came without anything to a later epoch has still to get its beginning.
    executed: restored.executed ?? { height: 0, view: 0, digest: genesis },
    base: { height: baseHeight, digest: genesis },
    checkpoints: newCheckpoints(memberCount),
    notarizedView: 0,
    armedView: 0,
    nudgedView: 0,
    nudgeTimerView: 0,
    relayTimer: false,
    ownVotes: before?.ownVotes ?? 0,
    durableVotes: before?.durableVotes ?? 0,
    ownVoteNumbers: new Map(),
    formed: [],
    expiry: { atMs: undefined, notBeforeMs: 0, pauseMs: 0 },
    fetch: undefined,
    helper: undefined,
    fetchTurn: 0,
    askedTurns: new Array<number>(memberCount).fill(0),
    diskIsBehind: false,
    commitWanted: true,
    prunedView: 0,
    muted: restored.muted,
    up: new Array<boolean>(memberCount).fill(false),
    lostViews: new Array<number>(memberCount).fill(0),
    peerFinal: new Array<number>(memberCount).fill(0),
    answered: setup.config.members.map(() => ({})),
    now: { monotonicMs: 0, wallMs: 0 },
    effects: [],
    changed: false,
  }
  restore(machine, restored)
  return machine
}

function restore(machine: Machine, restored: Restored): void {
  const { signer } = machine.setup
  const finals = restored.certificates.filter((one) => one.kind === 'finalize')
  if (restored.final !== undefined) finals.push(restored.final)
  for (const certificate of finals) {
    if (certificate.view <= machine.final.view || certificate.digest === undefined) continue
    machine.final = { view: certificate.view, digest: certificate.digest, certificate }
  }
  machine.view = machine.final.view + 1
  for (const certificate of restored.certificates) {
    if (certificate.view <= machine.final.view) continue
    roundOf(machine, certificate.view).certificates[certificate.kind] = certificate
    machine.view = Math.max(machine.view, certificate.view + 1)
    if (certificate.kind === 'notarize')
      machine.notarizedView = Math.max(machine.notarizedView, certificate.view)
  }
  for (const block of restored.blocks) {
    if (block.header.view <= machine.executed.view) continue
    machine.held.set(block.digest, { block, stored: true, fetched: false, keys: undefined })
    machine.heldBytes += block.payload.bytes.length
  }
  for (const vote of restored.votes) {
    signer.restore(vote)
    if (vote.view <= machine.final.view) continue
    const round = roundOf(machine, vote.view)
    round.mine[vote.kind] = vote
    round.votes[vote.kind][vote.signer] = vote
    round.voteCount++
    if (vote.kind === 'notarize' && vote.digest !== undefined)
      round.proposal = machine.held.get(vote.digest)
    if (vote.kind === 'finalize') continue
    const isLast = machine.setup.mutation === 'last-record-wins'
    machine.view = isLast ? vote.view : Math.max(machine.view, vote.view)
  }
  signer.raiseFloor(machine.final.view)
  if (restored.muted) signer.mute()
  machine.checkpoints.stable = restored.stable
  machine.checkpoints.prunedHeight = restored.prunedHeight
}

/** Who leads a view. */
export function leaderOf(setup: Setup, view: number): MemberIndex {
  const leader = setup.order[view % setup.order.length]
  assert(leader !== undefined, 'the order names every member')
  return leader
}

/** The node of a member. */
export function nodeOf(setup: Setup, index: MemberIndex): NodeId {
  const member = setup.config.members[index]
  assert(member !== undefined, 'members are named by their place')
  return member.node
}

/** Δ becomes no more than 2 ** this times Δ0: 4.8 s, more than a message and its syncs take. */
const doublingsMax = 4

/** Δ of a view: doubles, up to a bound, with each view beyond the third that nothing finalized. */
export function deltaMs(machine: Machine, view: number): number {
  const behind = Math.max(0, view - machine.final.view - 3)
  return machine.setup.delta0Ms * 2 ** Math.min(doublingsMax, behind)
}

/** Anything to do? An idle group sets no timers and sends nothing. */
export function hasWork(machine: Machine): boolean {
  if (machine.pool.count > 0) return true
  const { atMs, notBeforeMs } = machine.expiry
  if (atMs !== undefined && machine.now.wallMs >= notBeforeMs) return true
  if (machine.notarizedView > machine.final.view) return true
  const round = machine.rounds.get(machine.view)
  return round !== undefined && (round.proposal !== undefined || round.voteCount > 0)
}

/** Queue an effect. */
export function emit(machine: Machine, effect: Effect): void {
  machine.effects.push(effect)
}

/** Queue a write. */
export const write = (machine: Machine, record: JournalRecord): void =>
  emit(machine, { kind: 'write', record })

/** Queue a message, with the number of the youngest vote of ours that it shows. */
export function send(machine: Machine, to: MemberIndex | 'all', message: Message): void {
  if (to === machine.setup.self) return
  emit(machine, { kind: 'send', to, message, after: promiseOf(machine, message) })
}

/** The same, but together with the last vote of ours: one envelope instead of two. */
export function sendWithLastVote(machine: Machine, message: Message): void {
  emit(machine, { kind: 'send', to: 'all', message, after: machine.ownVotes })
}

function promiseOf(machine: Machine, message: Message): number {
  switch (message.kind) {
    case 'vote':
      return ownVoteNumber(machine, message.vote)
    case 'propose':
      return Math.max(0, ...message.justification.map((one) => ownVotesIn(machine, one)))
    case 'certificates':
      return Math.max(0, ...message.certificates.map((one) => ownVotesIn(machine, one)))
    default:
      return 0
  }
}

const voteName = (vote: Pick<Vote, 'kind' | 'view'>): string => `${vote.kind} ${vote.view}`

/** Give an own vote its number, before it is written. */
export function numberOwnVote(machine: Machine, vote: Vote): number {
  machine.ownVotes++
  machine.ownVoteNumbers.set(voteName(vote), machine.ownVotes)
  return machine.ownVotes
}

/** Own votes up to `number` are durable: what shows them may leave. */
export function ownVotesDurable(machine: Machine, number: number): void {
  machine.durableVotes = Math.max(machine.durableVotes, number)
  for (const [name, given] of machine.ownVoteNumbers) {
    if (given > machine.durableVotes) return
    machine.ownVoteNumbers.delete(name)
  }
}

const ownVoteNumber = (machine: Machine, vote: Pick<Vote, 'kind' | 'view'>): number =>
  machine.ownVoteNumbers.get(voteName(vote)) ?? 0

/** The number of our vote in a certificate; 0 if it has none or that is durable. */
export function ownVotesIn(machine: Machine, certificate: Certificate | undefined): number {
  if (certificate === undefined || !certificate.signers.includes(machine.setup.self)) return 0
  return ownVoteNumber(machine, certificate)
}

/** Forget rounds that finalization settled. */
export function forgetSettled(machine: Machine): void {
  for (const view of machine.rounds.keys())
    if (view <= machine.final.view) machine.rounds.delete(view)
}

/** Hold a block in memory until it is executed. */
export function hold(machine: Machine, block: Block): Held {
  const known = machine.held.get(block.digest)
  if (known?.fetched === false) return known
  if (known !== undefined) release(machine, block.digest)
  const held: Held = known ?? { block, stored: false, fetched: false, keys: undefined }
  held.fetched = false
  machine.held.set(block.digest, held)
  machine.heldBytes += block.payload.bytes.length
  return held
}

/** What a fetched block takes beside its payload, about: chains of empty blocks are long, too. */
const blockOverheadBytes = 1_024
const fetchedBytesOf = (block: Block): number => block.payload.bytes.length + blockOverheadBytes

/** The same for a block that was asked for; false without room for it. */
export function holdFetched(machine: Machine, block: Block): boolean {
  if (machine.held.has(block.digest)) return true
  const bytes = machine.fetchedBytes + fetchedBytesOf(block)
  if (bytes > machine.setup.limits.heldBlocksBytesMax + blockOverheadBytes) return false
  machine.held.set(block.digest, { block, stored: false, fetched: true, keys: undefined })
  machine.fetchedBytes = bytes
  return true
}

/** Forget all blocks that were asked for. */
export function releaseFetched(machine: Machine): void {
  for (const [digest, { fetched }] of machine.held) if (fetched) release(machine, digest)
}

export function release(machine: Machine, digest: Digest): void {
  const held = machine.held.get(digest)
  if (held === undefined) return
  machine.held.delete(digest)
  if (held.fetched) machine.fetchedBytes -= fetchedBytesOf(held.block)
  else machine.heldBytes -= held.block.payload.bytes.length
}

/**
 * Forget blocks of views that were left without our vote or a notarization that we know. Should
 * one of them be notarized after all, its voters have it.
 */
export function releaseUnvoted(machine: Machine): void {
  for (const [digest, { block, stored }] of machine.held) {
    const { view } = block.header
    if (stored || view <= machine.final.view || view >= machine.view) continue
    const round = machine.rounds.get(view)
    if (round?.certificates.notarize?.digest === digest) continue
    release(machine, digest)
    if (round?.proposal?.block.digest === digest) round.proposal = undefined
  }
}

/** Put an item into the pool. False when it is invalid, too large or there is no room. */
export function admit(machine: Machine, item: Uint8Array): boolean {
  const { application, limits, crypto } = machine.setup
  if (item.length > limits.itemBytesMax) return false
  const hash = toHex(crypto.sha256(item))
  if (machine.pool.keyOfBytes(hash) !== undefined) return true
  if (!application.isValid(item)) return false
  const client = application.clientOf(item)
  return machine.pool.add(application.keyOf(item), { item, hash, client })
}

/** A block behind the end of its epoch is not executed: its items wait again. */
export function takeBack({ pool, setup }: Machine, block: Block): void {
  for (const item of block.payload.items) {
    const hash = toHex(setup.crypto.sha256(item))
    const client = setup.application.clientOf(item)
    pool.takeBack(setup.application.keyOf(item), { item: item.slice(), hash, client })
  }
}
