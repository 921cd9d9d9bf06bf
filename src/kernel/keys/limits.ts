/** Bounds of keys and of what is sealed with them. Sizes in bytes; parts of the format. */
import { assert } from '../../base/assert.ts'
import { aeadKeyBytes, aeadNonceBytes, aeadTagBytes } from '../../ports/crypto.ts'

/** Nonce and tag around what is sealed. */
export const sealOverheadBytes: number = aeadNonceBytes + aeadTagBytes

/** The same and the key epoch before it: deltas, bases, attributes, names of entries. */
export const partOverheadBytes: number = 4 + sealOverheadBytes

/**
 * Sealings by one key. With random nonces of 96 bits, two of 2^32 are equal with a chance of 2^-33
 * (NIST SP 800-38D, 8.3: at most 2^-32). Counted in memory, for this process and this unwrapping
 * of the key: at 4 KiB a block it is 16 TiB written, so that one process hardly gets there, and a
 * key used by many is replaced long before by its domain's rotation.
 */
export const sealingsPerKeyMax: number = 2 ** 32

/** Wrapped keys of one object: what the section keeps (`wrappedKeysBytesMax` there). */
export const wrappedKeysBytesMax = 1_024

/** Content keys that one object can carry at a time: what fits into the above. */
export const objectKeyEpochsMax = 15

/** A domain key wrapped for one principal (`wrappedDomainKeyBytesMax` of the section). */
export const wrappedDomainKeyBytesMax = 256

/** Highest epoch of any key: four bytes. */
export const keyEpochMax = 0xffff_ffff

/** Start of the hash of a release secret, kept with each block. */
export const releaseTagBytes = 16

/** Format, domain epoch, key epoch, sealed keys, count of previous ones. */
const wrappedKeysFixedBytes = 1 + 4 + 4 + 3 * aeadKeyBytes + sealOverheadBytes + 4

assert(
  wrappedKeysFixedBytes + (objectKeyEpochsMax - 1) * (aeadKeyBytes + sealOverheadBytes) <=
    wrappedKeysBytesMax,
  'all epochs of an object fit into its wrapped keys',
)
