import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareText } from '../../base/bytes.ts'
import { type BlockId, blockIdOf, digestOf } from '../../base/ids.ts'
import { BlockIndex, type IndexEntry } from './block-index.ts'

const partitionCount = 4_096
const partitionOf = (id: BlockId): number => Number.parseInt(id.slice(-3), 16)
const newIndex = (): BlockIndex =>
  new BlockIndex({ partitionCount, partitionOf, salt: new Uint8Array(20).fill(7) })
const hexOf = (number: number, bytes: number): string =>
  number
    .toString(16)
    .padStart(2, '0')
    .repeat(bytes)
    .slice(0, bytes * 2)

/** Forty of them, in seven partitions. */
const idOf = (number: number): BlockId => blockIdOf(hexOf(number, 15) + hexOf(number % 7, 1))

/** Few ids, versions and hashes, so that a random walk meets each again and again. */
const anyEntry: fc.Arbitrary<IndexEntry> = fc.record(
  {
    id: fc.nat({ max: 40 }).map(idOf),
    version: fc.constantFrom(1, 2, 2 ** 32, 2 ** 32 + 1, 2 ** 48 - 1),
    hash: fc.constantFrom(digestOf(hexOf(1, 32)), digestOf(hexOf(255, 32))),
    keyEpoch: fc.constantFrom(0, 1, 2 ** 32 - 1),
    pageCount: fc.constantFrom(1, 17, 65_535),
    proven: fc.boolean(),
  },
  { noNullPrototype: true },
)
const textOf = ({ id, version, hash }: IndexEntry): string => `${id} ${version} ${hash}`

test('the index behaves as a map of strings would (random walks)', () => {
  const step = fc.record({ entry: anyEntry, remove: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const index = newIndex()
      const model = new Map<string, IndexEntry>()
      for (const { entry, remove } of steps) {
        if (remove) assert.equal(index.delete(entry), model.delete(textOf(entry)))
        else {
          index.set(entry)
          model.set(textOf(entry), entry)
        }
        assert.deepEqual(index.get(entry), model.get(textOf(entry)))
        assert.equal(index.has(entry), model.has(textOf(entry)))
      }
      assert.equal(index.count, model.size)
      let pages = 0
      for (const entry of model.values()) {
        assert.deepEqual(index.get(entry), entry)
        pages += entry.pageCount
      }
      assert.equal(index.pageCount, pages)
      for (let number = 0; number <= 40; number++) {
        const partition = partitionOf(idOf(number))
        const expected = [...model.values()]
          .filter(({ id }) => partitionOf(id) === partition)
          .map(({ id, version, hash }) => ({ id, version, hash }))
          .sort(
            (a, b) =>
              compareText(a.id, b.id) || a.version - b.version || compareText(a.hash, b.hash),
          )
        assert.deepEqual(index.list(partition), expected)
      }
    }),
  )
})

test('100,000 blocks: found after growth, gone after removal, rows used again', () => {
  const index = newIndex()
  const entryOf = (number: number): IndexEntry => ({
    id: blockIdOf((number * 2_654_435_761).toString(16).padStart(32, '0')),
    version: 1 + (number % 3),
    hash: digestOf(number.toString(16).padStart(64, '0')),
    keyEpoch: 1,
    pageCount: 17,
    proven: number % 2 === 0,
  })
  for (let number = 0; number < 100_000; number++) index.set(entryOf(number))
  assert.equal(index.count, 100_000)
  for (let number = 0; number < 100_000; number += 7)
    assert.deepEqual(index.get(entryOf(number)), entryOf(number))
  for (let number = 0; number < 100_000; number += 2) assert.ok(index.delete(entryOf(number)))
  assert.equal(index.count, 50_000)
  for (let number = 0; number < 100_000; number++)
    assert.equal(index.has(entryOf(number)), number % 2 === 1)
  const before = process.memoryUsage().arrayBuffers
  for (let number = 0; number < 100_000; number += 2) index.set(entryOf(number))
  assert.ok(process.memoryUsage().arrayBuffers - before < 100_000, 'rows are used again')
})

test('memory: below 90 bytes a block at 200,000', () => {
  const index = newIndex()
  const before = process.memoryUsage().arrayBuffers
  const hash = digestOf('ab'.repeat(32))
  for (let number = 0; number < 200_000; number++)
    index.set({
      id: blockIdOf((number * 2_654_435_761).toString(16).padStart(32, '0')),
      version: 1,
      hash,
      keyEpoch: 1,
      pageCount: 17,
      proven: true,
    })
  const bytes = (process.memoryUsage().arrayBuffers - before) / 200_000
  assert.ok(bytes < 90, `${bytes} bytes a block`)
})
