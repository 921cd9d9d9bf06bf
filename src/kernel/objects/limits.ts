/** Limits of objects. Sizes in bytes. */

/** A file's block size: a power of two in this range, chosen at creation. */
export const blockBytesMin = 4 * 1024
export const blockBytesMax = 4 * 1024 * 1024
export const blockBytesDefault = 64 * 1024

/** References in one page of a file's tree. A full leaf is about 270 KiB, a block of its own. */
export const pageRefsMax = 4_096

/** Levels of the tree: 4,096^3 blocks of 64 KiB are 4 EiB. */
export const depthMax = 3

/** A file's size: what an offset in a JavaScript number can name exactly, less a margin. */
export const fileBytesMax = 2 ** 52

/** References that rest in the sealed base itself, so that a small file has no tree page. */
export const inlineRefsMax = 4

/** Blocks of one delta (the section's bound on tags of one operation, less those of the file). */
export const deltaBlocksMax = 60

/** Deltas after which a writer folds them into the base. */
export const foldDeltaCount = 256

/** Blocks of one `replace` that were not staged before; more go by `stage` first. */
export const replaceBlocksMax = 2_048

/** Blocks written together while a whole file streams in: one batch of receipts. */
export const batchBlocks = 64
export const batchPlainBytes = 2 * 1024 * 1024

/**
 * Receipts of one operation, below the section's 1,024: a batch of few large blocks has as many as
 * one of many small ones.
 */
export const replaceReceiptsMax = 512

/** Leaves of an operation's receipts, below the section's 65,536: blocks with many replicas. */
export const replaceLeavesMax = 32_768

/** Batches on their way at once. */
export const batchesInFlight = 3

/** Blocks read ahead of a reader. */
export const readAheadBytes = 2 * 1024 * 1024
export const readAheadBlocksMax = 32

/** Tree pages kept by a Processor. */
export const pageCacheCount = 64

/**
 * Attempts of a write that meets another writer before it says `conflict`. At one Processor they
 * take turns, so it meets at most one writer of each other Processor at a time: among 16 of equal
 * speed, one change in 60 loses all of these.
 */
export const attemptsMax = 64

/** How long staged blocks wait for the operation that names them: an upload may take this long. */
export const stageMs = 12 * 60 * 60 * 1000

/** Blocks of one stream: what the section lets an object stage (16 GiB of 64 KiB blocks). */
export const streamBlocksMax = 262_144

/** The largest file of a block size: what its tree reaches, and what a number can name. */
export const fileBytesMaxOf = (blockBytes: number): number =>
  Math.min(fileBytesMax, pageRefsMax ** depthMax * blockBytes)
