/**
 * Signatures for thousands of seeds: as unforgeable inside one simulated world as real ones are
 * outside, at a tenth of the cost. A signature is a hash over the secret seed and the message;
 * whoever verifies looks the seed up by the public key, which nobody but this object can.
 */
import { equalBytes, toHex, utf8 } from '../base/bytes.ts'
import type { Crypto } from '../ports/crypto.ts'

const label = utf8('simulated key')

/** `crypto` with simulated signatures, all else real. Keys are good within one such object. */
export function fakeSigning(crypto: Crypto): Crypto {
  const seeds = new Map<string, Uint8Array>()
  const signatureOf = (seed: Uint8Array, message: Uint8Array): Uint8Array => {
    const signature = new Uint8Array(64)
    signature.set(crypto.sha256(seed, message), 0)
    return signature
  }
  return {
    ...crypto,
    signKeyPair: (seed) => {
      const publicKey = crypto.sha256(label, seed)
      seeds.set(toHex(publicKey), seed.slice())
      const secretKey = new Uint8Array(64)
      secretKey.set(seed, 0)
      secretKey.set(publicKey, 32)
      return { publicKey, secretKey }
    },
    sign: (secretKey, message) => signatureOf(secretKey.subarray(0, 32), message),
    verify: (publicKey, message, signature) => {
      const seed = seeds.get(toHex(publicKey))
      return seed !== undefined && equalBytes(signatureOf(seed, message), signature)
    },
  }
}
