/**
 * Vetted primitives, synchronous (order stays the caller's), but for the password hash.
 * The adapters use `node:crypto` (OpenSSL) and `sodium-native` (libsodium); nothing is home-made.
 */

/** An AES-256 key, held by the adapter so that it is expanded once. Opaque; cannot be read back. */
export type AeadKey = { readonly brand: 'AeadKey' }

export type KeyPair = {
  readonly publicKey: Uint8Array
  readonly secretKey: Uint8Array
}

/** Where to write sealed or opened bytes without an extra copy. */
export type SealedParts = {
  readonly ciphertext: Uint8Array
  readonly tag: Uint8Array
}

export const aeadKeyBytes = 32
export const aeadNonceBytes = 12
export const aeadTagBytes = 16
export const signatureBytes = 64
export const signSeedBytes = 32

/** A hash under way. */
export interface Sha256Stream {
  /** Takes the bytes in at once: the caller may reuse their memory. */
  update(bytes: Uint8Array): void
  /** 32 bytes; the stream is over then. */
  digest(): Uint8Array
}

export interface Crypto {
  /** SHA-256 over the parts as if joined; 32 bytes. */
  sha256(...parts: readonly Uint8Array[]): Uint8Array

  /** SHA-256 of what comes in pieces. */
  sha256Stream(): Sha256Stream

  /** HMAC-SHA-256; 32 bytes. */
  hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array

  /** HKDF-SHA-256 (RFC 5869), `length` ≤ 8,160 bytes. */
  hkdfSha256(input: {
    readonly key: Uint8Array
    readonly salt: Uint8Array
    readonly info: Uint8Array
    readonly length: number
  }): Uint8Array

  /** Constant-time equality; false at once when the lengths differ. */
  equal(a: Uint8Array, b: Uint8Array): boolean

  /** Take 32 raw bytes as an AES-256-GCM key. The adapter copies; the caller may wipe its own. */
  aeadKey(raw: Uint8Array): AeadKey

  /** AES-256-GCM. A nonce of 12 bytes must never be used twice with one key. */
  seal(input: {
    readonly key: AeadKey
    readonly nonce: Uint8Array
    readonly plaintext: Uint8Array
    readonly associated: Uint8Array
  }): SealedParts

  /** The plaintext, or undefined when key, nonce, associated data, ciphertext or tag do not fit. */
  open(input: {
    readonly key: AeadKey
    readonly nonce: Uint8Array
    readonly ciphertext: Uint8Array
    readonly tag: Uint8Array
    readonly associated: Uint8Array
  }): Uint8Array | undefined

  /** Ed25519 (RFC 8032) from a seed of 32 bytes. The secret key is 64 bytes (seed, public key). */
  signKeyPair(seed: Uint8Array): KeyPair

  /** Ed25519 signature, 64 bytes, deterministic. Sign a digest of anything long. */
  sign(secretKey: Uint8Array, message: Uint8Array): Uint8Array

  /** False for any key, signature or message that does not fit, whatever their lengths. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean

  /** X25519 (RFC 7748) from a secret of 32 bytes. */
  boxKeyPair(secret: Uint8Array): KeyPair

  /** X25519 shared secret, 32 bytes; undefined where it would be all zero (a low-order point). */
  sharedSecret(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined

  /** Argon2id, version 1.3, one lane; off the event loop. */
  argon2id(input: {
    readonly password: Uint8Array
    readonly salt: Uint8Array
    readonly memoryKib: number
    readonly passes: number
    readonly length: number
  }): Promise<Uint8Array>
}
