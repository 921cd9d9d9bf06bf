/**
 * Request ids: keyed hashes of an application's Idempotency-Key, and of what it asks under it, so
 * that a retry through another Processor is known for one, another request is not taken for one,
 * and members learn nothing of either. The section keeps them by user: so all full tokens of a
 * user, and the user, make the same ones. PROTOCOL 2.9.
 */
import { toHex, utf8 } from '../../base/bytes.ts'
import { domains } from '../../base/domains.ts'
import type { Digest } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { deriveKey, type PrincipalKeys } from '../keys/index.ts'

/** From the owner's wrap key where it is held, else from the principal's own. 32 bytes. */
export function requestKeyOf(crypto: Crypto, keys: PrincipalKeys): Uint8Array {
  const wrap = keys.wraps.find(({ principal }) => principal === keys.owner) ?? keys.wraps[0]
  const secret = wrap?.pair.secretKey ?? keys.sign.secretKey
  return deriveKey(crypto, { secret, domain: domains.requestId })
}

export const requestIdOf = (crypto: Crypto, requestKey: Uint8Array, text: string): Digest =>
  toHex(crypto.hmacSha256(requestKey, utf8(text))) as Digest
