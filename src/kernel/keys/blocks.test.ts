import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  realCrypto,
  seededObject,
  seededPorts,
  someBlock,
  someHash,
  tampered,
} from '../../../test/conformance/keys-fixture.ts'
import { toHex } from '../../base/bytes.ts'
import { blockIdOf } from '../../base/ids.ts'
import {
  contentHash,
  createObjectKeys,
  isReleaseSecret,
  newestContentKey,
  openBlock,
  openDelta,
  releaseSecretOf,
  releaseTagOf,
  sealBlock,
  sealDelta,
  sealedBytesOf,
} from './index.ts'

const { ports, keys } = seededObject()
const { key, epoch } = newestContentKey(keys)
const seal = { ...someBlock, key, keyEpoch: epoch }
const anotherId = blockIdOf('99'.repeat(16))

test('C53: a block of any content opens under its object’s key and its own id, version, epoch', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5_000 }), (plain) => {
      const sealed = sealBlock(ports, { ...seal, plain })
      assert.equal(sealed.length, sealedBytesOf(plain.length))
      assert.deepEqual(openBlock(realCrypto, { ...seal, sealed }), plain)
    }),
    { numRuns: 50 },
  )
})

test('C53: sealed bytes hold nothing of the content, and equal blocks look different', () => {
  const plain = new Uint8Array(4_096).fill(0x41)
  const first = sealBlock(ports, { ...seal, plain })
  const second = sealBlock(ports, { ...seal, plain })
  assert.notDeepEqual(first, second)
  assert.equal(toHex(first).includes('41'.repeat(8)), false)
  assert.notEqual(contentHash(realCrypto, first), contentHash(realCrypto, second))
})

test('C53: each object has a key of its own: another object’s key does not open a block', () => {
  const sealed = sealBlock(ports, { ...seal, plain: new Uint8Array(100) })
  const { domainKey } = seededObject()
  const other = createObjectKeys(ports, { object: keys.object, domainKey }).keys
  const otherKey = newestContentKey(other).key
  assert.equal(openBlock(realCrypto, { ...seal, key: otherKey, sealed }), undefined)
})

test('block: each changed byte is refused', () => {
  const sealed = sealBlock(ports, { ...seal, plain: new Uint8Array(64).fill(3) })
  for (const wrong of tampered(sealed)) {
    assert.equal(openBlock(realCrypto, { ...seal, sealed: wrong }), undefined)
  }
})

test('block: under another id, version or key epoch it does not open', () => {
  const sealed = sealBlock(ports, { ...seal, plain: new Uint8Array(64) })
  for (const wrong of [
    { id: anotherId },
    { version: someBlock.version + 1 },
    { version: someBlock.version + 2 ** 32 },
    { keyEpoch: epoch + 1 },
  ]) {
    assert.equal(openBlock(realCrypto, { ...seal, ...wrong, sealed }), undefined)
  }
})

test('block: a delta of the same object never opens as a block, nor a block as a delta', () => {
  const delta = sealDelta(ports, keys, new Uint8Array(64))
  assert.equal(openBlock(realCrypto, { ...seal, sealed: delta }), undefined)
  assert.equal(openBlock(realCrypto, { ...seal, sealed: delta.subarray(4) }), undefined)
  const block = sealBlock(ports, { ...seal, plain: new Uint8Array(64) })
  const asDelta = new Uint8Array(4 + block.length)
  asDelta[3] = epoch
  asDelta.set(block, 4)
  assert.equal(openDelta(realCrypto, keys, asDelta), undefined)
})

test('block: the content hash is SHA-256 of the sealed bytes', () => {
  const sealed = sealBlock(ports, { ...seal, plain: new Uint8Array(10) })
  assert.equal(contentHash(realCrypto, sealed), toHex(realCrypto.sha256(sealed)))
})

test('release: the tag has 16 bytes, fits its secret, and tells nothing else', () => {
  const block = { ...someBlock, hash: someHash }
  const tag = releaseTagOf(realCrypto, keys, block)
  const secret = releaseSecretOf(realCrypto, keys, block)
  assert.equal(tag.length, 16)
  assert.equal(tag.buffer.byteLength, 16, 'memory of its own')
  assert.equal(secret.length, 32)
  assert.ok(isReleaseSecret(realCrypto, { secret, tag }))
  for (const wrong of tampered(secret)) {
    assert.equal(isReleaseSecret(realCrypto, { secret: wrong, tag }), false)
  }
})

test('release: another id, version, hash or object has another secret and tag', () => {
  const block = { ...someBlock, hash: someHash }
  const others = [
    { ...block, id: anotherId },
    { ...block, version: 8 },
    { ...block, hash: contentHash(realCrypto, new Uint8Array(1)) },
  ].map((other) => releaseSecretOf(realCrypto, keys, other))
  const stranger = seededObject('stranger').keys
  others.push(releaseSecretOf(realCrypto, stranger, block))
  const tag = releaseTagOf(realCrypto, keys, block)
  for (const secret of others) assert.equal(isReleaseSecret(realCrypto, { secret, tag }), false)
  assert.equal(new Set(others.map(toHex)).size, others.length)
})

test('C53: without the key nothing opens: 200 random keys fail', () => {
  const sealed = sealBlock(ports, { ...seal, plain: new Uint8Array(32) })
  const { random } = seededPorts('guesses')
  for (let count = 0; count < 200; count++) {
    const guess = realCrypto.aeadKey(random.bytes(32))
    assert.equal(openBlock(realCrypto, { ...seal, key: guess, sealed }), undefined)
  }
})
