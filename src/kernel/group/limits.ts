/** Limits of talking to the group. Times in milliseconds, sizes in bytes. */

/**
 * Executed states that a member keeps: a read at a height that is just agreed on, listing roots.
 */
export const historyHeightsMax = 256

/** How long a member waits for a block that it has not executed before it says so. */
export const blockWaitMs = 1_000

/** A round of asking for one block's state ends after this, whoever is silent. */
export const settleRoundMs: number = blockWaitMs + 200

/** Submitters that wait for one batch at a member. */
export const waitersPerBatchMax = 32

/** Batches that a member has waiters for. */
export const waitedBatchesMax = 16_384

/**
 * Memory of batches that a member keeps decoded between vote and execution, as the section reckons
 * it: the blocks of several views, full of ordinary commands.
 */
export const decodedBytesMax = 64 * 1024 * 1024

/** First and longest pause before a member is asked again. */
export const retryFirstMs = 50
export const retryLongestMs = 1_000

/** How long a call waits for a quorum to be reachable before it says that there is none. */
export const reachWaitMs = 5_000

/** A disagreement between members' answers is settled at one height after this pause. */
export const settleMs = 20

/** Queries of one read. */
export const queriesMax = 256

/** Reads that go to the members in one request. */
export const readsMax = 64

/** Entries of one page of a listing. */
export const pageEntriesMax = 1_000

/** Bytes that stand in a message's head; more go as its body. Below the links' bound on heads. */
export const inlineBytesMax = 64 * 1024

/** Bytes of one message of this channel, as its body. Below the links' bound on bodies. */
export const messageBytesMax = 4 * 1024 * 1024

/** Bytes that the answers of one read are reckoned to have at most; more is refused. */
export const answerBytesMax: number = messageBytesMax - 64 * 1024

/** A member that has not sent a page after this long is late: the next one is asked. */
export const pageLateMs = 1_000

/** Heights of added lists in one answer, and their bytes unless the first list alone has more. */
export const listHeightsMax = 256
export const listBytesMax = 1024 * 1024

/**
 * Results that a member remembers by batch: for a submitter whose request comes after the block.
 */
export const recentBatchesMax = 8_192
export const recentBytesMax = 4 * 1024 * 1024

/** A snapshot of the state is written after this much log, so that a restart replays less. */
export const snapshotLogBytes = 16 * 1024 * 1024
export const snapshotHeights = 8_192

/** Chunks of one state; each has up to a megabyte. */
export const chunkCountMax = 65_536

/** A member that has not sent a manifest or a chunk after this long is passed over. */
export const manifestLateMs = 2_000
export const chunkLateMs = 5_000
/** Failures of one member in one transfer, before no more is asked of it. */
export const chunkStrikesMax = 3
export const parallelChunksPerHolder = 2
/** One attempt to fetch a state. */
export const transferMsMax: number = 30 * 60 * 1000
/** Between two requests of a member to be readmitted. */
export const readmissionPauseMs = 1_000
export const readmissionDeadlineMs = 10_000
/** One that was ordered in vain is ordered again after this long at the latest. */
export const readmissionAgainMs = 10_000

/** How long a quorum that disagrees waits for the others' answers before it settles on a height. */
export const disagreementMs = 100

/** What a seed of the simulator draws small, so that a short run meets it. */
export type MemberLimits = {
  readonly historyHeights: number
  readonly listHeights: number
  readonly snapshotHeights: number
  readonly snapshotLogBytes: number
}

export const memberLimits: MemberLimits = {
  historyHeights: historyHeightsMax,
  listHeights: listHeightsMax,
  snapshotHeights,
  snapshotLogBytes,
}
