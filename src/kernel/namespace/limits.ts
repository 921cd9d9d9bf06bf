/**
 * Limits of names and paths, in bytes of UTF-8; those of Linux, so that files come and go freely.
 */
export const nameBytesMax = 255
export const pathBytesMax = 4_096

/** Directories between the root and an entry. */
export const depthMax = 128

/** Principals whose unwrapped keys a Processor keeps, and objects and entries of each. */
export const principalsCachedMax = 256
export const objectsCachedMax = 16_384
export const entriesCachedMax = 65_536

/** Entries of one page of a listing. */
export const pageEntriesMax = 1_000

/** Objects looked up in one read while a page of a listing is filled in. */
export const statsPerRead = 128
