import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { blockIdOf, digestOf } from '../../base/ids.ts'
import type { BlockRef } from '../section/interface.ts'
import { decodePage, encodePage, type Page } from './format.ts'
import { pageRefsMax } from './limits.ts'
import { emptyTree, lookup, type PageStore, rebuild, scan, type Tree, TreeBuilder } from './tree.ts'

const refOf = (seed: number): BlockRef => ({
  id: blockIdOf(seed.toString(16).padStart(32, '0')),
  version: 1,
  hash: digestOf(seed.toString(16).padStart(64, '0')),
  sealedBytes: 65_564,
  keyEpoch: 1,
})

/** Pages in memory, through their encoding. */
function memoryStore(): PageStore & { readonly saves: () => number; readonly loads: () => number } {
  const pages = new Map<string, Uint8Array>()
  let saves = 0
  let loads = 0
  return {
    load: async (ref) => {
      loads++
      const bytes = pages.get(ref.id)
      assert(bytes !== undefined, 'page was saved')
      return decodePage(bytes)
    },
    save: async (page: Page) => {
      const ref = refOf(0x1000_0000 + saves++)
      pages.set(ref.id, encodePage(page).slice())
      return ref
    },
    saves: () => saves,
    loads: () => loads,
  }
}

async function contents(store: PageStore, tree: Tree): Promise<Map<number, string>> {
  const found = new Map<number, string>()
  for await (const [index, ref] of scan(store, tree, { from: 0, to: Number.MAX_SAFE_INTEGER })) {
    found.set(index, ref.id)
  }
  return found
}

test('a streamed file is found block by block, whatever its length', async () => {
  for (const count of [
    0,
    1,
    4,
    5,
    pageRefsMax - 1,
    pageRefsMax,
    pageRefsMax + 1,
    3 * pageRefsMax,
  ]) {
    const store = memoryStore()
    const builder = new TreeBuilder(store)
    for (let index = 0; index < count; index++) await builder.push(refOf(index + 1))
    const tree = await builder.finish()
    assert.equal(store.saves() === 0, count <= 4, `${count}: small files need no page`)
    for (const index of [0, 1, 4, count - 1, pageRefsMax, count >> 1]) {
      const expected = index >= 0 && index < count ? refOf(index + 1).id : undefined
      assert.equal((await lookup(store, tree, index))?.id, expected, `${count} blocks, ${index}`)
    }
    assert.equal((await contents(store, tree)).size, count)
  }
})

test('any sequence of changes and cuts gives what a plain map gives', async () => {
  const indexes = fc.oneof(fc.nat(12), fc.nat(20_000), fc.nat(pageRefsMax ** 2 * 3))
  const step = fc.oneof(
    fc.record({
      changes: fc.array(fc.tuple(indexes, fc.option(fc.integer({ min: 1, max: 1e6 })))),
    }),
    fc.record({ cutAt: indexes }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
      const store = memoryStore()
      const model = new Map<number, string>()
      let tree: Tree = emptyTree
      let blockCount = 0
      for (const one of steps) {
        const changes = new Map<number, BlockRef | undefined>()
        if ('cutAt' in one) {
          blockCount = one.cutAt
          for (const index of [...model.keys()]) if (index >= blockCount) model.delete(index)
        } else {
          for (const [index, seed] of one.changes) {
            blockCount = Math.max(blockCount, index + 1)
            changes.set(index, seed === null ? undefined : refOf(seed))
            if (seed === null) model.delete(index)
            else model.set(index, refOf(seed).id)
          }
        }
        tree = await rebuild(store, tree, { changes, blockCount })
        assert.deepEqual(
          [...(await contents(store, tree))],
          [...model].sort(([a], [b]) => a - b),
        )
      }
    }),
    { numRuns: 200 },
  )
})

test('C28: one block at the end of a sparse terabyte costs a page per level', async () => {
  const store = memoryStore()
  const last = 2 ** 40 / 65_536 - 1
  const changes = new Map([
    [last, refOf(7)],
    ...[0, 1, 2, 3].map((i) => [i, refOf(i + 1)] as const),
  ])
  const tree = await rebuild(store, emptyTree, { changes, blockCount: last + 1 })
  assert.equal(tree.depth, 2)
  assert.equal(store.saves(), 3)
  assert.equal((await lookup(store, tree, last))?.id, refOf(7).id)
  assert.equal(await lookup(store, tree, last - 1), undefined)
})

test('a change rewrites only the pages on its way', async () => {
  const store = memoryStore()
  const builder = new TreeBuilder(store)
  for (let index = 0; index < 5 * pageRefsMax; index++) await builder.push(refOf(index + 1))
  const tree = await builder.finish()
  const before = store.saves()
  const changes = new Map([[pageRefsMax + 3, refOf(9_999_999)]])
  const next = await rebuild(store, tree, { changes, blockCount: 5 * pageRefsMax })
  assert.equal(store.saves() - before, 2)
  assert.equal((await lookup(store, next, pageRefsMax + 3))?.id, refOf(9_999_999).id)
  assert.equal((await lookup(store, tree, pageRefsMax + 3))?.id, refOf(pageRefsMax + 4).id)
})
