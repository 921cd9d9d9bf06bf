/**
 * The words of the machine: what is voted on, what is kept, what goes in and what comes out.
 * PROTOCOL 2.3. In the protocol's letters, N is `notarize`, X is `nullify`, F is `finalize`.
 *
 * @pure
 */
import type { Digest, NodeId } from '../../base/ids.ts'
import type { ConsensusMember, SignedVote } from './interface.ts'

/** Place of a member in the configuration's sorted list: how votes and certificates name it. */
export type MemberIndex = number

export type VoteKind = 'notarize' | 'nullify' | 'finalize'

/** What the members vote on. It names views, not heights: heights exist after finalization only. */
export type Header = {
  readonly view: number
  readonly parentView: number
  readonly parentDigest: Digest
  readonly payloadHash: Digest
  /** The leader's wall clock, whole milliseconds. */
  readonly timeMs: number
  /** No flag is defined yet; a header with one is refused. */
  readonly flags: number
}

export type Payload = {
  /** Canonical encoding of the items: what is sent and stored. */
  readonly bytes: Uint8Array
  /** SHA-256 of `bytes`, 32 bytes: what the link's envelope counts. */
  readonly bytesHash: Uint8Array
  /** Views into `bytes`. */
  readonly items: readonly Uint8Array[]
}

export type Block = {
  readonly header: Header
  readonly digest: Digest
  readonly payload: Payload
}

/** A nullification names no block; the two others do. */
export type Vote = {
  readonly kind: VoteKind
  readonly view: number
  readonly digest: Digest | undefined
  readonly signer: MemberIndex
  readonly signature: Uint8Array
}

/** The votes of a quorum. `signers` ascends; `signatures` are in the same order. */
export type Certificate = {
  readonly kind: VoteKind
  readonly view: number
  readonly digest: Digest | undefined
  readonly signers: readonly MemberIndex[]
  readonly signatures: readonly Uint8Array[]
}

export type Status = {
  readonly view: number
  readonly finalView: number
  /** Executed blocks: what the sender can serve. A hint; it promises nothing. */
  readonly height: number
  /** Of the newest checkpoint that the sender has a certificate of; 0 for none. */
  readonly stableHeight: number
}

/**
 * The state after a height, as a member vouches for it. Of two members that vouch for one height
 * with different ones, one has a damaged state or lies.
 */
export type Checkpoint = {
  readonly height: number
  /** Of the block executed at that height; 0 for the block that the epoch began with. */
  readonly view: number
  readonly digest: Digest
  /** The application's name of its whole state there: whoever fetches it can check it. */
  readonly state: Digest
}

export type CheckpointVote = Checkpoint & {
  readonly signer: MemberIndex
  readonly signature: Uint8Array
}

/** A checkpoint that a quorum vouches for. Signers ascend, as in `Certificate`. */
export type StableCheckpoint = Checkpoint & {
  readonly signers: readonly MemberIndex[]
  readonly signatures: readonly Uint8Array[]
}

/** A checkpoint whose state its signers have; one of them at least is correct. */
export type VouchedCheckpoint = Checkpoint & { readonly signers: readonly MemberIndex[] }

export type FetchRequest = {
  /** First height that the asker has not executed. */
  readonly fromHeight: number
  /** A finalized block that the asker lacks, for peers that have not executed it either. */
  readonly view: number
  readonly digest: Digest
}

/**
 * Finalized blocks from `fromHeight` on, then headers only up to the first block whose own
 * finalization certificate the sender holds: so each range proves itself.
 */
export type BlockRange = {
  readonly fromHeight: number
  readonly blocks: readonly Block[]
  readonly tail: readonly Header[]
  readonly certificate: Certificate
}

export type Message =
  | {
      readonly kind: 'propose'
      readonly block: Block
      readonly justification: readonly Certificate[]
    }
  | { readonly kind: 'vote'; readonly vote: Vote }
  | { readonly kind: 'certificates'; readonly certificates: readonly Certificate[] }
  | ({ readonly kind: 'status' } & Status)
  /** Certificates of the views [fromView, toView], please. */
  | { readonly kind: 'ask'; readonly fromView: number; readonly toView: number }
  | ({ readonly kind: 'fetch' } & FetchRequest)
  | ({ readonly kind: 'range' } & BlockRange)
  | { readonly kind: 'block'; readonly block: Block }
  | { readonly kind: 'lacking'; readonly fromHeight: number; readonly digest: Digest }
  | { readonly kind: 'checkpointVote'; readonly vote: CheckpointVote }
  /** Also the answer to a fetch of heights that are no longer kept. */
  | { readonly kind: 'checkpoint'; readonly checkpoint: StableCheckpoint }

/** What must be on the disk. Each has a key of its own; their order has no meaning. */
export type JournalRecord =
  | { readonly kind: 'myVote'; readonly vote: Vote }
  | { readonly kind: 'haveCertificate'; readonly certificate: Certificate }
  | { readonly kind: 'haveBlock'; readonly block: Block }
  | { readonly kind: 'dropBlock'; readonly view: number; readonly digest: Digest }
  /** The highest finalization known. */
  | { readonly kind: 'final'; readonly certificate: Certificate }
  /** `block` is executed at `height`; `certificate` when the block has one of its own. */
  | {
      readonly kind: 'executed'
      readonly height: number
      readonly block: Block
      readonly certificate: Certificate | undefined
    }
  /** Votes and certificates of views below are of no more use. */
  | { readonly kind: 'prune'; readonly belowView: number }
  /** This node lost its memory of votes: it never votes in this epoch again. */
  | { readonly kind: 'muted' }
  /** The newest checkpoint with a certificate. */
  | { readonly kind: 'stable'; readonly checkpoint: StableCheckpoint }
  /** Executed blocks up to here are of no more use to anybody. */
  | { readonly kind: 'pruneLog'; readonly upTo: LogPosition }
  /** The application's state was replaced by that of a checkpoint: the log goes on behind it. */
  | { readonly kind: 'installed'; readonly checkpoint: Checkpoint }

