/**
 * Crypto for whole worlds in many seeds: hashes and seals are real, because what they do to bytes
 * is part of what is simulated; signatures and the password hash are stand-ins, because they are
 * most of the cost and their strength is not what a simulation can test.
 */
import type { Crypto } from '../ports/crypto.ts'
import { fakeSigning } from './consensus-crypto.ts'

/**
 * `crypto` with quick signatures and a quick password hash. Keys are good within one such object.
 */
export function quickCrypto(crypto: Crypto): Crypto {
  return {
    ...fakeSigning(crypto),
    argon2id: async ({ password, salt, length }) =>
      crypto.hkdfSha256({ key: password, salt, info: new Uint8Array(0), length }),
  }
}
