/**
 * Release tags: who holds an object's keys can later allow its blocks to be deleted, nobody else.
 * The tag goes with the block to its holders and links nothing; the secret behind it is computed
 * from the exact version and hash, so that the release of one version never frees another.
 * PROTOCOL 1.2(e).
 */
import { Writer } from '../../base/codec.ts'
import { domainPrefix, domains } from '../../base/domains.ts'
import type { BlockId, Digest } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { ObjectKeys } from './interface.ts'
import { releaseTagBytes } from './limits.ts'

export type ReleasedBlock = {
  readonly id: BlockId
  readonly version: number
  readonly hash: Digest
}

/** HMAC under the release key: 32 bytes. Reveal it only to have the block deleted. */
export function releaseSecretOf(
  crypto: Crypto,
  keys: Pick<ObjectKeys, 'releaseKey'>,
  block: ReleasedBlock,
): Uint8Array {
  const message = new Writer(96).fixed(domainPrefix(domains.releaseSecret)).hex(block.id)
  return crypto.hmacSha256(keys.releaseKey, message.u64(block.version).hex(block.hash).finish())
}

const tagOfSecret = (crypto: Crypto, secret: Uint8Array): Uint8Array =>
  crypto.sha256(domainPrefix(domains.releaseTag), secret).slice(0, releaseTagBytes)

/** The tag that goes with the block: 16 bytes. */
export const releaseTagOf = (
  crypto: Crypto,
  keys: Pick<ObjectKeys, 'releaseKey'>,
  block: ReleasedBlock,
): Uint8Array => tagOfSecret(crypto, releaseSecretOf(crypto, keys, block))

/** Whether a revealed secret is the one behind a tag. */
export const isReleaseSecret = (
  crypto: Crypto,
  revealed: { readonly secret: Uint8Array; readonly tag: Uint8Array },
): boolean => crypto.equal(tagOfSecret(crypto, revealed.secret), revealed.tag)
