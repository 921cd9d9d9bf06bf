/**
 * The crypto port against the vectors of C2SP/wycheproof. Each file's counts are asserted, so that
 * a vector that is silently skipped fails the test. "Not applicable" are parameters that the port
 * does not have: it takes AES keys of 256 bits, nonces of 96 and tags of 128 only.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import sodium from 'sodium-native'
import { createNodeCrypto } from '../../src/adapters/node-crypto.ts'
import { AssertionError } from '../../src/base/assert.ts'
import { fromHex, toHex } from '../../src/base/bytes.ts'

type Vector = {
  readonly tcId: number
  readonly comment: string
  readonly flags: readonly string[]
  readonly result: 'valid' | 'invalid' | 'acceptable'
  readonly [field: string]: unknown
}
type Group = { readonly tests: readonly Vector[]; readonly [field: string]: unknown }

const crypto = createNodeCrypto()

function groupsOf(file: string): readonly Group[] {
  const url = new URL(`./vectors/${file}_test.json`, import.meta.url)
  const parsed = JSON.parse(readFileSync(url, 'utf8')) as {
    readonly numberOfTests: number
    readonly testGroups: readonly Group[]
  }
  const testCount = parsed.testGroups.reduce((count, { tests }) => count + tests.length, 0)
  assert.equal(testCount, parsed.numberOfTests, `${file}: the file is whole`)
  return parsed.testGroups
}

const bytesOf = (vector: Vector, field: string): Uint8Array => fromHex(String(vector[field]))
const numberOf = (holder: Vector | Group, field: string): number => Number(holder[field])

/** Run every vector that `applies`; `passes` says whether our answer is what the vector wants. */
function run(
  file: string,
  applies: (group: Group) => boolean,
  passes: (vector: Vector, group: Group) => boolean,
): { ranCount: number; notApplicableCount: number } {
  let ranCount = 0
  let notApplicableCount = 0
  for (const group of groupsOf(file))
    for (const vector of group.tests) {
      if (!applies(group)) notApplicableCount++
      else {
        ranCount++
        const { tcId, comment, result, flags } = vector
        assert.ok(passes(vector, group), `${file} ${tcId} (${comment}; ${flags}): is ${result}`)
      }
    }
  return { ranCount, notApplicableCount }
}

test('C69: wycheproof: AES-256-GCM seals to the known bytes and opens nothing else', () => {
  const counts = run(
    'aes_gcm',
    (group) => numberOf(group, 'keySize') === 256 && numberOf(group, 'ivSize') === 96,
    (vector) => {
      const key = crypto.aeadKey(bytesOf(vector, 'key'))
      const given = { key, nonce: bytesOf(vector, 'iv'), associated: bytesOf(vector, 'aad') }
      const opened = crypto.open({
        ...given,
        ciphertext: bytesOf(vector, 'ct'),
        tag: bytesOf(vector, 'tag'),
      })
      const sealed = crypto.seal({ ...given, plaintext: bytesOf(vector, 'msg') })
      const sameTag = toHex(sealed.tag) === vector.tag
      if (vector.result === 'invalid') return opened === undefined && !sameTag
      assert.equal(toHex(sealed.ciphertext), vector.ct)
      return sameTag && opened !== undefined && toHex(opened) === vector.msg
    },
  )
  assert.deepEqual(counts, { ranCount: 66, notApplicableCount: 250 })
})

test('C69: wycheproof: AES-GCM keys and nonces of other lengths do not get in', () => {
  let refusedCount = 0
  for (const group of groupsOf('aes_gcm'))
    for (const vector of group.tests) {
      const raw = bytesOf(vector, 'key')
      const nonce = bytesOf(vector, 'iv')
      if (raw.length === 32 && nonce.length === 12) continue
      refusedCount++
      if (raw.length !== 32) {
        assert.throws(() => crypto.aeadKey(raw), AssertionError)
        continue
      }
      const key = crypto.aeadKey(raw)
      const [ciphertext, tag] = [bytesOf(vector, 'ct'), bytesOf(vector, 'tag')]
      const associated = bytesOf(vector, 'aad')
      assert.equal(crypto.open({ key, nonce, ciphertext, tag, associated }), undefined)
    }
  assert.equal(refusedCount, 250)
})

