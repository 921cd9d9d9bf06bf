/** Bounds of the vault. "Format" marks what is part of the disk format and never changes alone. */
import { assert } from '../../base/assert.ts'

/**
 * Sealed bytes of one block: 4 MiB of content and room for the writer's seal around it.
 * Unit: bytes. Why: the largest block size of a file is 4 MiB (C24).
 */
export const sealedBytesMax = 4 * 1024 * 1024 + 4 * 1024

/**
 * Files are whole pages. Unit: bytes. Format. Why: file systems store whole pages anyhow, the exact
 * length would tell something about a block, and whole pages can be written past the page cache.
 */
export const pageBytes = 4 * 1024

/** Highest version of a block: six bytes in its name. Format. */
export const versionMax = 2 ** 48 - 1

/** Folders of block files, by the first 7 of 14 bits of the partition. Format. */
export const folderCount = 128
export const partitionsPerFolder = 128

/** Kept with each block: hash of the secret that will allow its release. Unit: bytes. Format. */
export const releaseTagBytes = 16

/** Time stamp of every block file: 2000-01-01T00:00:00Z, so that it tells nothing. Format. */
export const constantModifiedMs = 946_684_800_000

/**
 * Files sealed under one storage key, over all runs. Why: nonces are random, 96 bits; beyond 2^32
 * two would be equal with more than one chance in 2^32 (NIST SP 800-38D, 8.3).
 */
export const sealingsMax = 2 ** 32

/** Sealings that are taken from it at once: one small file is written and synced for so many. */
export const sealingsStep = 4_096

/** Fields of the name in characters and in all; every common file system takes 255. */
export const nameCharactersMax = 200

/** What an operator may tune; `defaultLimits` unless told. */
export type VaultLimits = {
  /**
   * Blocks being sealed and written at once. Why: synced writes share the disk's flushes only when
   * many are under way (docs/decisions/0010-vault-durability.md); memory is this many sealed files.
   */
  readonly writesInFlightMax: number
  /** Files being read at once. Why: bounds memory, and keeps clear of the open-file limit. */
  readonly readsInFlightMax: number
  /** Room left to the consensus journal and the rest: puts are refused below it. Unit: bytes. */
  readonly reserveBytes: number
  /** Free room is asked for again after this much was written. Unit: bytes; below the reserve. */
  readonly roomCheckBytes: number
  /** Names kept in memory whose own hash failed at start. */
  readonly strayNamesMax: number
}

export const defaultLimits: VaultLimits = {
  writesInFlightMax: 32,
  readsInFlightMax: 16,
  reserveBytes: 128 * 1024 * 1024,
  roomCheckBytes: 32 * 1024 * 1024,
  strayNamesMax: 1_024,
}

assert(sealedBytesMax % pageBytes === 0, 'the largest block is whole pages')
assert(
  defaultLimits.roomCheckBytes + defaultLimits.writesInFlightMax * 2 * 1024 * 1024 <=
    defaultLimits.reserveBytes,
  'what is written between two questions for room fits into the reserve',
)
