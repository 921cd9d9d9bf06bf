/** Large things in a small world. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eachOf } from '../../tools/tour/transfer.ts'
import { bytesOf, worldForTests } from './tour-world.ts'

const worldOf = worldForTests('large')
const terabyte = 10 ** 12

const storedBlocks = async (): Promise<number> => {
  const all = await Promise.all(worldOf().processors.map((processor) => processor.status()))
  return all.reduce((sum, { vault }) => sum + vault.blocks, 0)
}

test('a sparse 1 TB file: a byte at its end, zeros before it, few blocks', async () => {
  const world = worldOf()
  const { client } = world.at(1)
  const path = '/public/sparse.bin'
  const before = await storedBlocks()
  await client.write(path, '')
  const { size } = await client.patch(path, '!', { at: terabyte - 1 })
  assert.equal(size, terabyte)
  await client.patch(path, 'middle', { at: terabyte / 2 })
  const other = world.at(3).client
  assert.equal((await other.stat(path)).size, terabyte)
  assert.equal(Buffer.from(await other.readAll(path, { start: -3 })).toString(), '\0\0!')
  const around = { start: terabyte / 2 - 100_000, end: terabyte / 2 + 6 }
  const middle = Buffer.from(await other.readAll(path, around))
  assert.equal(middle.subarray(-6).toString(), 'middle')
  assert(middle.subarray(0, -6).every((byte) => byte === 0))
  const hole = await other.readAll(path, { start: 1e11, end: 1e11 + 5_000_000 })
  assert(hole.every((byte) => byte === 0))
  const stored = (await storedBlocks()) - before
  assert(stored <= 30, `${stored} block files in the whole world`)
  await client.truncate(path, 10)
  assert.equal((await other.readAll(path)).length, 10)
})

test('a file of 96 MiB comes back whole, and in parts that a seek would read', async () => {
  const size = 96 * 1024 * 1024
  const part = bytesOf(1, 1024 * 1024)
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let sent = 0; sent < size; sent += part.length) yield part
  }
  const world = worldOf()
  await world.at(2).client.write('/public/96.bin', chunks(), { sizeBytes: size })
  let read = 0
  for await (const chunk of (await world.at(4).client.read('/public/96.bin')).bytes) {
    for (let at = 0; at < chunk.length; at += 4_099) {
      assert.equal(chunk[at], part[(read + at) % part.length])
    }
    read += chunk.length
  }
  assert.equal(read, size)
  for (const start of [0, 1, 65_535, 65_536, 50_000_001, size - 1]) {
    const [byte] = await world.at(1).client.readAll('/public/96.bin', { start, end: start + 1 })
    assert.equal(byte, part[start % part.length])
  }
})

const entryCount = 2_000

test(`C15: a directory of ${entryCount} entries, made by many clients at all Processors, is listed in pages`, async () => {
  const world = worldOf()
  await world.at(1).client.mkdir('/public/many')
  const numbers = Array.from({ length: entryCount }, (_, index) => index)
  await eachOf(numbers, 128, (index) =>
    world.at((index % 4) + 1).client.mkdir(`/public/many/entry ${index}`),
  )
  for (const n of [2, 3]) {
    const names: string[] = []
    for await (const { name } of world.at(n).client.list('/public/many', { pageSize: 300 })) {
      names.push(name)
    }
    assert.equal(names.length, entryCount)
    assert.equal(new Set(names).size, entryCount)
  }
  assert.equal((await world.at(4).client.stat('/public/many')).size, entryCount)
})
