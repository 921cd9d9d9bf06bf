/** The first encryption: a block sealed by its writer, before it leaves the Processor (C53). */
import { toHex } from '../../base/bytes.ts'
import { Writer } from '../../base/codec.ts'
import { domainPrefix, domains } from '../../base/domains.ts'
import { type BlockId, type Digest, digestOf } from '../../base/ids.ts'
import type { AeadKey, Crypto } from '../../ports/crypto.ts'
import type { SealPorts } from './interface.ts'
import { openBytes, sealBytes } from './seal.ts'

/** Which version of which block, and by which epoch of its object's content key it is sealed. */
export type BlockSeal = {
  /** The content key of `keyEpoch`: unique to the object, so the object needs no mention. */
  readonly key: AeadKey
  readonly id: BlockId
  readonly version: number
  readonly keyEpoch: number
}

const associatedOf = ({ id, version, keyEpoch }: BlockSeal): Uint8Array =>
  new Writer(64).fixed(domainPrefix(domains.blockInner)).hex(id).u64(version).u32(keyEpoch).finish()

/**
 * Seal one version of a block: the bytes that holders keep. A retry must send the same bytes again.
 *
 * @throws KeyError `keys/exhausted`
 */
export const sealBlock = (
  ports: SealPorts,
  block: BlockSeal & { readonly plain: Uint8Array },
): Uint8Array =>
  sealBytes(ports, { key: block.key, plain: block.plain, associated: associatedOf(block) })

/** The plain bytes; undefined when key, id, version, epoch or bytes do not fit together. */
export const openBlock = (
  crypto: Crypto,
  block: BlockSeal & { readonly sealed: Uint8Array },
): Uint8Array | undefined =>
  openBytes(crypto, { key: block.key, sealed: block.sealed, associated: associatedOf(block) })

/** SHA-256 of the sealed bytes: the block's content hash in its name, receipts and references. */
export const contentHash = (crypto: Crypto, sealed: Uint8Array): Digest =>
  digestOf(toHex(crypto.sha256(sealed)))
