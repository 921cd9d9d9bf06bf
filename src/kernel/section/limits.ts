/**
 * Bounds of the section. All of them are part of the rules that every member executes alike:
 * changing one needs a new protocol version. "Memory" says what a limit costs each member.
 */
import { assert } from '../../base/assert.ts'

/** Of the rules of execution and of the genesis document. */
export const protocolVersion = 2

// Operations and batches

/** Sealed delta of one Apply. Bytes. Why: indices of the blocks in `added`, or a key with tags. */
export const sealedDeltaBytesMax = 1024
/** Tags read, and tags written, by one Apply: one per block of the largest inline write. */
export const tagsPerApplyMax = 64
/** Blocks of one Apply: 4 MiB in blocks of 64 KiB. Larger writes are staged. */
export const addedPerApplyMax = 64
/** Blocks of one Stage, Replace or Compact: one map leaf of a file, 303 KB encoded. */
export const addedPerStageMax = 4_096
/** Blocks that one operation names as freed. */
export const freedPerOperationMax = 4_096
/** Receipts of one operation: a stage written in batches of 16 blocks to four holders. */
export const receiptsPerOperationMax = 1_024
/** Leaves of one receipt: a holder signs for one batch of puts. */
export const leavesPerReceiptMax = 4_096
/**
 * Leaves of all receipts of one operation: sixteen for each block of the largest Stage, where a
 * block has as many as it has replicas. Five bytes of a run stand for thousands. Memory: 8 bytes.
 */
export const leavesPerOperationMax = 65_536
/** Leaves of one batch: as many blocks as fit into it, with receipts of 37 replicas each. */
export const leavesPerBatchMax = 262_144
/** Operations of one command: creating a path of directories and a file, and to spare. */
export const operationsPerCommandMax = 64
/** Commands of one batch: what a session does in one turn. */
export const commandsPerBatchMax = 256
/** An encoded batch. Bytes. Why: the largest Stage fits, and a block of the log holds several. */
export const batchBytesMax = 512 * 1024
/** A sealed name: 255 bytes of UTF-8, nonce and tag, room for a later format. Bytes. */
export const sealedNameBytesMax = 512
/** Content, tag and release key under the domain key, and the previous ones. Bytes. */
export const wrappedKeysBytesMax = 1024
/** Sealed attributes of an object. Bytes. */
export const attributesBytesMax = 512
/** Sealed length and tree shape of a base. Bytes. */
export const sealedBaseBytesMax = 512
/** One sealed block: 4 MiB of content and its seal (the vault takes as much). Bytes. */
export const blockSealedBytesMax = 4 * 1024 * 1024 + 4 * 1024
/** Writes of one block: six bytes in a block's name. */
export const blockVersionMax = 2 ** 48 - 1
/** Kept with each block: start of the hash of its release secret. Bytes. */
export const releaseTagBytes = 16
/** Replicas of an object, in one byte. */
export const replicasMax = 255

// Objects

/** Objects of a section. Memory: about 1 KiB each. */
export const objectsMax = 1_048_576
/** Entries of one directory. Memory: about 1 KiB each. */
export const entriesMax = 1_048_576
/** Directories above a directory that another one is moved into: bounds the walk for cycles. */
export const directoryDepthMax = 1_024
/** Deltas over a base: readers overlay them, and they stand in the state. */
export const deltasMax = 1_024
/** Encoded deltas over a base: an object's answer stays within one message. Bytes. */
export const deltaBytesMax = 512 * 1024
/** From here on, writers are asked to compact. */
export const deltasAskToCompact = 256
export const deltaBytesAskToCompact = 256 * 1024
/**
 * Sums of bytes (`storedBytes`, `freedBytes`) stop here, and no log can make them overflow. Bytes.
 * Why: the largest number that is encoded. 8 PiB, but the receipts of one block can be used often.
 */
export const byteSumMax = Number.MAX_SAFE_INTEGER
/** Live stages of one object. */
export const stagesPerObjectMax = 256
/** Staged blocks of one object. Memory: 74 bytes each, 19 MB. */
export const stagedBlocksPerObjectMax = 262_144
/** Staged blocks of the section. Memory: 78 MB. */
export const stagedBlocksMax = 1_048_576

// Time, all in effective time

/** A receipt older than this may speak of a block that its holder has dropped since. */
export const receiptAgeMaxMs = 12 * 3_600_000
/** A stage, before it is renewed. */
export const stageLifeMaxMs = 24 * 3_600_000
/** An object that no entry names is deleted after this. */
export const unlinkedKeepMs = 48 * 3_600_000
/** A session, before it is renewed. */
export const sessionLifeMaxMs = 24 * 3_600_000
/** A result stays known under its request id: longer than any client retries. */
export const requestKeepMs = 24 * 3_600_000
/** Things that expire in one block of the log: bounds what a block costs after a long pause. */
export const expiriesPerBlockMax = 4_096

// Sessions

/** Sequence numbers that a session remembers, with results. */
export const sessionWindowCount = 1_024
/** Sessions of one user or token: Processors that restart, within one life of a session. */
export const sessionsPerPrincipalMax = 256
/** Sessions of the section. Memory: 150 KB each at most, 600 MB if all were busy. */
export const sessionsMax = 4_096
/** Request ids of one user, newest kept. Memory: about 800 bytes each. */
export const requestsPerOwnerMax = 16_384

// Access and genesis

export const grantsPerDomainMax = 256
/** A domain key wrapped for one principal. Bytes. */
export const wrappedDomainKeyBytesMax = 256
/** Private keys of a principal, sealed. Bytes. */
export const sealedPrincipalBytesMax = 1024
export const principalSaltBytesMax = 64
export const genesisMembersMax = 1_024
export const genesisPrincipalsMax = 256
export const genesisDomainsMax = 256
export const genesisDirectoriesMax = 256
/** Sealed block-name key of the world. Bytes. */
export const sealedBlockNameKeyBytesMax = 256
/** A path in the genesis document. Bytes. */
export const genesisPathBytesMax = 4_096
export const memberWeightMax = 8

// Queries, pages, snapshots

export const queriesMax = 256
/** Entries of one page of a listing. */
export const pageEntriesMax = 1_000
/** Proof of a page: a mark per node, hashes on two paths of 256 forks, one entry. Bytes. */
export const proofBytesMax = 32 * 1024
/** One chunk of a snapshot. Bytes. */
export const chunkBytesMax = 1024 * 1024

// Consensus epochs

/**
 * Between two readmissions of one member: each begins an epoch, and a liar may ask for many.
 */
export const readmissionGapMs = 60_000

assert(
  addedPerStageMax * 74 + 128 * 1024 < batchBytesMax,
  'the largest stage fits into a batch, with 128 KiB of receipts',
)
assert(
  tagsPerApplyMax * 64 + addedPerApplyMax * 74 + sealedDeltaBytesMax < deltaBytesMax / 8,
  'several of the largest deltas fit into an object',
)
assert(leavesPerOperationMax >= 16 * addedPerStageMax, 'the largest stage fits with 16 replicas')
assert(
  leavesPerBatchMax >= 37 * Math.floor(batchBytesMax / 74),
  'a batch is full of blocks before it is full of leaves',
)
assert(deltasAskToCompact < deltasMax && deltaBytesAskToCompact < deltaBytesMax, 'ask, then insist')
assert(stageLifeMaxMs < unlinkedKeepMs, 'a renewed stage outlives the object’s grace')
assert(batchBytesMax < chunkBytesMax, 'a stage fits into one chunk of a snapshot')
