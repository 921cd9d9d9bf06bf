/** Damaged copies on the disks of holders: told apart, reported, mended, and never believed. */
import assert from 'node:assert/strict'
import { existsSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import { isApiError } from '../../src/sdk/index.ts'
import {
  type BlockFile,
  blockFilesById,
  changeOneByte,
  changeOneCharacter,
} from '../../tools/tour/block-files.ts'
import { blocksOf, misplaced, type PlacedBlock } from '../../tools/tour/block-map.ts'
import { until } from '../../tools/tour/until.ts'
import { bytesOf, worldForTests } from './tour-world.ts'

const worldOf = worldForTests('damage')
const readerNumber = 4
const content = bytesOf(59, 4_000_000)

/** A file with two copies of each block, all of them laid down. */
async function storedBlocks(path: string): Promise<readonly PlacedBlock[]> {
  const world = worldOf()
  await world.at(1).client.write(path, content, { replicas: 2 })
  const blocks = await blocksOf(world.at(1).client, path)
  await until(
    'all copies are there',
    20_000,
    () => misplaced(blocks, world.processors).length === 0,
  )
  return blocks
}

function fileOf(n: number, { id }: PlacedBlock): BlockFile {
  const [file] = blockFilesById(worldOf().at(n).folder).get(id) ?? []
  assert(file, `Processor ${n} has no file of block ${id}`)
  return file
}

const kinds = {
  missing: (file: BlockFile) => rmSync(file.path),
  'name-changed': (file: BlockFile) => void changeOneCharacter(file),
  'content-changed': (file: BlockFile) => void changeOneByte(file.path),
} as const
const vaultCounter = {
  missing: 'missing',
  'name-changed': 'nameChanged',
  'content-changed': 'contentChanged',
} as const
type Kind = keyof typeof kinds

test('C59, C60, C61: missing, renamed and altered copies are three faults; the requester counts each and reads on', async () => {
  const world = worldOf()
  const reader = world.at(readerNumber)
  const path = '/public/three-faults.bin'
  const blocks = await storedBlocks(path)
  // Blocks that the reader has to ask for, by the holder that it asks first.
  const asked = blocks.filter(({ holders }) => !holders.includes(readerNumber))
  const damaged = (Object.keys(kinds) as Kind[]).map((kind, index) => {
    const block = asked[index]
    assert(block)
    const holder = block.holders[0] ?? 0
    const file = fileOf(holder, block)
    kinds[kind](file)
    return { kind, holder, file }
  })
  const countOf = async (kind: Kind): Promise<number> => {
    const { processors } = await reader.status()
    return processors.reduce((sum, { n, faults }) => {
      return n === readerNumber ? sum : sum + (faults[kind] ?? 0)
    }, 0)
  }
  await until('the reader has met and reported all three', 30_000, async () => {
    // Right each time, whatever it met on the way.
    assert(Buffer.from(await reader.client.readAll(path)).equals(content))
    const counts = await Promise.all(damaged.map(({ kind }) => countOf(kind)))
    return counts.every((count) => count >= 1)
  })
  for (const { kind, holder, file } of damaged) {
    const { vault } = await world.at(holder).status()
    assert(vault[vaultCounter[kind]] >= 1, `${kind} at Processor ${holder}`)
    await until(`the ${kind} copy is fetched again`, 30_000, () => existsSync(file.path))
  }
})

test('C50, C61: all copies on one Processor damaged: every read is right, and they are mended', async () => {
  const world = worldOf()
  const path = '/public/one-disk.bin'
  const blocks = await storedBlocks(path)
  const own = blocks.filter(({ holders }) => holders.includes(2))
  for (const [index, block] of own.entries()) {
    const kind = (['missing', 'name-changed', 'content-changed'] as const)[index % 3]
    assert(kind)
    kinds[kind](fileOf(2, block))
  }
  for (const n of [1, 2, 3, 4]) {
    assert(Buffer.from(await world.at(n).client.readAll(path)).equals(content), `Processor ${n}`)
  }
  await until('Processor 2 has its copies again', 30_000, async () => {
    await world.at(2).client.readAll(path)
    return misplaced(own, [world.at(2)]).length === 0
  })
})

test('C50: with every copy of a block damaged a read fails, and gives no wrong byte', async () => {
  const world = worldOf()
  const path = '/public/all-copies.bin'
  const blocks = await storedBlocks(path)
  const lost = blocks[5]
  assert(lost)
  for (const n of lost.holders) changeOneByte(fileOf(n, lost).path)
  const start = 5 * 65_536
  const reading = world.at(1).client.readAll(path, { deadlineMs: 5_000 })
  await assert.rejects(reading, (error) => isApiError(error))
  const before = await world.at(1).client.readAll(path, { start: 0, end: start })
  assert(Buffer.from(before).equals(content.subarray(0, start)))
  const behind = await world.at(1).client.readAll(path, { start: start + 65_536 })
  assert(Buffer.from(behind).equals(content.subarray(start + 65_536)))
})
