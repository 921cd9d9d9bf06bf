/**
 * Every bound of consensus. The first group is part of the wire format and of block validity: all
 * members of a group must agree on it. The second is one node's own choice.
 *
 * How much memory that is, with the defaults, per group: the pool 32 MiB, blocks that wait for
 * their finalization 64 MiB and as much of those that are fetched, writes that wait for the disk
 * 16 MiB and the blocks that were held when it fell behind, one range being served per peer 2 MiB,
 * votes of 64 views ahead under 1 MiB.
 */
import { assert } from '../../base/assert.ts'

/** Members of one group; 6.2 of the protocol stops at 61, a bitmap byte more costs nothing. */
export const membersMax = 128
/** Certificates inside a proposal: the parent's and one for each skipped view, the newest first. */
export const justificationCountMax = 64
/** Bytes of them; with 31 members 64 certificates take 90 KiB. What does not fit is asked for. */
export const justificationBytesMax = 128 * 1024
/** Certificates in one message. */
export const certificatesPerMessageMax = 64
/** Payload bytes up to here stand in the message's head, longer ones in its body. */
export const inlinePayloadBytesMax = 16 * 1024
/** Items in one payload, however small they are. */
export const itemsPerBlockMax = 16_384
/** Newest checkpoint votes that are kept of each member. */
export const checkpointVotesMax = 4
/** Headers behind the blocks of a range, up to the next certified one. */
export const rangeTailMax = 1_024
/** Blocks in one range. */
export const rangeBlocksMax = 1_024
/** A header's time may differ so much from the voter's clock; doubles when views fail. */
export const timeToleranceMs = 2_000
export const timeToleranceMsMax = 24 * 60 * 60 * 1000

/** A leader whose last view came to nothing has this part of the time in its next one. */
export const hastyPart = 8

/** Blocks have items this many views beyond the finalization; leaders then propose empty ones. */
export const fullBlockViewsMax = 32

/** So long after an expiry a member has work: most clocks differ by less. */
export const expiryGraceMs = 5_000
/** Pause after a block whose time was before the expiry, at most; it doubles. */
export const expiryPauseMsMax = 10 * 60_000
/** The wall clock is looked at again this often while an expiry lies ahead: it may be set. */
export const expiryTimerMsMax = 60 * 60_000

/** Bounds with defaults; tests choose small ones. */
export type ConsensusLimits = {
  /** Encoded payload of one block. Part of block validity: equal on all members. */
  readonly payloadBytesMax: number
  /** One item. Part of block validity: equal on all members. */
  readonly itemBytesMax: number
  /** Items that wait in the pool, by count and by bytes; one client holds at most half. */
  readonly poolCountMax: number
  readonly poolBytesMax: number
  /** Keys of executed items that are remembered, so that a late copy is not pooled again. */
  readonly executedKeysMax: number
  /** Votes are kept for this many views ahead of ours. Certificates are never refused for that. */
  readonly viewsAheadMax: number
  /** Blocks in memory that are not executed yet: once proposals, once blocks that we asked for. */
  readonly heldBlocksBytesMax: number
  /** When so much waits for the disk, nothing is executed until half of it is there. */
  readonly unsyncedBytesMax: number
  /** Block bytes of one range that we send. */
  readonly rangeBytesMax: number
}

export const defaultConsensusLimits: ConsensusLimits = {
  payloadBytesMax: 1024 * 1024,
  itemBytesMax: 512 * 1024,
  poolCountMax: 16_384,
  poolBytesMax: 32 * 1024 * 1024,
  executedKeysMax: 16_384,
  viewsAheadMax: 64,
  heldBlocksBytesMax: 64 * 1024 * 1024,
  unsyncedBytesMax: 16 * 1024 * 1024,
  rangeBytesMax: 1024 * 1024,
}

/** Four bytes of length before each item, and four of count before all. */
export const itemOverheadBytes = 4
export const payloadOverheadBytes = 4

/** Own limits with overrides; relations that the layer relies on are asserted. */
export function consensusLimitsOf(overrides: Partial<ConsensusLimits> = {}): ConsensusLimits {
  const limits = { ...defaultConsensusLimits, ...overrides }
  assert(
    limits.itemBytesMax + itemOverheadBytes + payloadOverheadBytes <= limits.payloadBytesMax,
    'an item of the largest size fits into a block',
  )
  assert(
    2 * limits.itemBytesMax <= limits.poolBytesMax,
    'an item of the largest size fits into one client’s share of the pool',
  )
  assert(limits.payloadBytesMax <= limits.heldBlocksBytesMax, 'a block can be held')
  assert(
    limits.payloadBytesMax + limits.rangeBytesMax <= 4 * 1024 * 1024,
    'a range with one largest block fits into the body of a message',
  )
  assert(limits.viewsAheadMax >= 1 && limits.poolCountMax >= 2, 'there is room for one')
  return limits
}
