/**
 * The crypto port on OpenSSL (`node:crypto`: SHA-256, HMAC, HKDF, AES-256-GCM) and libsodium
 * (`sodium-native`: Ed25519, X25519, Argon2id). Ed25519 there costs half of what it costs in
 * OpenSSL, and its verification refuses small-order keys and non-canonical scalars and points.
 * Nothing is composed here: each method hands its arguments to one vetted primitive.
 *
 * Results are plain `Uint8Array`s over memory of their own. A `Buffer` must not leave: its `slice`
 * shares memory where that of a `Uint8Array` copies, and strict equality tells the two apart.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  hash,
  hkdfSync,
  KeyObject,
  timingSafeEqual,
} from 'node:crypto'
import sodium from 'sodium-native'
import { assert } from '../base/assert.ts'
import {
  type AeadKey,
  aeadKeyBytes,
  aeadNonceBytes,
  aeadTagBytes,
  type Crypto,
  type Sha256Stream,
  signatureBytes,
  signSeedBytes,
} from '../ports/crypto.ts'

const aeadName = 'aes-256-gcm'
const aeadOptions = { authTagLength: aeadTagBytes }
const publicKeyBytes = 32
const signSecretKeyBytes = 64
const boxKeyBytes = 32
/** 255 blocks of SHA-256 (RFC 5869). */
const hkdfBytesMax = 255 * 32
/** OpenSSL's own bound on `info`. */
const hkdfInfoBytesMax = 1024

const plain = (buffer: Uint8Array): Uint8Array =>
  new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.byteLength)

/** Short parts are joined here: copying them is cheaper than the allocation of a hash object. */
const joined = new Uint8Array(512)

/** The parts as one, without a fresh copy; undefined when they are too long to be copied. */
function oneOf(parts: readonly Uint8Array[]): Uint8Array | undefined {
  if (parts.length === 1) return parts[0]
  let length = 0
  for (const part of parts) {
    if (length + part.length > joined.length) return undefined
    joined.set(part, length)
    length += part.length
  }
  return joined.subarray(0, length)
}

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const one = oneOf(parts)
  if (one !== undefined) return plain(hash('sha256', one, 'buffer'))
  const state = createHash('sha256')
  for (const part of parts) state.update(part)
  return plain(state.digest())
}

function sha256Stream(): Sha256Stream {
  const state = createHash('sha256')
  return {
    update: (bytes) => {
      state.update(bytes)
    },
    digest: () => plain(state.digest()),
  }
}

function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  // Given raw bytes, OpenSSL's binding takes three times as long over the same key.
  const state = createHmac('sha256', createSecretKey(key))
  for (const part of parts) state.update(part)
  return plain(state.digest())
}

const hkdfSha256: Crypto['hkdfSha256'] = ({ key, salt, info, length }) => {
  assert(length >= 1 && length <= hkdfBytesMax, 'HKDF-SHA-256 gives 1 to 8,160 bytes')
  assert(info.length <= hkdfInfoBytesMax, 'info of HKDF is at most 1,024 bytes')
  return new Uint8Array(hkdfSync('sha256', key, salt, info, length))
}

/** The opaque key of the port is a `KeyObject`: OpenSSL's form, made once, wiped when collected. */
function aeadKey(raw: Uint8Array): AeadKey {
  assert(raw.length === aeadKeyBytes, 'an AES-256 key has 32 bytes')
  return createSecretKey(raw) as unknown as AeadKey
}

function keyObjectOf(key: AeadKey): KeyObject {
  assert(key instanceof KeyObject, 'a key of this adapter')
  return key
}

const seal: Crypto['seal'] = ({ key, nonce, plaintext, associated }) => {
  assert(nonce.length === aeadNonceBytes, 'a nonce of AES-GCM has 12 bytes')
  const cipher = createCipheriv(aeadName, keyObjectOf(key), nonce, aeadOptions)
  cipher.setAAD(associated)
  const ciphertext = cipher.update(plaintext)
  cipher.final()
  return { ciphertext: plain(ciphertext), tag: plain(cipher.getAuthTag()) }
}

const open: Crypto['open'] = ({ key, nonce, ciphertext, tag, associated }) => {
  if (nonce.length !== aeadNonceBytes || tag.length !== aeadTagBytes) return undefined
  const decipher = createDecipheriv(aeadName, keyObjectOf(key), nonce, aeadOptions)
  decipher.setAAD(associated)
  decipher.setAuthTag(tag)
  const plaintext = decipher.update(ciphertext)
  try {
    decipher.final()
  } catch {
    // The only way in which `final` of GCM fails: the tag does not fit.
    return undefined
  }
  return plain(plaintext)
}

const signKeyPair: Crypto['signKeyPair'] = (seed) => {
  assert(seed.length === signSeedBytes, 'a seed of Ed25519 has 32 bytes')
  const pair = {
    publicKey: new Uint8Array(publicKeyBytes),
    secretKey: new Uint8Array(signSecretKeyBytes),
  }
  sodium.crypto_sign_seed_keypair(pair.publicKey, pair.secretKey, seed)
  return pair
}

const sign: Crypto['sign'] = (secretKey, message) => {
  assert(secretKey.length === signSecretKeyBytes, 'a secret key of Ed25519 has 64 bytes')
  const signature = new Uint8Array(signatureBytes)
  sodium.crypto_sign_detached(signature, message, secretKey)
  return signature
}

const verify: Crypto['verify'] = (publicKey, message, signature) =>
  publicKey.length === publicKeyBytes &&
  signature.length === signatureBytes &&
  sodium.crypto_sign_verify_detached(signature, message, publicKey)

const boxKeyPair: Crypto['boxKeyPair'] = (secret) => {
  assert(secret.length === boxKeyBytes, 'a secret of X25519 has 32 bytes')
  const pair = { publicKey: new Uint8Array(boxKeyBytes), secretKey: secret.slice() }
  sodium.crypto_scalarmult_base(pair.publicKey, pair.secretKey)
  return pair
}

const sharedSecret: Crypto['sharedSecret'] = (secretKey, publicKey) => {
  assert(secretKey.length === boxKeyBytes, 'a secret of X25519 has 32 bytes')
  if (publicKey.length !== boxKeyBytes) return undefined
  const shared = new Uint8Array(boxKeyBytes)
  try {
    sodium.crypto_scalarmult(shared, secretKey, publicKey)
  } catch {
    // With the lengths as checked, the one failure is a low-order point.
    return undefined
  }
  return shared
}

/** In libuv's thread pool. The salt has 16 bytes, the result 16 or more (libsodium's bounds). */
const argon2id: Crypto['argon2id'] = async ({ password, salt, memoryKib, passes, length }) => {
  assert(salt.length === sodium.crypto_pwhash_SALTBYTES, 'a salt of Argon2id has 16 bytes')
  assert(length >= sodium.crypto_pwhash_BYTES_MIN, 'Argon2id gives 16 bytes or more')
  const out = new Uint8Array(length)
  const algorithm = sodium.crypto_pwhash_ALG_ARGON2ID13
  await sodium.crypto_pwhash_async(out, password, salt, passes, memoryKib * 1024, algorithm)
  return out
}

/** The vetted primitives of this machine. Stateless: one for the process is enough. */
export function createNodeCrypto(): Crypto {
  return {
    sha256,
    sha256Stream,
    hmacSha256,
    hkdfSha256,
    equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),
    aeadKey,
    seal,
    open,
    signKeyPair,
    sign,
    verify,
    boxKeyPair,
    sharedSecret,
    argon2id,
  }
}