test('C69: wycheproof: Ed25519 verifies exactly the valid signatures', () => {
  const counts = run(
    'ed25519',
    () => true,
    (vector, group) => {
      const { pk } = group.publicKey as { readonly pk: string }
      const [message, signature] = [bytesOf(vector, 'msg'), bytesOf(vector, 'sig')]
      return crypto.verify(fromHex(pk), message, signature) === (vector.result === 'valid')
    },
  )
  assert.deepEqual(counts, { ranCount: 151, notApplicableCount: 0 })
})

test('C69: wycheproof: X25519 computes the known secrets and none that is all zero', () => {
  const zero = '00'.repeat(32)
  let refusedCount = 0
  const counts = run(
    'x25519',
    () => true,
    (vector) => {
      const { secretKey } = crypto.boxKeyPair(bytesOf(vector, 'private'))
      const shared = crypto.sharedSecret(secretKey, bytesOf(vector, 'public'))
      if (shared === undefined) {
        refusedCount++
        assert.equal(vector.result, 'acceptable')
        return vector.shared === zero
      }
      return toHex(shared) === vector.shared && vector.shared !== zero
    },
  )
  assert.deepEqual(counts, { ranCount: 518, notApplicableCount: 0 })
  assert.equal(refusedCount, 31)
})

test('C69: wycheproof: HKDF-SHA-256 derives the known bytes and refuses more than 8,160', () => {
  let refusedCount = 0
  const counts = run(
    'hkdf_sha256',
    () => true,
    (vector) => {
      const input = {
        key: bytesOf(vector, 'ikm'),
        salt: bytesOf(vector, 'salt'),
        info: bytesOf(vector, 'info'),
        length: numberOf(vector, 'size'),
      }
      if (vector.result === 'valid') return toHex(crypto.hkdfSha256(input)) === vector.okm
      refusedCount++
      assert.throws(() => crypto.hkdfSha256(input), AssertionError)
      return true
    },
  )
  assert.deepEqual(counts, { ranCount: 86, notApplicableCount: 0 })
  assert.equal(refusedCount, 3)
})

test('C69: wycheproof: HMAC-SHA-256 gives the known tags, cut ones as a prefix', () => {
  const counts = run(
    'hmac_sha256',
    () => true,
    (vector, group) => {
      const mac = crypto.hmacSha256(bytesOf(vector, 'key'), bytesOf(vector, 'msg'))
      const cut = mac.subarray(0, numberOf(group, 'tagSize') / 8)
      return crypto.equal(cut, bytesOf(vector, 'tag')) === (vector.result === 'valid')
    },
  )
  assert.deepEqual(counts, { ranCount: 174, notApplicableCount: 0 })
})

/**
 * ChaCha20-Poly1305 is not part of the crypto port. The handshake package uses it through the
 * binding of libsodium that is tested here.
 */
test('C69: wycheproof: ChaCha20-Poly1305 of libsodium, as the handshake package calls it', () => {
  const seal = (vector: Vector, message: Uint8Array): Uint8Array => {
    const sealed = new Uint8Array(message.length + 16)
    const [associated, nonce] = [bytesOf(vector, 'aad'), bytesOf(vector, 'iv')]
    const key = bytesOf(vector, 'key')
    sodium.crypto_aead_chacha20poly1305_ietf_encrypt(sealed, message, associated, null, nonce, key)
    return sealed
  }
  const open = (vector: Vector, sealed: Uint8Array): Uint8Array | undefined => {
    const message = new Uint8Array(sealed.length - 16)
    const [associated, nonce] = [bytesOf(vector, 'aad'), bytesOf(vector, 'iv')]
    const key = bytesOf(vector, 'key')
    try {
      sodium.crypto_aead_chacha20poly1305_ietf_decrypt(
        message,
        null,
        sealed,
        associated,
        nonce,
        key,
      )
      return message
    } catch {
      return undefined
    }
  }
  const counts = run(
    'chacha20_poly1305',
    (group) => numberOf(group, 'ivSize') === 96,
    (vector) => {
      const sealed = fromHex(`${vector.ct}${vector.tag}`)
      const opened = open(vector, sealed)
      if (vector.result === 'invalid') return opened === undefined
      assert.equal(toHex(seal(vector, bytesOf(vector, 'msg'))), toHex(sealed))
      return opened !== undefined && toHex(opened) === vector.msg
    },
  )
  assert.deepEqual(counts, { ranCount: 316, notApplicableCount: 9 })
})
