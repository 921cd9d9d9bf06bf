/** Limits of the file system. Sizes in bytes. */

/** Body of one write inside a file: held in memory so that the change is atomic. */
export const patchBytesMax = 8 * 1024 * 1024

/** Attempts of a change to a directory that meets another writer. */
export const attemptsMax = 8

/** Of a change that must come through among any writers: each is one more command of the group. */
export const contendedAttemptsMax = 1_000

/** Blocks of one page of a block map. */
export const blockMapCountMax = 4_096

/** How long the remains of a write that failed are tried to be removed at once, in milliseconds. */
export const cleanupMs = 5_000
