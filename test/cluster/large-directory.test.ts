/**
 * A directory of 100,000 entries through the file system, namespace, keys, sessions and section
 * that a Processor runs, over a group of one in this process: four Processors on a test machine
 * would agree on it for a quarter of an hour.
 *
 * Most entries are made as the file system makes them (draw the object, seal its name, one create
 * and one link), but 32 to a command, and without its looks at the path before and after each; the
 * last thousand by the file system itself, in the directory that large.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { directoryKind } from '../../src/kernel/filesystem/info.ts'
import { entryTag } from '../../src/kernel/keys/index.ts'
import { parsePath } from '../../src/kernel/namespace/index.ts'
import { blockBytesDefault } from '../../src/kernel/objects/index.ts'
import type { Operation } from '../../src/kernel/section/index.ts'
import { eachOf } from '../../tools/tour/transfer.ts'
import { crypto, type LocalWorld, localWorld } from './local-world.ts'

const entryCount = 100_000
const byFileSystemCount = 1_000
const perCommand = 32
const directory = '/public/many'
const nameOf = (index: number): string => `entry ${index}`

/** Directories named by the numbers `from` to `to`, some to a command. */
async function makeByCommands(
  world: LocalWorld,
  range: { readonly from: number; readonly to: number },
): Promise<void> {
  const { namespace, files, context } = world
  const { session, deadline, signal } = context()
  const call = { principal: session.keys, deadlineMs: deadline.leftMs, signal }
  const { place } = await namespace.resolve(parsePath(`${directory}/new`), call)
  assert(place)
  const domainKey = await namespace.domainKeyOf(place.directory, call)
  const operationsOf = (name: string): Operation[] => {
    const { view, keys } = place.directory
    const { object, create } = files.draw({
      kind: directoryKind,
      domainKey,
      replicas: view.replicas,
      attributes: { volume: false, blockBytes: blockBytesDefault },
    })
    const tag = entryTag(crypto, keys, name)
    return [create, namespace.link({ ...place, tag, name }, object, 0)]
  }
  const firsts: number[] = []
  for (let first = range.from; first < range.to; first += perCommand) firsts.push(first)
  await eachOf(firsts, 16, async (first) => {
    const count = Math.min(perCommand, range.to - first)
    const names = Array.from({ length: count }, (_, at) => nameOf(first + at))
    const result = await world.submit(names.flatMap(operationsOf))
    assert(result.ok, `entries from ${first} on are refused`)
  })
}

test(`C15: a directory of 100,000 entries is listed in pages, each entry exactly once`, async () => {
  const world = await localWorld(100)
  const { filesystem, context } = world
  await filesystem.makeDirectory(directory, {}, context())
  const byCommands = entryCount - byFileSystemCount
  await makeByCommands(world, { from: 0, to: byCommands })
  const last = Array.from({ length: byFileSystemCount }, (_, at) => nameOf(byCommands + at))
  await eachOf(last, 128, (name) => filesystem.makeDirectory(`${directory}/${name}`, {}, context()))
  assert.equal((await filesystem.stat(directory, context())).size, entryCount)
  const seen = new Set<string>()
  let pageCount = 0
  let cursor: string | undefined
  do {
    const at = cursor === undefined ? {} : { cursor }
    const page = await filesystem.list(directory, { countMax: 1_000, ...at }, context())
    assert.equal(page.damagedCount, 0)
    for (const { name } of page.entries) {
      assert(!seen.has(name), `${name} was listed twice`)
      seen.add(name)
    }
    cursor = page.cursor
    pageCount++
  } while (cursor !== undefined)
  assert.equal(seen.size, entryCount)
  assert.equal(pageCount, 100)
  for (let index = 0; index < entryCount; index++) assert(seen.has(nameOf(index)))
  for (const index of [0, byCommands - 1, byCommands, entryCount - 1]) {
    await filesystem.stat(`${directory}/${nameOf(index)}`, context())
  }
  const again = filesystem.makeDirectory(`${directory}/${nameOf(7)}`, {}, context())
  await assert.rejects(again, { code: 'filesystem/exists' })
})
