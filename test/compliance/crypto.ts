import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AssertionError } from '../../src/base/assert.ts'
import { concat, fromHex, toHex, utf8 } from '../../src/base/bytes.ts'
import type { Crypto } from '../../src/ports/crypto.ts'

export type CryptoSubject = {
  readonly name: string
  /** The crypto, and how to wait for what it does aside. */
  readonly open: () => {
    crypto: Crypto
    settled: <Value>(promise: Promise<Value>) => Promise<Value>
  }
}

const nothing = new Uint8Array(0)
const bytes = (count: number, first = 0): Uint8Array =>
  Uint8Array.from({ length: count }, (_, index) => (first + index * 7) & 0xff)

const flipped = (original: Uint8Array, index: number): Uint8Array => {
  const changed = original.slice()
  changed[index] = (changed[index] ?? 0) ^ 0x80
  return changed
}

/** A plain array over memory of its own, with what `expected` says (hexadecimal). */
function same(actual: Uint8Array | undefined, expected: string): void {
  assert.ok(actual)
  assert.equal(Object.getPrototypeOf(actual), Uint8Array.prototype)
  assert.equal(toHex(actual), expected)
}

function testHashes({ name, open }: CryptoSubject): void {
  const { crypto } = open()
  test(`${name}: SHA-256 gives the known answers (FIPS 180-4), however the input is cut`, () => {
    const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    same(crypto.sha256(), empty)
    same(crypto.sha256(nothing), empty)
    same(crypto.sha256(nothing, nothing), empty)
    same(crypto.sha256(utf8('abc')), abc)
    same(crypto.sha256(utf8('a'), nothing, utf8('bc')), abc)
    const long = bytes(100_003)
    const parts = [long.subarray(0, 64), long.subarray(64, 65), long.subarray(65)]
    assert.deepEqual(crypto.sha256(...parts), crypto.sha256(long))
  })

  test(`${name}: SHA-256 of a stream is that of its pieces joined, each taken in at once`, () => {
    const long = bytes(100_003)
    const hash = crypto.sha256Stream()
    const beside = crypto.sha256Stream()
    for (const [from, to] of [
      [0, 1],
      [1, 1],
      [1, 70_000],
      [70_000, 100_003],
    ]) {
      const piece = long.slice(from, to)
      hash.update(piece)
      piece.fill(0)
    }
    same(hash.digest(), toHex(crypto.sha256(long)))
    same(beside.digest(), toHex(crypto.sha256()))
  })

  test(`${name}: results of one call do not change with the next`, () => {
    const first = crypto.sha256(utf8('a'))
    const copy = first.slice()
    crypto.sha256(utf8('b'))
    assert.deepEqual(first, copy)
    first.fill(0)
    assert.deepEqual(crypto.sha256(utf8('a')), copy)
  })

  test(`${name}: HMAC-SHA-256 and HKDF-SHA-256 give the known answers (RFC 4231, RFC 5869)`, () => {
    const mac = 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'
    same(crypto.hmacSha256(new Uint8Array(20).fill(0x0b), utf8('Hi'), utf8(' There')), mac)
    const longKey = new Uint8Array(131).fill(0xaa)
    const message = utf8('Test Using Larger Than Block-Size Key - Hash Key First')
    const longMac = '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54'
    same(crypto.hmacSha256(longKey, message), longMac)
    const okm =
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865'
    const key = new Uint8Array(22).fill(0x0b)
    const salt = fromHex('000102030405060708090a0b0c')
    same(crypto.hkdfSha256({ key, salt, info: fromHex('f0f1f2f3f4f5f6f7f8f9'), length: 42 }), okm)
    for (const length of [0, 8_161])
      assert.throws(() => crypto.hkdfSha256({ key, salt, info: nothing, length }), AssertionError)
  })

  test(`${name}: equal compares contents; other lengths are never equal`, () => {
    assert.equal(crypto.equal(bytes(32), bytes(32)), true)
    assert.equal(crypto.equal(bytes(32), flipped(bytes(32), 31)), false)
    assert.equal(crypto.equal(bytes(32), bytes(31)), false)
    assert.equal(crypto.equal(nothing, nothing), true)
    const shifted = concat([Uint8Array.of(9), bytes(32)]).subarray(1)
    assert.equal(crypto.equal(shifted, bytes(32)), true)
  })
}

