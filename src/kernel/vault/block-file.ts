/**
 * The bytes of a block file: the outer seal (C54). Format in docs/spec/vault.md.
 *
 *   "uvb" 1 │ nonce 12 │ ciphertext │ tag 16          the whole a multiple of 4 KiB
 *   ciphertext opens to: release tag 16 │ length u32 │ sealed block │ zeros
 *
 * AES-256-GCM under a key that only this node has. The associated data binds the file's first four
 * bytes and all that its name says of the block, so that a file moved under another block's name
 * does not open. The padding is inside the seal: no bit of the file is free to change.
 */
import { assert } from '../../base/assert.ts'
import { Writer } from '../../base/codec.ts'
import { domainPrefix, domains } from '../../base/domains.ts'
import { type AeadKey, aeadNonceBytes, aeadTagBytes, type Crypto } from '../../ports/crypto.ts'
import type { StorageKey } from '../../ports/keyring.ts'
import type { Random } from '../../ports/random.ts'
import type { BlockCopy, BlockKey, StoredBlock } from './interface.ts'
import { pageBytes, releaseTagBytes, sealedBytesMax } from './limits.ts'

/** ASCII `uvb` and the version of the format. */
export const fileHead: Uint8Array = Uint8Array.of(0x75, 0x76, 0x62, 1)
const lengthBytes = 4
const bodyStart = releaseTagBytes + lengthBytes
const nonceStart = fileHead.length
const ciphertextStart = nonceStart + aeadNonceBytes
/** Bytes of a file around the sealed block and its padding. */
export const fileOverheadBytes = ciphertextStart + bodyStart + aeadTagBytes
/** Blocks up to here share one buffer for sealing; larger ones are rare and get their own. */
const scratchBytes = 128 * 1024

/** Pages of the file that holds a sealed block of this length. */
export const pageCountOf = (sealedBytes: number): number =>
  Math.ceil((fileOverheadBytes + sealedBytes) / pageBytes)

/** Seals and opens block files under this node's storage keys. */
export class OuterSeal {
  /** Epoch under which files are sealed now. */
  readonly keyEpoch: number
  readonly #crypto: Crypto
  readonly #random: Random
  readonly #keys = new Map<number, AeadKey>()
  readonly #scratch = new Uint8Array(scratchBytes)

  /** @param storageKeys newest last; older ones only open. */
  constructor(crypto: Crypto, random: Random, storageKeys: readonly StorageKey[]) {
    const newest = storageKeys.at(-1)
    assert(newest !== undefined, 'a node has a storage key')
    this.keyEpoch = newest.epoch
    this.#crypto = crypto
    this.#random = random
    for (const { epoch, key } of storageKeys) {
      assert(!this.#keys.has(epoch), 'storage keys have different epochs')
      const info = domainPrefix(domains.blockOuter)
      const salt = new Uint8Array(0)
      const derived = crypto.hkdfSha256({ key, salt, info, length: 32 })
      this.#keys.set(epoch, crypto.aeadKey(derived))
      derived.fill(0)
    }
  }

  knows(keyEpoch: number): boolean {
    return this.#keys.has(keyEpoch)
  }

  /** The file of a block, as parts to be written one after the other. One pass, one copy. */
  seal(block: StoredBlock): readonly Uint8Array[] {
    const { sealed, releaseTag } = block
    assert(sealed.length <= sealedBytesMax, 'a sealed block has at most 4 MiB + 4 KiB')
    assert(releaseTag.length === releaseTagBytes, 'a release tag has 16 bytes')
    const length = pageCountOf(sealed.length) * pageBytes - ciphertextStart - aeadTagBytes
    const plaintext =
      length <= scratchBytes ? this.#scratch.subarray(0, length) : new Uint8Array(length)
    plaintext.set(releaseTag)
    const at = releaseTagBytes
    new DataView(plaintext.buffer, plaintext.byteOffset).setUint32(at, sealed.length)
    plaintext.set(sealed, bodyStart)
    plaintext.fill(0, bodyStart + sealed.length)
    const nonce = this.#random.bytes(aeadNonceBytes)
    const associated = associatedOf(block, this.keyEpoch)
    const key = this.#keys.get(this.keyEpoch)
    assert(key !== undefined, 'the newest key is there')
    const { ciphertext, tag } = this.#crypto.seal({ key, nonce, plaintext, associated })
    return [fileHead, nonce, ciphertext, tag]
  }

  /** What a file holds, without a copy; undefined when it was not written for this block. */
  open(fields: BlockKey & { readonly keyEpoch: number }, file: Uint8Array): BlockCopy | undefined {
    const key = this.#keys.get(fields.keyEpoch)
    if (key === undefined || file.length < fileOverheadBytes) return undefined
    if (fileHead.some((byte, index) => file[index] !== byte)) return undefined
    const tagStart = file.length - aeadTagBytes
    const plaintext = this.#crypto.open({
      key,
      nonce: file.subarray(nonceStart, ciphertextStart),
      ciphertext: file.subarray(ciphertextStart, tagStart),
      tag: file.subarray(tagStart),
      associated: associatedOf(fields, fields.keyEpoch),
    })
    if (plaintext === undefined) return undefined
    const view = new DataView(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength)
    const length = view.getUint32(releaseTagBytes)
    if (length > plaintext.length - bodyStart) return undefined
    return {
      sealed: plaintext.subarray(bodyStart, bodyStart + length),
      // A copy: whoever keeps the tag must not keep the block alive.
      releaseTag: plaintext.slice(0, releaseTagBytes),
    }
  }
}

const associatedOf = ({ id, version, hash }: BlockKey, keyEpoch: number): Uint8Array =>
  new Writer(128)
    .fixed(domainPrefix(domains.blockOuter))
    .fixed(fileHead)
    .hex(id)
    .u64(version)
    .u32(keyEpoch)
    .hex(hash)
    .finish()
