import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CodecError } from '../../base/codec.ts'
import { blockIdOf, digestOf } from '../../base/ids.ts'
import {
  decodeAttributes,
  decodeBase,
  decodeDelta,
  decodePage,
  encodeAttributes,
  encodeBase,
  encodeDelta,
  encodePage,
  isBlockBytes,
} from './format.ts'
import {
  blockBytesMax,
  blockBytesMin,
  deltaBlocksMax,
  fileBytesMax,
  pageRefsMax,
} from './limits.ts'

const hex = (bytes: number): fc.Arbitrary<string> =>
  fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .map((raw) => Buffer.from(raw).toString('hex'))
const refs = fc.record(
  {
    id: hex(16).map(blockIdOf),
    version: fc.integer({ min: 1, max: 2 ** 48 - 1 }),
    hash: hex(32).map(digestOf),
    sealedBytes: fc.nat(2 ** 32 - 1),
    keyEpoch: fc.nat(2 ** 32 - 1),
  },
  { noNullPrototype: true },
)

test('bases, deltas, attributes and pages come back as they were written', () => {
  fc.assert(
    fc.property(
      fc.nat(fileBytesMax),
      fc.nat(3),
      fc.array(fc.tuple(fc.nat(1e9), refs), { maxLength: 4 }),
      (size, depth, inline) => {
        assert.deepEqual(decodeBase(encodeBase({ size, depth, inline })), { size, depth, inline })
      },
    ),
  )
  fc.assert(
    fc.property(
      fc.array(fc.nat(1e12), { maxLength: deltaBlocksMax }),
      fc.nat(1e12),
      (indexes, end) => {
        const delta = { kind: 'write', indexes, end } as const
        assert.deepEqual(decodeDelta(encodeDelta(delta)), delta)
      },
    ),
  )
  for (const cutIndex of [undefined, 7]) {
    const delta = { kind: 'truncate', size: 12, cutIndex } as const
    assert.deepEqual(decodeDelta(encodeDelta(delta)), delta)
  }
  fc.assert(
    fc.property(fc.dictionary(fc.nat(pageRefsMax - 1).map(String), refs), (slots) => {
      const page = new Map(Object.entries(slots).map(([slot, ref]) => [Number(slot), ref]))
      const sorted = new Map([...page].sort(([a], [b]) => a - b))
      assert.deepEqual(decodePage(encodePage(page)), sorted)
    }),
  )
})

test('C22: block sizes are the powers of two from 4 KiB to 4 MiB', () => {
  const allowed = []
  for (let size = 1; size <= blockBytesMax * 2; size *= 2)
    if (isBlockBytes(size)) allowed.push(size)
  assert.equal(allowed[0], blockBytesMin)
  assert.equal(allowed.at(-1), blockBytesMax)
  assert.equal(allowed.length, 11)
  for (const size of [0, -4096, 4095, 4097, 65_537, 1.5, Number.NaN, 3 * 4096]) {
    assert.equal(isBlockBytes(size), false, String(size))
  }
  const attributes = { volume: true, blockBytes: 8192 }
  assert.deepEqual(decodeAttributes(encodeAttributes(attributes)), attributes)
})

test('hostile bytes are refused with a codec error and nothing else', () => {
  const readers = [decodeBase, decodeDelta, decodePage, decodeAttributes]
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.constantFrom(...readers), (bytes, read) => {
      try {
        read(bytes)
      } catch (error) {
        assert(error instanceof CodecError, String(error))
      }
    }),
    { numRuns: 2_000 },
  )
  const page = encodePage(new Map())
  page[0] = 9
  assert.throws(() => decodePage(page), CodecError)
})

test('a base with four inline references and a full delta stay within the section’s bounds', () => {
  const ref = {
    id: blockIdOf('00'.repeat(16)),
    version: 1,
    hash: digestOf('00'.repeat(32)),
    sealedBytes: 1,
    keyEpoch: 1,
  }
  const inline = [0, 1, 2, 3].map((index) => [index, ref] as const)
  assert(encodeBase({ size: 1, depth: 0, inline }).length + 64 <= 512)
  const indexes = Array.from({ length: deltaBlocksMax }, (_, index) => index)
  assert(encodeDelta({ kind: 'write', indexes, end: 1 }).length + 64 <= 1024)
})
