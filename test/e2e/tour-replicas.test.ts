/** Five Processors, four of them the group: how many copies of a block there are, and where. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isApiError, type Status } from '../../src/sdk/index.ts'
import { blockFilesById } from '../../tools/tour/block-files.ts'
import { blocksOf, holdersOnDisk, misplaced, type PlacedBlock } from '../../tools/tour/block-map.ts'
import { until } from '../../tools/tour/until.ts'
import { bytesOf, worldForTests } from './tour-world.ts'

const worldOf = worldForTests('replicas', { nodeCount: 5 })
const allDown = 20_000

/** Write a file; its blocks, once all copies are made. */
async function stored(path: string, size: number, replicas: number): Promise<PlacedBlock[]> {
  const world = worldOf()
  await world.at(1).client.write(path, bytesOf(replicas, size), { replicas })
  const blocks = await blocksOf(world.at(1).client, path)
  await until('all copies are there', allDown, () => {
    return misplaced(blocks, world.processors).length === 0
  })
  return blocks
}

test('C3: four of five are the group, all five store and serve', async () => {
  const all = await Promise.all(worldOf().processors.map((processor) => processor.status()))
  assert.deepEqual(all.map(({ role }) => role).sort(), [
    'member',
    'member',
    'member',
    'member',
    'storage',
  ])
  assert(all.every(({ group }) => group.members === 4 && group.quorum === 3))
})

for (const replicas of [1, 3, 5]) {
  test(`C23, C46: with ${replicas} replicas exactly ${replicas} different Processors hold each block`, async () => {
    const blocks = await stored(`/public/replicas-${replicas}.bin`, 1_000_000, replicas)
    const onDisk = holdersOnDisk(worldOf().processors)
    for (const { id, holders } of blocks) {
      assert.equal(new Set(holders).size, replicas)
      assert.deepEqual(
        [...holders].sort((a, b) => a - b),
        onDisk.get(id),
      )
    }
  })
}

test('C23: more replicas than Processors, or none, are refused', async () => {
  const { client } = worldOf().at(2)
  for (const replicas of [0, 6, 255]) {
    await assert.rejects(client.write('/public/too-many', 'x', { replicas }), (error) => {
      assert(isApiError(error), String(error))
      return error.status === 400
    })
  }
})

test('C21, C26: 1 MB with three replicas is 16 blocks in 48 block files', async () => {
  const world = worldOf()
  const blocks = await stored('/public/one-megabyte.bin', 1_000_000, 3)
  assert.equal(blocks.length, 16)
  const files = world.processors.flatMap(({ folder }) => {
    const byId = blockFilesById(folder)
    return blocks.flatMap(({ id }) => byId.get(id) ?? [])
  })
  assert.equal(files.length, 48)
})

test('C43: a block keeps its id when it is written again; the other blocks stay as they are', async () => {
  const { client } = worldOf().at(3)
  const path = '/public/rewritten.bin'
  const before = await stored(path, 400_000, 3)
  await client.patch(path, 'changed', { at: 70_000 })
  await client.rename(path, `${path}.moved`)
  const after = await blocksOf(client, `${path}.moved`)
  assert.deepEqual(
    after.map(({ id }) => id),
    before.map(({ id }) => id),
  )
  assert.equal(new Set(after.map(({ id }) => id)).size, after.length)
})

const countOf = (status: Status, name: string): number => status.metrics[name] ?? 0

test('C27, C44: a read asks once for each block of the range that it does not hold itself', async () => {
  const world = worldOf()
  const path = '/public/asked.bin'
  const blocks = await stored(path, 2_000_000, 3)
  for (const reader of world.processors) {
    // Once for the tree of the file, which is remembered.
    await reader.client.readAll(path, { start: 0, end: 1 })
    const ask = async (range: { start: number; end: number }): Promise<number> => {
      const before = await reader.status()
      await reader.client.readAll(path, range)
      const after = await reader.status()
      const delta = (name: string): number => countOf(after, name) - countOf(before, name)
      // A slow machine may find a holder late and ask the next one.
      return delta('blocks.get_sent_count') - delta('blocks.read_late_count')
    }
    const foreign = blocks.filter(({ holders }) => !holders.includes(reader.n))
    const isFirstOwn = blocks[0]?.holders.includes(reader.n) === true
    assert.equal(await ask({ start: 0, end: 2_000_000 }), foreign.length)
    assert.equal(await ask({ start: 10, end: 20 }), isFirstOwn ? 0 : 1)
  }
})
