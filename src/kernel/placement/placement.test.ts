import assert from 'node:assert/strict'
import { createHash, hash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { type BlockId, blockIdOf, type NodeId, nodeIdOf } from '../../base/ids.ts'
import {
  createPlacement,
  type Placement,
  type PlacementMember,
  partitionCount,
  partitionOfBlock,
  receiptsNeeded,
  type Sha256,
} from './index.ts'

const sha256: Sha256 = (...parts) => {
  const [only, ...more] = parts
  if (only !== undefined && more.length === 0) return new Uint8Array(hash('sha256', only, 'buffer'))
  const state = createHash('sha256')
  for (const part of parts) state.update(part)
  return new Uint8Array(state.digest())
}
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')
const node = (number: number): NodeId => nodeIdOf(hashOf(`node ${number}`))
const block = (number: number): BlockId => blockIdOf(hashOf(`block ${number}`).slice(0, 32))
const blocks: readonly BlockId[] = Array.from({ length: 100_000 }, (_, number) => block(number))
const equalMembers = (count: number): PlacementMember[] =>
  Array.from({ length: count }, (_, index) => ({ node: node(index), weight: 1 }))
const placementOf = (members: readonly PlacementMember[], epoch = 1): Placement =>
  createPlacement(sha256, { epoch, members })

/** How many partitions each member holds. */
function loads(placement: Placement, replicas: number): Map<NodeId, number> {
  const counts = new Map(placement.members.map((member) => [member, 0]))
  for (let partition = 0; partition < partitionCount; partition++)
    for (const holder of placement.holdersOfPartition(partition, replicas))
      counts.set(holder, (counts.get(holder) ?? 0) + 1)
  return counts
}

/** Sum of (seen − expected)² / expected. */
const chiSquare = (counts: readonly number[], expected: number): number =>
  counts.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0)

const thirtyOne = placementOf(equalMembers(31))

test('C45: load of 31 members over 2^14 partitions: largest at most 1.1 of the mean', () => {
  for (const replicas of [3, 4]) {
    const counts = [...loads(thirtyOne, replicas).values()]
    const mean = (partitionCount * replicas) / 31
    assert.ok(Math.max(...counts) / mean <= 1.1, `largest ${Math.max(...counts)}, mean ${mean}`)
    assert.ok(Math.min(...counts) / mean >= 0.9, `smallest ${Math.min(...counts)}, mean ${mean}`)
  }
})

test('C45: 100,000 blocks fall uniformly into partitions (chi-square)', () => {
  const counts = new Array<number>(partitionCount).fill(0)
  for (const id of blocks) {
    const partition = thirtyOne.partitionOf(id)
    counts[partition] = (counts[partition] ?? 0) + 1
  }
  // 16,383 degrees of freedom: mean 16,383, standard deviation 181; five of them as bound.
  const statistic = chiSquare(counts, 100_000 / partitionCount)
  assert.ok(Math.abs(statistic - 16_383) < 5 * 181, `chi-square ${statistic}`)
})

test('C45: 100,000 blocks spread over the members, before and after a join and a leave', () => {
  const members = equalMembers(31)
  const epochs = {
    before: thirtyOne,
    joined: placementOf([...members, { node: node(99), weight: 1 }], 2),
    left: placementOf(members.slice(1), 3),
  }
  for (const [name, placement] of Object.entries(epochs)) {
    const counts = new Map<NodeId, number>()
    for (const id of blocks)
      for (const holder of placement.holdersOf(id, 3))
        counts.set(holder, (counts.get(holder) ?? 0) + 1)
    const mean = 300_000 / placement.members.length
    assert.equal(counts.size, placement.members.length, name)
    assert.ok(Math.max(...counts.values()) / mean <= 1.12, `${name}: largest over mean`)
    assert.ok(Math.min(...counts.values()) / mean >= 0.88, `${name}: smallest over mean`)
  }
})

test('a member of twice the weight is first twice as often', () => {
  const members = equalMembers(10).map((member, index) => ({
    ...member,
    weight: index === 0 ? 8 : index === 1 ? 4 : 2,
  }))
  const first = [...loads(placementOf(members), 1).values()]
  const share = partitionCount / 28
  assert.ok(Math.abs((first[0] ?? 0) / (8 * share) - 1) < 0.1, `weight 8: ${first[0]}`)
  assert.ok(Math.abs((first[1] ?? 0) / (4 * share) - 1) < 0.12, `weight 4: ${first[1]}`)
})

