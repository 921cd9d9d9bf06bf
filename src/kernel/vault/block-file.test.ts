import assert from 'node:assert/strict'
import { createDecipheriv } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { blockOf, crypto, storageKey } from '../../../test/conformance/vault-fixture.ts'
import { nodeRandom } from '../../adapters/node-random.ts'
import { concat } from '../../base/bytes.ts'
import { blockIdOf, digestOf } from '../../base/ids.ts'
import { OuterSeal, pageCountOf } from './block-file.ts'
import { pageBytes, sealedBytesMax } from './limits.ts'

const seal = new OuterSeal(crypto, nodeRandom, [storageKey(1)])
const fileOf = (number: number, bytes: number): Uint8Array =>
  concat(seal.seal(blockOf(number, { bytes })))
const boundOf = (number: number, bytes: number) => {
  const { id, version, hash } = blockOf(number, { bytes })
  return { id, version, hash, keyEpoch: 1 }
}

test('files are whole pages, and open to what was sealed', () => {
  for (const bytes of [0, 1, 4_043, 4_044, 4_045, 65_536, 131_000, 131_072, sealedBytesMax]) {
    const file = fileOf(1, bytes)
    assert.equal(file.length, pageCountOf(bytes) * pageBytes)
    const opened = seal.open(boundOf(1, bytes), file)
    assert.deepEqual(opened?.sealed, blockOf(1, { bytes }).sealed)
    assert.deepEqual(opened?.releaseTag, blockOf(1, { bytes }).releaseTag)
  }
})

test('the length of a block does not show within a page', () => {
  assert.equal(fileOf(1, 1).length, fileOf(1, 4_044).length)
  assert.equal(fileOf(1, 65_536 + 28).length, fileOf(1, 69_000).length)
})

test('a longer block that was sealed before leaves nothing in the next one', () => {
  fileOf(1, 100_000)
  const file = fileOf(2, 10)
  const key = crypto.hkdfSha256({
    key: storageKey(1).key,
    salt: new Uint8Array(0),
    info: new TextEncoder().encode('unosys/block-outer/1\0'),
    length: 32,
  })
  // Without checking the tag: what stands behind the sealed block.
  const decipher = createDecipheriv('aes-256-gcm', key, file.subarray(4, 16))
  const plaintext = decipher.update(file.subarray(16, file.length - 16))
  assert.ok(plaintext.subarray(20 + 10).every((byte) => byte === 0))
})

test('C54: the same block on two holders, and twice on one, has different bytes', () => {
  const other = new OuterSeal(crypto, nodeRandom, [{ epoch: 1, key: new Uint8Array(32).fill(99) }])
  const block = blockOf(1)
  const files = [seal.seal(block), seal.seal(block), other.seal(block)].map(concat)
  const [first, second, foreign] = files as [Uint8Array, Uint8Array, Uint8Array]
  const equalBytesOf = (a: Uint8Array, b: Uint8Array): number =>
    a.filter((byte, index) => byte === b[index]).length
  // 4 bytes of head, and one byte in 256 by chance.
  for (const [a, b] of [
    [first, second],
    [first, foreign],
  ] as const)
    assert.ok(equalBytesOf(a, b) < 60, 'nothing in common but the head')
})

test('C54: only the holder that sealed a file opens it; the block as sent is not in it', () => {
  const other = new OuterSeal(crypto, nodeRandom, [{ epoch: 1, key: new Uint8Array(32).fill(99) }])
  const file = fileOf(1, 1_000)
  assert.equal(other.open(boundOf(1, 1_000), file), undefined)
  const sent = Buffer.from(blockOf(1).sealed.subarray(0, 16))
  assert.equal(Buffer.from(file).indexOf(sent), -1)
})

test('C56: each flipped bit of a file is detected', () => {
  const file = fileOf(1, 1_000)
  const bound = boundOf(1, 1_000)
  for (let bit = 0; bit < file.length * 8; bit++) {
    file[bit >> 3] = (file[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.equal(seal.open(bound, file), undefined, `bit ${bit}`)
    file[bit >> 3] = (file[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  }
  assert.notEqual(seal.open(bound, file), undefined)
})

test('a file is bound to id, version, hash and key epoch of its name', () => {
  const two = new OuterSeal(crypto, nodeRandom, [storageKey(1), { ...storageKey(1), epoch: 2 }])
  const bound = boundOf(1, 100)
  const file = fileOf(1, 100)
  assert.notEqual(two.open(bound, file), undefined)
  assert.equal(two.open({ ...bound, id: blockIdOf('ab'.repeat(16)) }, file), undefined)
  assert.equal(two.open({ ...bound, version: 2 }, file), undefined)
  assert.equal(two.open({ ...bound, hash: digestOf('ab'.repeat(32)) }, file), undefined)
  assert.equal(two.open({ ...bound, keyEpoch: 2 }, file), undefined)
})

test('any bytes open to undefined, never to an exception', () => {
  const bound = boundOf(1, 100)
  const good = fileOf(1, 100)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.equal(seal.open(bound, bytes), undefined)
      assert.equal(seal.open(bound, concat([good.subarray(0, 16), bytes])), undefined)
      assert.equal(seal.open(bound, concat([good, bytes.length === 0 ? good : bytes])), undefined)
    }),
  )
  for (let length = 0; length < good.length; length += 97)
    assert.equal(seal.open(bound, good.slice(0, length)), undefined)
})

test('older storage keys open, the newest seals', () => {
  const rotated = new OuterSeal(crypto, nodeRandom, [storageKey(1), storageKey(2)])
  assert.equal(rotated.keyEpoch, 2)
  assert.notEqual(rotated.open(boundOf(1, 50), fileOf(1, 50)), undefined)
  const fresh = concat(rotated.seal(blockOf(1, { bytes: 50 })))
  assert.equal(seal.open(boundOf(1, 50), fresh), undefined)
  assert.notEqual(rotated.open({ ...boundOf(1, 50), keyEpoch: 2 }, fresh), undefined)
  assert.deepEqual([rotated.knows(1), rotated.knows(3)], [true, false])
})

test('what our own code must not hand in', () => {
  assert.throws(() => new OuterSeal(crypto, nodeRandom, []), /storage key/)
  assert.throws(() => new OuterSeal(crypto, nodeRandom, [storageKey(1), storageKey(1)]), /epochs/)
  assert.throws(() => seal.seal(blockOf(1, { bytes: sealedBytesMax + 1 })), /4 MiB/)
  assert.throws(() => seal.seal({ ...blockOf(1), releaseTag: new Uint8Array(15) }), /tag/)
})
