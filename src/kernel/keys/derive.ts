/** Keys from keys: HKDF-SHA-256 with a domain string, so that no two purposes share a key. */
import { emptyBytes } from '../../base/bytes.ts'
import { type Domain, separated } from '../../base/domains.ts'
import { aeadKeyBytes, type Crypto } from '../../ports/crypto.ts'

/** 32 bytes from `secret` for the purpose that `domain` (and `context`, public) names. */
export const deriveKey = (
  crypto: Crypto,
  input: {
    readonly secret: Uint8Array
    readonly domain: Domain
    readonly salt?: Uint8Array
    readonly context?: Uint8Array
  },
): Uint8Array =>
  crypto.hkdfSha256({
    key: input.secret,
    salt: input.salt ?? emptyBytes,
    info: separated(input.domain, input.context ?? emptyBytes),
    length: aeadKeyBytes,
  })
