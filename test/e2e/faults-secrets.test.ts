/** What holders learn of the data that they hold: nothing, on disk or in memory. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs'
import { test } from 'node:test'
import { blockFilesById } from '../../tools/tour/block-files.ts'
import { blocksOf, misplaced } from '../../tools/tour/block-map.ts'
import { type Needle, searchFolders, spellingsOf } from '../../tools/tour/search.ts'
import { until } from '../../tools/tour/until.ts'
import { worldForTests } from './tour-world.ts'

const worldOf = worldForTests('secrets')

/** Text that stands nowhere else in the universe. */
const canary = (what: string): string => `${what}-${randomBytes(16).toString('hex')}`

const contentCanary = canary('content')
const nameCanary = canary('name')
const folderCanary = canary('folder')
const path = `/home/${folderCanary}/${nameCanary}.txt`
const content = Buffer.from(`${contentCanary}\n`.repeat(20_000))

const needles = (texts: readonly string[]): Needle[] =>
  texts.flatMap((text) => spellingsOf(text, Buffer.from(text)))

test('C20, C53: names and contents stand on no disk of any Processor, whoever wrote and read', async () => {
  const world = worldOf()
  await world.at(1).client.write(path, content, { parents: true })
  await world.at(1).client.append(path, contentCanary)
  await world.at(1).client.rename(path, `${path}.renamed`)
  await world.at(3).client.readAll(`${path}.renamed`)
  await world.at(3).client.rename(`${path}.renamed`, path)
  const folders = world.processors.map(({ folder }) => folder)
  const { hits, fileCount } = searchFolders(
    folders,
    needles([contentCanary, nameCanary, folderCanary]),
  )
  assert.deepEqual(hits, [])
  assert(fileCount > 40)
})

test('C20, C53: after everything stopped, too: no journal was flushed with plaintext in it', async () => {
  const world = worldOf()
  await world.stop()
  const folders = world.processors.map(({ folder }) => folder)
  assert.deepEqual(
    searchFolders(folders, needles([contentCanary, nameCanary, folderCanary])).hits,
    [],
  )
  await world.start()
})

/** Whether a text stands in the writable memory of a process. */
function isInMemory(pid: number, text: string): boolean {
  const needle = Buffer.from(text)
  const chunk = Buffer.alloc(8 * 1024 * 1024)
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const match = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line)
      if (match === null) continue
      const end = Number.parseInt(match[2] ?? '', 16)
      for (let at = Number.parseInt(match[1] ?? '', 16); at < end; at += chunk.length / 2) {
        const length = readMemory(memory, chunk, { at, end })
        if (chunk.subarray(0, length).includes(needle)) return true
      }
    }
    return false
  } finally {
    closeSync(memory)
  }
}

/** Some regions are named and cannot be read. */
function readMemory(memory: number, chunk: Buffer, range: { at: number; end: number }): number {
  try {
    return readSync(memory, chunk, 0, Math.min(chunk.length, range.end - range.at), range.at)
  } catch {
    return 0
  }
}

const noMemory = { skip: existsSync('/proc/self/mem') ? false : 'needs /proc' }

test(
  'C20, C53: only the Processor that an application asks ever has plaintext in memory',
  noMemory,
  async () => {
    const world = worldOf()
    const secret = canary('memory')
    const secretPath = `/home/${folderCanary}/${canary('memory-name')}`
    await world.at(1).client.write(secretPath, `${secret}\n`.repeat(50_000))
    await until('holders have their copies', 20_000, async () => {
      const blocks = await blocksOf(world.at(1).client, secretPath)
      return misplaced(blocks, world.processors).length === 0
    })
    const whoHas = (text: string): number[] =>
      world.processors.filter(({ pid }) => isInMemory(pid, text)).map(({ n }) => n)
    const isOf = (numbers: number[], allowed: readonly number[]): void =>
      assert(
        numbers.every((n) => allowed.includes(n)),
        `in the memory of ${numbers.join()}`,
      )
    isOf(whoHas(secret), [1])
    isOf(whoHas(secretPath.split('/').at(-1) ?? ''), [1])
    await world.at(3).client.readAll(secretPath)
    isOf(whoHas(secret), [1, 3])
    // The look itself works: what a Processor serves again and again is found there.
    await until('the look finds what is there', 20_000, async () => {
      const reading = world.at(3).client.readAll(secretPath)
      const isFound = isInMemory(world.at(3).pid, secret)
      await reading
      return isFound
    })
  },
)

test('C54: one block on two Processors has different bytes', async () => {
  const world = worldOf()
  const blocks = await blocksOf(world.at(1).client, path)
  let compared = 0
  for (const { id, holders } of blocks.slice(0, 8)) {
    const copies = holders.map((n) => {
      const [file] = blockFilesById(world.at(n).folder).get(id) ?? []
      assert(file, `block ${id} on Processor ${n}`)
      return readFileSync(file.path)
    })
    for (const [index, copy] of copies.entries()) {
      const other = copies[(index + 1) % copies.length]
      assert(other)
      const sameCount = copy.reduce((sum, byte, at) => sum + (byte === other[at] ? 1 : 0), 0)
      // One byte in 256 agrees by chance.
      assert(sameCount < copy.length / 128, `${sameCount} of ${copy.length} bytes agree`)
      compared++
    }
  }
  assert(compared >= 6)
})