test('C46: the replicas of a block lie on different nodes, whatever the weights', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(weights, fc.nat({ max: partitionCount - 1 }), (drawn, partition) => {
      const placement = placementOf(drawn.map((weight, index) => ({ node: node(index), weight })))
      for (let replicas = 1; replicas <= drawn.length; replicas++) {
        const holders = placement.holdersOfPartition(partition, replicas)
        assert.equal(new Set(holders).size, replicas)
      }
    }),
    { numRuns: 60 },
  )
})

test('one join moves at most one replica of a partition, only to the joiner, 1/(n + 1) of all', () => {
  const joiner = { node: node(99), weight: 1 }
  const after = placementOf([...equalMembers(31), joiner], 2)
  let moved = 0
  for (let partition = 0; partition < partitionCount; partition++) {
    const old = new Set(thirtyOne.holdersOfPartition(partition, 3))
    const fresh = after.holdersOfPartition(partition, 3).filter((holder) => !old.has(holder))
    assert.ok(fresh.length <= 1)
    if (fresh.length === 1) assert.equal(fresh[0], joiner.node)
    moved += fresh.length
  }
  const expected = (partitionCount * 3) / 32
  assert.ok(Math.abs(moved / expected - 1) < 0.1, `${moved} moved, ${expected} expected`)
})

test('one leave moves only what the leaver held', () => {
  const after = placementOf(equalMembers(31).slice(1), 2)
  for (let partition = 0; partition < partitionCount; partition++) {
    const old = thirtyOne.holdersOfPartition(partition, 3)
    const left = old.filter((holder) => holder !== node(0))
    assert.deepEqual(after.holdersOfPartition(partition, 3).slice(0, left.length), left)
  }
})

test('fewer replicas are the first of more, and the order of the list of members means nothing', () => {
  const members = equalMembers(7).map((member, index) => ({ ...member, weight: 1 + (index % 3) }))
  const forward = placementOf(members)
  const backward = placementOf([...members].reverse())
  for (let partition = 0; partition < 200; partition++) {
    const all = forward.holdersOfPartition(partition, 7)
    assert.deepEqual(backward.holdersOfPartition(partition, 7), all)
    assert.deepEqual(forward.holdersOfPartition(partition, 3), all.slice(0, 3))
  }
})

test('placement is pinned: the same on every node, engine and day', () => {
  const members = equalMembers(7).map((member, index) => ({ ...member, weight: 1 + index }))
  const placement = placementOf(members)
  const lines: string[] = []
  for (let number = 0; number < 1_000; number++) {
    const id = block(number)
    lines.push(`${placement.partitionOf(id)} ${placement.holdersOf(id, 4).join(' ')}`)
  }
  assert.equal(placement.partitionOf(blockIdOf('00'.repeat(16))), 5108)
  assert.equal(
    hashOf(lines.join('\n')),
    'c60cde42a61708a3e48ea8d3254f14e5f84316ab6f8f21dab12510e350e6fa58',
  )
})

test('a partition does not depend on the epoch', () => {
  assert.equal(partitionOfBlock(sha256, block(5)), thirtyOne.partitionOf(block(5)))
})

test('what an epoch must not be: empty, repeated, over-weighted; what must not be asked', () => {
  assert.throws(() => placementOf([]), /members/)
  assert.throws(() => placementOf([...equalMembers(2), ...equalMembers(1)]), /once/)
  for (const weight of [0, 9, 1.5]) assert.throws(() => placementOf([{ node: node(0), weight }]))
  assert.throws(() => thirtyOne.holdersOfPartition(0, 32), /as many replicas/)
  assert.throws(() => thirtyOne.holdersOfPartition(0, 0), /as many replicas/)
  assert.throws(() => thirtyOne.holdersOfPartition(partitionCount, 1), /no such partition/)
})

test('receipts that a write needs: 1, 2, 2, 3, 4, 5, 5', () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7].map(receiptsNeeded), [1, 2, 2, 3, 4, 5, 5])
})
