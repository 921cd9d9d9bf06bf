/** What other layers see of consensus: a log of opaque payload items that all members execute. */
import type { Digest, NodeId } from '../../base/ids.ts'
import type { KeyPair } from '../../ports/crypto.ts'
import type { JournalWrite } from '../../ports/journal.ts'

export type ConsensusMember = {
  readonly node: NodeId
  /** Ed25519 public key of this consensus epoch, 32 bytes. */
  readonly consensusKey: Uint8Array
}

/** A group's configuration for one consensus epoch. From genesis for epoch 1. */
export type ConsensusConfig = {
  /** Group id: which log this is; 32 bytes of hexadecimal. */
  readonly group: Digest
  readonly epoch: number
  /** Sorted by node id. n of them. */
  readonly members: readonly ConsensusMember[]
  /**
   * q: votes that decide; `defaultQuorum(n)` when not given. A larger one is the safety profile: it
   * survives more liars (`byzBound`) and fewer silent members (n − q).
   */
  readonly quorum?: number
  /** Digest that the first block builds on. */
  readonly genesis: Digest
}

/** A finalized block. Heights count from 1, without gaps, the same on every member. */
export type CommittedBlock = {
  readonly height: number
  readonly view: number
  readonly digest: Digest
  /** The leader's clock; execution takes the running maximum. */
  readonly timeMs: number
  readonly items: readonly Uint8Array[]
}

/** A vote that anybody can check against the key of the configuration's member `signer`. */
export type SignedVote = {
  readonly kind: 'notarize' | 'nullify' | 'finalize'
  readonly view: number
  /** Undefined for a nullification. */
  readonly digest: Digest | undefined
  /** Place in `ConsensusConfig.members`. */
  readonly signer: number
  readonly signature: Uint8Array
}

/**
 * Two votes of one member that a correct one never gives: two digests in one view, or a
 * nullification and a finalization of one view. Portable; `evidenceHolds` checks it.
 */
export type ConsensusEvidence = {
  readonly member: NodeId
  readonly group: Digest
  readonly epoch: number
  readonly first: SignedVote
  readonly second: SignedVote
}

/** What executes the log. Implemented by `group` around the pure section. */
export interface Application {
  /**
   * Stateless check of one payload item (decodes, within limits, signatures verify). Pure: the same
   * answer on every member, for ever. Must not throw, whatever the bytes.
   */
  isValid(item: Uint8Array): boolean
  /** Identity for deduplication in the pool: equal items, equal keys. Asked of valid items only. */
  keyOf(item: Uint8Array): string
  /**
   * Whose share of the pool a valid item takes. Members may differ in it: it decides about room and
   * turns in one member's pool only.
   */
  clientOf(item: Uint8Array): string
  /**
   * Execute the next block. Called once per height in order, also when replaying after a restart
   * (then from the height after the one returned by `restore`). The returned writes become durable
   * in one commit with consensus' own record of the height, before `onDurable` is called. They go
   * to the journal that consensus was given; keys that start with byte 0x01 belong to consensus.
   *
   * An item may occur again in a later block (a leader may repeat it): execution recognises it.
   */
  execute(block: CommittedBlock): readonly JournalWrite[]
  /**
   * When something of the executed state expires next, by the wall clock, milliseconds; undefined
   * when nothing does. Asked for after each execution: an idle group makes a block for it.
   */
  nextExpiryMs?(): number | undefined
  /**
   * The commit that holds `height` is durable, and so is one of a block from there on whose
   * finality can be shown: replies may leave. `finality`, encoded, for a block that has one of its
   * own: the last of those that become durable together does. Heights come in order; that of a
   * restart may come again.
   */
  onDurable(height: number, finality?: Uint8Array): void
  /**
   * Asked right after `execute`: the members' keys of the next epoch, when this block ended the
   * current one. Blocks that were agreed on behind it count for nothing; their items are ordered
   * again.
   */
  membersAfter?(height: number): readonly ConsensusMember[] | undefined
  /** A quorum vouches for the state of this height: of older snapshots one more is wanted. */
  onStable?(height: number): void
  /**
   * Fetch the state of a checkpoint from those who vouch for it, and check it against `state`. The
   * result's writes make it this node's own, in one commit with consensus' record; `installed` is
   * called when they are durable. Undefined: nobody gave it; it is asked for again, perhaps for a
   * newer one. Once `signal` aborts, the state is of no more use, and another may be asked for.
   */
  fetchState?(
    wanted: Snapshot & { readonly holders: readonly NodeId[]; readonly signal: AbortSignal },
  ): Promise<FetchedState | undefined>
}

export type FetchedState = {
  readonly writes: readonly JournalWrite[]
  /** Go on from this state. */
  readonly installed: () => void
}

/** Where the application has a snapshot of its state, durable, and what it calls that state. */
export type Snapshot = {
  readonly height: number
  /** Of the block executed at that height, as `CommittedBlock` has them. */
  readonly view: number
  readonly digest: Digest
  readonly state: Digest
}

export type ConsensusStatus = {
  readonly view: number
  readonly finalView: number
  readonly height: number
  readonly leader: NodeId
  readonly pendingItemCount: number
  /** True while blocks or a state are being fetched to reach a finalized view. */
  readonly catchingUp: boolean
  /** False for a member that lost its memory of votes, until it is readmitted with a new key. */
  readonly votes: boolean
  readonly epoch: number
  /** Of the newest checkpoint that a quorum vouches for; 0 for none. */
  readonly stableHeight: number
}

export interface Consensus {
  /** Replay the journal, execute what is missing, then take part. */
  start(): Promise<void>
  stop(): Promise<void>
  /**
   * Put an item into this member's pool; it is proposed by the next leaders that have it
   * (submitters send to all members). True also when it waits already or was executed. False when
   * the pool is full, the item is invalid or too large, or consensus does not run.
   */
  submit(item: Uint8Array): boolean
  status(): ConsensusStatus
  /** The configuration of the current epoch. */
  config(): ConsensusConfig
  /** The application has a snapshot: vouch for it, and let the log before it go in time. */
  snapshot(snapshot: Snapshot): void
  /**
   * A new consensus key of this node, for its readmission; made from `seed` (32 random bytes) and
   * durable before it is returned. Made before and not used yet: the same again.
   */
  prepareKey(seed: Uint8Array): Promise<{ readonly consensusPair: KeyPair }>
  /** Finalized blocks from the journal, oldest first, for catch-up of nodes without a vote. */
  blocks(input: {
    readonly fromHeight: number
    readonly countMax: number
    readonly bytesMax: number
  }): Promise<readonly CommittedBlock[]>
}
