/** The lists of added blocks, and the gap that a taken-up state leaves in them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import type { Journal } from '../../ports/journal.ts'
import { SimJournals } from '../../simulator/sim-journal.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import { AddedLists } from './added-lists.ts'

const limits = { listHeights: 16 }
const listOf = (height: number): Uint8Array => utf8(`list ${height}`)

async function opened(): Promise<{ journal: Journal; lists: AddedLists }> {
  const journal = await new SimJournals({ random: new SimRandom(1) }).opener().open('group')
  return { journal, lists: new AddedLists({ journal, limits }) }
}

/** As when blocks are executed. */
const execute = (journal: Journal, lists: AddedLists, ...heights: readonly number[]) =>
  journal.commit(heights.map((height) => lists.writeOf(height, listOf(height))))

/** A state was taken up at a height. */
const skipped = (journal: Journal, lists: AddedLists, from: number, to: number) =>
  journal.commit([lists.skip(from, to)])

const keep = (lists: AddedLists, fromHeight: number, nextHeight: number, heights: number[]) =>
  lists.keep(fromHeight, { lists: heights.map(listOf), nextHeight }, heights)

const lacking = (lists: AddedLists, heights: readonly number[]): number[] =>
  heights.filter((height) => lists.lacks(height))

test('lists come in order of heights, up to the end or the gap', async () => {
  const { journal, lists } = await opened()
  await execute(journal, lists, 1, 3, 12)
  const all = await lists.read(1, 13)
  assert.deepEqual(all, { lists: [1, 3, 12].map(listOf), nextHeight: 13 })
  await skipped(journal, lists, 5, 9)
  assert.deepEqual(lacking(lists, [5, 6, 9, 10]), [6, 9])
  assert.deepEqual(await lists.read(2, 13), { lists: [listOf(3)], nextHeight: 6 })
  assert.deepEqual(await lists.read(10, 13), { lists: [listOf(12)], nextHeight: 13 })
})

test('what others say of the gap closes it from below, also over a restart', async () => {
  const { journal, lists } = await opened()
  await skipped(journal, lists, 2, 9)
  await keep(lists, 5, 8, [5])
  assert.deepEqual(lacking(lists, [3, 9]), [3, 9], 'not from the middle')
  await keep(lists, 3, 6, [4, 40])
  const again = new AddedLists({ journal, limits })
  await again.load()
  assert.deepEqual(lacking(again, [3, 5, 6, 9]), [6, 9])
  assert.deepEqual(await again.read(3, 6), { lists: [listOf(4)], nextHeight: 6 })
  await keep(again, 6, 30, [7, 20])
  assert.deepEqual(lacking(again, [6, 9]), [])
  const last = new AddedLists({ journal, limits })
  await last.load()
  assert.deepEqual(lacking(last, [6, 9]), [])
  assert.deepEqual(await last.read(6, 31), { lists: [listOf(7)], nextHeight: 31 })
})

test('C3: a gap that grows while an older part is being filled stays whole, here and on the disk', async () => {
  const { journal, lists } = await opened()
  await skipped(journal, lists, 2, 9)
  await execute(journal, lists, 10)
  // Both commits are under way at once, in either order.
  await Promise.all([skipped(journal, lists, 10, 20), keep(lists, 3, 7, [4])])
  await Promise.all([keep(lists, 7, 9, [8]), skipped(journal, lists, 20, 20)])
  assert.deepEqual(lacking(lists, [8, 11, 20]), [11, 20])
  const again = new AddedLists({ journal, limits })
  await again.load()
  assert.deepEqual(lacking(again, [11, 20]), [11, 20])
})

test('a state of an older height, in place of a damaged one, leaves no gap', async () => {
  const { journal, lists } = await opened()
  await execute(journal, lists, 1, 2, 3)
  await skipped(journal, lists, 3, 2)
  assert.deepEqual(lacking(lists, [1, 2, 3, 4]), [])
})