/** What a member says of the epoch it is in, to those who are in an older one. */
export type EpochClaim = {
  readonly start: EpochStart
  /** A state of that epoch, with the votes that the member has for it: a quorum's or its own. */
  readonly vouched: StableCheckpoint | undefined
}

/** A consensus epoch: the same members, one of them with a new key. */
export type EpochStart = {
  readonly epoch: number
  /** Height and digest of the block that ended the epoch before; 0, genesis for the first. */
  readonly baseHeight: number
  readonly genesis: Digest
  readonly members: readonly ConsensusMember[]
}

/** A height, and the view of its block in the current epoch. */
export type LogPosition = { readonly height: number; readonly view: number }

export type TimerId = 'lead' | 'advance' | 'skip' | 'retry' | 'nudge' | 'relay' | 'fetch' | 'expiry'

export type Input =
  /** After a restart: links are reported after this. */
  | { readonly kind: 'start' }
  /** The pool changed. */
  | { readonly kind: 'pooled' }
  /** The earliest expiry of the executed state has changed; wall clock, milliseconds. */
  | { readonly kind: 'expiry'; readonly atMs: number | undefined }
  /** Own votes up to this number are on the disk. */
  | { readonly kind: 'durable'; readonly ownVote: number }
  /** More waits for the disk than should, or no longer. */
  | { readonly kind: 'disk'; readonly isBehind: boolean }
  | { readonly kind: 'message'; readonly from: MemberIndex; readonly message: Message }
  | { readonly kind: 'linkUp'; readonly peer: MemberIndex }
  | { readonly kind: 'linkDown'; readonly peer: MemberIndex }
  | { readonly kind: 'timer'; readonly id: TimerId; readonly view: number }
  /** The application's state after a height is on the disk; the view is that of its own epoch. */
  | { readonly kind: 'snapshot'; readonly snapshot: Checkpoint }
  /** A transfer ended: with the state of the checkpoint in place, or without. */
  | { readonly kind: 'transferred'; readonly checkpoint: Checkpoint; readonly ok: boolean }

/** The time at which an input arrived: the machine has no clock. */
export type Now = {
  /** Of the monotonic clock, for rates only. */
  readonly monotonicMs: number
  /** Of the wall clock, for the time in headers only. */
  readonly wallMs: number
}

/**
 * In list order. The driver's law: a `send` leaves, and a `commit` is carried out, only when all
 * that it rests on is on the disk: votes of our own, in the message itself or inside certificates.
 * `after` is the number of the youngest of them (own votes are numbered from 1; 0 means none). All
 * writes before that vote, and the vote, must be durable first; with `after` 0 nothing waits.
 */
export type Effect =
  | { readonly kind: 'write'; readonly record: JournalRecord; readonly ownVote?: number }
  | {
      readonly kind: 'send'
      readonly to: MemberIndex | 'all'
      readonly message: Message
      readonly after: number
    }
  /** Call again after `delayMs`; replaces a running timer of the same id. */
  | {
      readonly kind: 'timer'
      readonly id: TimerId
      readonly view: number
      readonly delayMs: number
    }
  | { readonly kind: 'timerOff'; readonly id: TimerId }
  /**
   * Execute, with the `executed` record in the same durable commit, when the own votes up to
   * `after` are durable, and after all blocks before. Else a member could execute, and answer
   * readers, on the strength of a vote of its own that a crash takes back.
   */
  | {
      readonly kind: 'commit'
      readonly height: number
      readonly block: Block
      readonly certificate: Certificate | undefined
      readonly after: number
    }
  /** Answer from the journal. */
  | { readonly kind: 'serve'; readonly to: MemberIndex; readonly request: FetchRequest }
  | { readonly kind: 'evidence'; readonly first: SignedVote; readonly second: SignedVote }
  /** A quorum vouches for this checkpoint: older states need not be kept. */
  | { readonly kind: 'stable'; readonly checkpoint: StableCheckpoint }
  /** Get the state of this checkpoint from its signers; answer with `transferred`. */
  | { readonly kind: 'transfer'; readonly checkpoint: VouchedCheckpoint }
  /** A quorum vouches for another state than ours: ours is damaged. */
  | { readonly kind: 'diverged'; readonly height: number }
  /** More liars than the bound: stop and publish. */
  | { readonly kind: 'alarm'; readonly what: string; readonly certificates: readonly Certificate[] }
  /** A vote of ours that the journal does not know was seen: we vote no more. */
  | { readonly kind: 'amnesia'; readonly view: number }
  /** The sender is answerable for a message that no correct member sends. */
  | { readonly kind: 'demerit'; readonly peer: MemberIndex; readonly what: string }

/** A member as the machine names it. */
export type MemberName = { readonly index: MemberIndex; readonly node: NodeId }
