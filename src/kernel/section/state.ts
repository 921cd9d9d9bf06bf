/**
 * What a section knows: an immutable value. @pure
 *
 * Everything is a Merkle map, so that a command can be undone by forgetting it, recent states can
 * be kept for readers at the cost of what changed, and one hash stands for all of it. What could be
 * computed from the rest (`expiries`, orders, counts) is kept beside it, outside the root, and
 * built anew when a snapshot is read.
 */
import { assert } from '../../base/assert.ts'
import { toHex } from '../../base/bytes.ts'
import { Writer } from '../../base/codec.ts'
import { domainPrefix, domains } from '../../base/domains.ts'
import type {
  Digest,
  DomainId,
  ObjectId,
  PrincipalId,
  SessionId,
  Tag,
  WorldId,
} from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Placement, PlacementEpoch } from '../placement/index.ts'
import { type ConsensusState, writeConsensusState } from './consensus-state.ts'
import type { ExpiryKey } from './expiry-key.ts'
import type {
  BaseRoot,
  CommandResult,
  Delta,
  DomainView,
  Entry,
  ObjectKind,
  PrincipalView,
} from './interface.ts'
import type { MerkleMap, NumberKey } from './merkle-map.ts'

/** A delta as the state keeps it: with the tags that it wrote. */
export type DeltaState = { readonly delta: Delta; readonly writes: readonly Tag[] }

/** Blocks of a large write before an operation names them. */
export type Stage = {
  readonly number: number
  readonly session: SessionId
  readonly expiryMs: number
  readonly blockCount: number
  /** Sum over its blocks. */
  readonly sealedBytes: number
  /**
   * Encoded `AddedBlock`s, ascending by id and version: 74 bytes each instead of an object each.
   */
  readonly blocks: Uint8Array
}

export type ObjectState = {
  readonly object: ObjectId
  readonly kind: ObjectKind
  readonly domain: DomainId
  readonly domainEpoch: number
  readonly keyEpoch: number
  /** Seq of the last change of key. */
  readonly keySeq: number
  readonly wrappedKeys: Uint8Array
  readonly replicas: number
  readonly attributes: Uint8Array
  /** The user who made it. */
  readonly creator: PrincipalId
  readonly seq: number
  readonly createdMs: number
  readonly changedMs: number
  /** Undefined for the root directory and for what no entry names. */
  readonly parent: ObjectId | undefined
  /**
   * When it lost its entry or, without one, was last written; undefined while an entry names it,
   * and for the root directory.
   */
  readonly unlinkedMs: number | undefined
  /** Sealed bytes of blocks that it names, as far as its writers said what they freed. */
  readonly storedBytes: number
  /** Of a directory. */
  readonly entries: MerkleMap<Tag, Entry>
  /** Of a file or table, as everything below. */
  readonly baseSeq: number
  readonly base: BaseRoot | undefined
  readonly deltas: MerkleMap<NumberKey, DeltaState>
  /** Encoded bytes of all deltas. */
  readonly deltaBytes: number
  /** Seq at which each tag was last written, where that is above `baseSeq`. */
  readonly tags: MerkleMap<Tag, number>
  readonly stages: MerkleMap<NumberKey, Stage>
  /** Number of the latest stage. */
  readonly stageNumber: number
}

export type SessionResult = { readonly hash: Uint8Array; readonly result: CommandResult }

export type SessionState = {
  readonly session: SessionId
  readonly principal: PrincipalId
  readonly expiryMs: number
  /** Highest sequence executed. */
  readonly lastSequence: number
  /** By sequence: what was executed within the window. */
  readonly results: MerkleMap<NumberKey, SessionResult>
}

export type RequestState = {
  /** Counts the owner's requests: the order in which they are forgotten. */
  readonly ordinal: number
  readonly expiryMs: number
  /** What was asked: another request under the same id is refused. */
  readonly print: Digest
  readonly result: CommandResult
}

/** What is counted per principal: sessions of each, request ids of users. */
export type Account = {
  readonly principal: PrincipalId
  readonly requestOrdinal: number
  readonly requests: MerkleMap<Digest, RequestState>
  /** Derived: request ids by ordinal. */
  readonly requestOrder: MerkleMap<NumberKey, Digest>
  /** Derived: sessions of this principal. */
  readonly sessionCount: number
}

export type SectionState = {
  readonly world: WorldId
  readonly protocol: number
  readonly rootDirectory: ObjectId
  readonly height: number
  /** Never goes back; every expiry is compared with it. */
  readonly effectiveMs: number
  /** Sealed bytes of blocks that no object names any more, one copy of each. */
  readonly freedBytes: number
  readonly consensus: ConsensusState
  /** Placement epochs in force, oldest first. */
  readonly epochs: readonly PlacementEpoch[]
  readonly objects: MerkleMap<ObjectId, ObjectState>
  readonly domains: MerkleMap<DomainId, DomainView>
  readonly principals: MerkleMap<PrincipalId, PrincipalView>
  readonly sessions: MerkleMap<SessionId, SessionState>
  readonly accounts: MerkleMap<PrincipalId, Account>
  /** Derived: what expires when. */
  readonly expiries: MerkleMap<ExpiryKey, true>
  /** Derived: blocks in live stages. */
  readonly stagedBlockCount: number
  /** Derived: what each of `epochs` means. */
  readonly placements: readonly Placement[]
}

/** The newest placement epoch. */
export function currentPlacement(state: SectionState): Placement {
  const placement = state.placements.at(-1)
  assert(placement !== undefined, 'a world has a placement epoch')
  return placement
}

/**
 * The earliest time at which something expires: a member whose clock is past it has work to
 * propose.
 */
export function earliestExpiryMs(state: SectionState): number | undefined {
  const leaf = state.expiries.first()
  return leaf === undefined ? undefined : Number.parseInt(leaf.key.slice(0, 16), 16)
}

/** Header of the state, as the root hashes it and snapshots begin. */
export function writeStateHeader(writer: Writer, state: SectionState): void {
  writer.hex(state.world).u32(state.protocol).hex(state.rootDirectory)
  writer.u64(state.height).u64(state.effectiveMs).u64(state.freedBytes)
  writeConsensusState(writer, state.consensus)
  writer.list(state.epochs, (inner, epoch) => {
    inner.u32(epoch.epoch).list(epoch.members, (last, member) => {
      last.hex(member.node).u8(member.weight)
    })
  })
}

/**
 * One hash for all that members must agree on. Computes what changed since it was last asked for.
 */
export function stateRoot(crypto: Crypto, state: SectionState): Digest {
  const writer = new Writer(512).fixed(domainPrefix(domains.stateRoot))
  writeStateHeader(writer, state)
  for (const map of [
    state.objects,
    state.domains,
    state.principals,
    state.sessions,
    state.accounts,
  ]) {
    writer.fixed(map.rootBytes(crypto))
  }
  return toHex(crypto.sha256(writer.finish())) as Digest
}
