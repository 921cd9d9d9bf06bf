/** Limits of the block layer. Times in milliseconds, sizes in bytes. */
import { assert } from '../../base/assert.ts'

/** Plain bytes of one block: the largest block size that a file may choose. */
export const plainBytesMax = 4 * 1024 * 1024

/** Blocks in one `write`: as many as one operation of the section may add inline or stage. */
export const batchBlocksMax = 256

/** A holder that has not answered a read after this long is late: the next one is asked. */
export const holderLateMs = 700

/** A late holder is remembered for this long: readers ask it last, writers do not wait for it. */
export const lateMemoryMs = 5_000

/**
 * A holder is late with a batch after this many times what the receipts that were needed took.
 * Why: holders of one world differ by that much when all is well, above all in their disks.
 */
export const writeLateFactor = 4

/** And not before this: a disk that is busy syncs within it. */
export const writeLateMsMin = 1_000

/** A late holder is not tried while more than this waits to be sent to it. */
export const probeQueuedBytesMax = 1024 * 1024

/** A holder that has not stored a block after this long is left to repair itself. */
export const putDeadlineMs = 10_000

/**
 * Sealed bytes of unfinished writes, shared by all files of a Processor. New writes wait while it
 * is exceeded, so that a slow third replica costs speed and not memory.
 */
export const inFlightBytesMax = 16 * 1024 * 1024

/** Reads of one Processor that wait for holders at once; more wait in line. */
export const readsInFlightMax = 64

/**
 * A write waits this long for holders that are not linked, while too few have taken its blocks; a
 * read, while nobody gave its block and somebody could not be asked.
 */
export const holderWaitMs = 5_000
/** First and longest pause between two attempts. */
export const holderRetryFirstMs = 50
export const holderRetryLongestMs = 1_000

/** A receipt's clock may differ so much from ours: the section refuses what is 12 h old. */
export const receiptSkewMsMax = 6 * 3_600_000

/** Blocks of which a holder remembers length and release tag; about 150 bytes each. */
export const storedFactsMax = 16_384

/** Blocks that a holder fetches at once while it repairs its vault. */
export const repairsInFlightMax = 4

/**
 * No fetch of a look begins later than this after the look began. Why: with a silent holder each
 * takes up to ten seconds, and newer lists and other blocks must not wait for thousands of them.
 */
export const repairFetchMs = 10_000

/** Heights whose added lists are asked for in one request. */
export const listHeightsMax = 256

/**
 * Pause between two looks for missed blocks, and how long a fresh block may still be on its way.
 */
export const repairIntervalMs = 5_000

/**
 * So long after its start a node looks more often, and fetches at once what is missing: nearly all
 * of that it missed while it was down, and little is on its way.
 */
export const catchUpMs = 15_000
export const catchUpIntervalMs = 500

/** Blocks that a holder knows to lack; with more, it looks for no others until some are fetched. */
export const lackingMax = 16_384

/** Damaged blocks that are looked for in the lists at once; a restart finds the others. */
export const damagedMax = 16_384

/** Requests for lists in one look, while what was checked before is checked again. */
export const recheckRangesPerLook = 16

assert(writeLateMsMin < putDeadlineMs, 'a late holder is noticed before its put ends')
/** After its start a node waits so long before it reads what former runs left: first it serves. */
export const scrubDelayMs = catchUpMs

/**
 * Pace of that reading: 4 MiB and 50 blocks a second at most. Why: a hundredth of one core and of
 * what a disk reads; 100,000 blocks of 64 KiB take 35 minutes.
 */
export const scrubBytesPerMs = 4 * 1024
export const scrubPauseMs = 20

/** Pause after the disk could not be asked, and tries until a block is left out for this run. */
export const scrubBusyMs = 5_000
export const scrubTriesMax = 3

assert(holderWaitMs < putDeadlineMs, 'a batch that is tried again has nothing left in a queue')
assert(repairsInFlightMax % 2 === 0, 'half of the fetches are for what waits longest')
assert(inFlightBytesMax >= 2 * plainBytesMax, 'two of the largest blocks fit in flight')
