/** Several clients at several Processors: one computer, also when they meet. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isApiError, type UnosysClient } from '../../src/sdk/index.ts'
import { eachOf } from '../../tools/tour/transfer.ts'
import { bytesOf, worldForTests } from './tour-world.ts'

const worldOf = worldForTests('clients')
const numbers = [1, 2, 3, 4] as const
const clientAt = (n: number): UnosysClient => worldOf().at(n).client

const textAt = async (n: number, path: string): Promise<string> =>
  Buffer.from(await clientAt(n).readAll(path)).toString()

/** What an application could do anywhere; returns everything that it saw. */
async function script(client: UnosysClient, root: string): Promise<unknown> {
  await client.mkdir(`${root}/a/b`, { parents: true })
  await client.write(`${root}/a/one.txt`, 'one')
  await client.write(`${root}/a/b/two.bin`, bytesOf(2, 200_000), { blockBytes: 4_096 })
  await client.append(`${root}/a/one.txt`, ' and more')
  await client.rename(`${root}/a/one.txt`, `${root}/a/b/1.txt`)
  await client.truncate(`${root}/a/b/two.bin`, 150_000)
  await client.write(`${root}/gone`, 'x')
  await client.remove(`${root}/gone`)
  const seen: unknown[] = []
  for await (const { name, kind, size, blockBytes, replicas } of client.list(`${root}/a/b`)) {
    seen.push({ name, kind, size, blockBytes, replicas })
  }
  const content = Buffer.from(await client.readAll(`${root}/a/b/two.bin`)).toString('base64')
  const text = Buffer.from(await client.readAll(`${root}/a/b/1.txt`)).toString()
  const gone = await client.exists(`${root}/gone`)
  return { seen: seen.map((entry) => JSON.stringify(entry)).sort(), content, text, gone }
}

test('C1: a script run unchanged at each Processor sees the same tree and files', async () => {
  const results = await eachOf(numbers, 4, (n) => script(clientAt(n), `/public/script-${n}`))
  for (const result of results) assert.deepEqual(result, results[0])
  // And what one of them made looks the same from everywhere.
  const views = await eachOf(numbers, 4, async (n) => {
    const [info, page] = await Promise.all([
      clientAt(n).stat('/public/script-1/a/b'),
      clientAt(n).listPage('/public/script-1/a/b'),
    ])
    const bytes = Buffer.from(await clientAt(n).readAll('/public/script-1/a/b/two.bin'))
    return { info, entries: page.entries, content: bytes.toString('base64') }
  })
  for (const view of views) assert.deepEqual(view, views[0])
})

test('two clients at two Processors append to one file: each append is there once', async () => {
  const path = '/public/appended.txt'
  await clientAt(1).write(path, '')
  const lines = Array.from({ length: 40 }, (_, index) => `line ${index}`)
  await eachOf(lines, 8, (line) => clientAt(line.endsWith('1') ? 2 : 4).append(path, `${line}\n`))
  const there = (await textAt(3, path)).trim().split('\n')
  assert.deepEqual([...there].sort(), [...lines].sort())
})

test('two clients at two Processors replace one file: readers see one or the other, whole', async () => {
  const path = '/public/replaced.bin'
  const contents = [bytesOf(10, 300_000), bytesOf(11, 310_000)]
  await clientAt(1).write(path, contents[0]!)
  let isOver = false
  const reading = (async () => {
    let count = 0
    for (; !isOver || count === 0; count++) {
      const got = Buffer.from(await clientAt(3).readAll(path))
      assert(
        contents.some((content) => got.equals(content)),
        'neither the one nor the other',
      )
    }
    return count
  })()
  await eachOf([0, 1, 0, 1, 0, 1, 0, 1], 2, (which) =>
    clientAt(which === 0 ? 1 : 2).write(path, contents[which]!),
  )
  isOver = true
  assert((await reading) > 0)
})

test('of many clients that create one name, at all Processors, one succeeds', async () => {
  const path = '/public/only-one.txt'
  const results = await eachOf([1, 2, 3, 4, 1, 2, 3, 4], 8, async (n) => {
    try {
      await clientAt(n).write(path, `by ${n}`, { ifNoneMatch: '*' })
      return `by ${n}`
    } catch (error) {
      assert(isApiError(error, 'filesystem/precondition'), String(error))
      return undefined
    }
  })
  const winners = results.filter((result) => result !== undefined)
  assert.equal(winners.length, 1)
  assert.equal(await textAt(4, path), winners[0])
})
