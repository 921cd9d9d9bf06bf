/**
 * Sealing: AES-256-GCM with a fresh random nonce, as one byte string.
 *
 *   sealed = nonce (12) ‖ ciphertext ‖ tag (16)
 *
 * The nonce is drawn anew each time and stored, because counters are lost with a process and shared
 * by nobody. The price is a bound on how often a key may seal (limits.ts), which is counted here.
 * What the bytes are for stands in the associated data, which always begin with a domain string:
 * a delta never opens as a block, nor one object's name as another's.
 */
import { assert } from '../../base/assert.ts'
import { discard } from '../../base/bytes.ts'
import {
  type AeadKey,
  aeadKeyBytes,
  aeadNonceBytes,
  aeadTagBytes,
  type Crypto,
} from '../../ports/crypto.ts'
import { KeyCode, KeyError } from './errors.ts'
import type { SealPorts } from './interface.ts'
import { sealingsPerKeyMax, sealOverheadBytes } from './limits.ts'

/** Sealings of this process by key. Gone with the key: nothing is held here. */
const sealings = new WeakMap<AeadKey, number>()

/** How often this process has sealed with `key` since it was unwrapped. */
export const sealingsOf = (key: AeadKey): number => sealings.get(key) ?? 0

/**
 * Count one more use of `key`: for who calls the crypto port directly, `sealBytes` does it itself.
 *
 * @throws KeyError `keys/exhausted`: nothing was sealed.
 */
export function countSealing(key: AeadKey, countMax: number = sealingsPerKeyMax): void {
  const count = sealingsOf(key)
  if (count >= countMax) {
    const message = `a key has sealed ${count} times and must be replaced`
    throw new KeyError(KeyCode.Exhausted, message, { countMax })
  }
  sealings.set(key, count + 1)
}

/** 32 fresh bytes for a key. */
export function freshKey({ random }: SealPorts): Uint8Array {
  const raw = random.bytes(aeadKeyBytes)
  assert(raw.length === aeadKeyBytes, 'as many random bytes as were asked for')
  return raw
}

/** Length of what `sealBytes` makes of `plainBytes`. */
export const sealedBytesOf = (plainBytes: number): number => plainBytes + sealOverheadBytes

/**
 * Seal `plain`: one copy, into the array that is returned. `head` goes before the nonce in clear;
 * put it into `associated` too.
 *
 * @throws KeyError `keys/exhausted`
 */
export function sealBytes(
  { crypto, random }: SealPorts,
  input: {
    readonly key: AeadKey
    readonly plain: Uint8Array
    readonly associated: Uint8Array
    readonly head?: Uint8Array
  },
): Uint8Array {
  const { key, plain, associated, head } = input
  countSealing(key)
  const nonce = random.bytes(aeadNonceBytes)
  const { ciphertext, tag } = crypto.seal({ key, nonce, plaintext: plain, associated })
  const nonceAt = head?.length ?? 0
  const sealed = new Uint8Array(nonceAt + sealedBytesOf(plain.length))
  if (head !== undefined) sealed.set(head, 0)
  sealed.set(nonce, nonceAt)
  sealed.set(ciphertext, nonceAt + aeadNonceBytes)
  sealed.set(tag, nonceAt + aeadNonceBytes + ciphertext.length)
  discard(ciphertext)
  return sealed
}

/** What `sealBytes` sealed, without its head; undefined for anything else. Copies no input. */
export function openBytes(
  crypto: Crypto,
  input: {
    readonly key: AeadKey
    readonly sealed: Uint8Array
    readonly associated: Uint8Array
  },
): Uint8Array | undefined {
  const { key, sealed, associated } = input
  if (sealed.length < sealOverheadBytes) return undefined
  const tagAt = sealed.length - aeadTagBytes
  return crypto.open({
    key,
    nonce: sealed.subarray(0, aeadNonceBytes),
    ciphertext: sealed.subarray(aeadNonceBytes, tagAt),
    tag: sealed.subarray(tagAt),
    associated,
  })
}