function testSealing({ name, open }: CryptoSubject): void {
  const { crypto } = open()
  const nonce = bytes(12)
  const associated = utf8('id, version, epoch')

  test(`${name}: AES-256-GCM gives the known answer (McGrew and Viega, test case 16)`, () => {
    const key = crypto.aeadKey(
      fromHex('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308'),
    )
    const plaintext = fromHex(
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72' +
        '1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    )
    const sealed = crypto.seal({
      key,
      nonce: fromHex('cafebabefacedbaddecaf888'),
      plaintext,
      associated: fromHex('feedfacedeadbeeffeedfacedeadbeefabaddad2'),
    })
    same(
      sealed.ciphertext,
      '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa' +
        '8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662',
    )
    same(sealed.tag, '76fc6ece0f4e1768cddf8853bb2d551b')
  })

  test(`${name}: what was sealed opens, for every length, and into memory of its own`, () => {
    const key = crypto.aeadKey(bytes(32))
    for (const length of [0, 1, 15, 16, 17, 4_096, 65_536, 100_001]) {
      const plaintext = bytes(length, 3)
      const sealed = crypto.seal({ key, nonce, plaintext, associated })
      assert.equal(sealed.ciphertext.length, length)
      assert.equal(sealed.tag.length, 16)
      same(crypto.open({ key, nonce, ...sealed, associated }), toHex(plaintext))
    }
  })

  test(`${name}: open refuses any change and any other key, nonce, length or associated data`, () => {
    const key = crypto.aeadKey(bytes(32))
    const sealed = crypto.seal({ key, nonce, plaintext: bytes(40), associated })
    const right = { key, nonce, ...sealed, associated }
    const { ciphertext, tag } = sealed
    const wrongs = [
      ...Array.from(ciphertext, (_, index) => ({ ciphertext: flipped(ciphertext, index) })),
      ...Array.from(tag, (_, index) => ({ tag: flipped(tag, index) })),
      ...Array.from(nonce, (_, index) => ({ nonce: flipped(nonce, index) })),
      { key: crypto.aeadKey(bytes(32, 1)) },
      { associated: nothing },
      { associated: flipped(associated, 0) },
      { ciphertext: nothing },
      { ciphertext: ciphertext.subarray(1) },
      { tag: nothing },
      { tag: tag.subarray(0, 12) },
      { tag: concat([tag, tag]) },
      { nonce: nothing },
      { nonce: bytes(16) },
    ]
    for (const wrong of wrongs) assert.equal(crypto.open({ ...right, ...wrong }), undefined)
    assert.deepEqual(crypto.open(right), bytes(40))
  })

  test(`${name}: a key is copied; keys and nonces of a wrong length are our own mistake`, () => {
    const raw = bytes(32)
    const key = crypto.aeadKey(raw)
    raw.fill(0)
    const sealed = crypto.seal({ key, nonce, plaintext: bytes(9), associated })
    const again = crypto.aeadKey(bytes(32))
    assert.deepEqual(crypto.open({ key: again, nonce, ...sealed, associated }), bytes(9))
    for (const length of [0, 16, 24, 31, 33])
      assert.throws(() => crypto.aeadKey(bytes(length)), AssertionError)
    for (const length of [0, 11, 13, 16])
      assert.throws(
        () => crypto.seal({ key, nonce: bytes(length), plaintext: nothing, associated }),
        AssertionError,
      )
  })

  test(`${name}: arguments stay as they were`, () => {
    const key = crypto.aeadKey(bytes(32))
    const plaintext = bytes(100)
    const sealed = crypto.seal({ key, nonce, plaintext, associated })
    const before = structuredClone({ plaintext, nonce, associated, ...sealed })
    crypto.open({ key, nonce, ...sealed, associated })
    crypto.open({ key, nonce, ...sealed, associated: nothing })
    assert.deepEqual({ plaintext, nonce, associated, ...sealed }, before)
  })
}

function testKeyPairs({ name, open }: CryptoSubject): void {
  const { crypto } = open()
  test(`${name}: Ed25519 gives the known answers (RFC 8032, tests 1 and 3)`, () => {
    const first = crypto.signKeyPair(
      fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'),
    )
    same(first.publicKey, 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
    same(
      crypto.sign(first.secretKey, nothing),
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155' +
        '5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    )
    const third = crypto.signKeyPair(
      fromHex('c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7'),
    )
    same(
      crypto.sign(third.secretKey, fromHex('af82')),
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac' +
        '18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    )
    assert.equal(third.secretKey.length, 64)
  })

  test(`${name}: a signature holds for its key and message only; anything else is just false`, () => {
    const { publicKey, secretKey } = crypto.signKeyPair(bytes(32))
    const message = utf8('to be signed')
    const signature = crypto.sign(secretKey, message)
    assert.deepEqual(crypto.sign(secretKey, message), signature, 'deterministic')
    assert.equal(crypto.verify(publicKey, message, signature), true)
    const other = crypto.signKeyPair(bytes(32, 1)).publicKey
    assert.equal(crypto.verify(other, message, signature), false)
    assert.equal(crypto.verify(publicKey, flipped(message, 0), signature), false)
    for (let index = 0; index < signature.length; index++)
      assert.equal(crypto.verify(publicKey, message, flipped(signature, index)), false)
    for (const length of [0, 31, 33, 63, 64, 65, 1_000]) {
      assert.equal(crypto.verify(bytes(length), message, signature), false)
      assert.equal(crypto.verify(publicKey, message, bytes(length)), false)
    }
  })

  test(`${name}: public keys of small order verify nothing`, () => {
    const zero = new Uint8Array(32)
    const one = Uint8Array.of(1, ...zero.subarray(1))
    for (const publicKey of [zero, one])
      for (const first of [zero, one])
        assert.equal(crypto.verify(publicKey, nothing, concat([first, zero])), false)
  })

  test(`${name}: X25519 gives the known answer (RFC 7748), from both sides`, () => {
    const bob = crypto.boxKeyPair(
      fromHex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'),
    )
    same(bob.publicKey, 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f')
    const alice = fromHex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a')
    const shared = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'
    same(crypto.sharedSecret(bob.secretKey, alice), shared)
    const carol = crypto.boxKeyPair(bytes(32))
    assert.deepEqual(
      crypto.sharedSecret(carol.secretKey, bob.publicKey),
      crypto.sharedSecret(bob.secretKey, carol.publicKey),
    )
  })

  test(`${name}: X25519 gives nothing for a low-order point or a key of another length`, () => {
    const { secretKey } = crypto.boxKeyPair(bytes(32))
    for (const publicKey of [new Uint8Array(32), nothing, bytes(31), bytes(33)])
      assert.equal(crypto.sharedSecret(secretKey, publicKey), undefined)
  })

  test(`${name}: own keys of a wrong length are our own mistake`, () => {
    for (const length of [0, 31, 33]) {
      assert.throws(() => crypto.signKeyPair(bytes(length)), AssertionError)
      assert.throws(() => crypto.boxKeyPair(bytes(length)), AssertionError)
      assert.throws(() => crypto.sharedSecret(bytes(length), bytes(32)), AssertionError)
      assert.throws(() => crypto.sign(bytes(length), nothing), AssertionError)
    }
  })

  test(`${name}: a pair is the caller's own: seeds may be wiped`, () => {
    const seed = bytes(32)
    const signing = crypto.signKeyPair(seed)
    const boxing = crypto.boxKeyPair(seed)
    const before = structuredClone([signing, boxing])
    seed.fill(0)
    assert.deepEqual([signing, boxing], before)
  })
}

function testPasswords({ name, open }: CryptoSubject): void {
  const ask = { password: utf8('correct horse'), salt: bytes(16), memoryKib: 64, passes: 3 }

  test(`${name}: Argon2id gives the known answer (one lane, version 1.3)`, async () => {
    const { crypto, settled } = open()
    const hashed = crypto.argon2id({ ...ask, length: 32 })
    same(await settled(hashed), '5391b83ac8205d96697bf3f29efb544cfc126290896912803ed1e7deb006fa0e')
  })

  test(`${name}: Argon2id: each argument counts; several may run at once`, async () => {
    const { crypto, settled } = open()
    const asks = [
      ask,
      { ...ask, password: nothing },
      { ...ask, salt: bytes(16, 1) },
      { ...ask, memoryKib: 65 },
      { ...ask, passes: 4 },
    ]
    const hashed = asks.map((each) => crypto.argon2id({ ...each, length: 32 }))
    const results = await settled(Promise.all(hashed))
    assert.equal(new Set(results.map(toHex)).size, asks.length)
  })

  test(`${name}: Argon2id: a salt or length out of range is our own mistake`, async () => {
    const { crypto, settled } = open()
    for (const wrong of [{ salt: bytes(15) }, { salt: bytes(17) }, { length: 15 }]) {
      const hashed = crypto.argon2id({ ...ask, length: 32, ...wrong })
      await assert.rejects(settled(hashed), AssertionError)
    }
  })
}

/** What every `Crypto` promises, beyond the published vectors of test/conformance. */
export function cryptoCompliance(subject: CryptoSubject): void {
  testHashes(subject)
  testSealing(subject)
  testKeyPairs(subject)
  testPasswords(subject)
}
