import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blockIdOf, digestOf } from '../../base/ids.ts'
import type { Blocks } from '../blocks/interface.ts'
import type { BlockRef } from '../section/interface.ts'
import { readAheadBytes } from './limits.ts'
import { type ReadState, readRange } from './read.ts'
import type { PageStore } from './tree.ts'

const blockBytes = 65_536
const blockCount = 100
const call = { deadlineMs: 10_000, signal: new AbortController().signal }

const refOf = (index: number): BlockRef => ({
  id: blockIdOf(index.toString(16).padStart(32, '0')),
  version: 1,
  hash: digestOf(index.toString(16).padStart(64, '0')),
  sealedBytes: blockBytes + 28,
  keyEpoch: 1,
})
const indexOf = (ref: BlockRef): number => Number.parseInt(ref.id, 16)

const noPages: PageStore = {
  load: () => Promise.reject(new Error('the overlay names all blocks')),
  save: () => Promise.reject(new Error('reading saves nothing')),
}

/** A file of 100 blocks, all named by deltas, each filled with its index. */
const state = {
  size: blockCount * blockBytes,
  overlay: new Map(Array.from({ length: blockCount }, (_, index) => [index, refOf(index)])),
  baseLimit: 0,
  attributes: { blockBytes },
  view: { replicas: 3 },
} as unknown as ReadState

type Asked = { readonly index: number; readonly answer: () => void }

/** Blocks that are asked for, and answered when the test says so. */
function slowBlocks(): { readonly blocks: Blocks; readonly asked: Asked[] } {
  const asked: Asked[] = []
  const blocks: Partial<Blocks> = {
    read: (ref) =>
      new Promise((resolve) => {
        const index = indexOf(ref)
        asked.push({ index, answer: () => resolve(new Uint8Array(blockBytes).fill(index)) })
      }),
  }
  return { blocks: blocks as Blocks, asked }
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2))

test('C27: blocks are fetched in parallel, ahead of the reader, and handed out in order', async () => {
  const { blocks, asked } = slowBlocks()
  const range = { start: 0, end: state.size }
  const reading = readRange({ blocks, pages: noPages }, state, range, call)
  const first = reading.next()
  await settle()
  const ahead = readAheadBytes / blockBytes
  assert.deepEqual(
    asked.map(({ index }) => index),
    Array.from({ length: ahead }, (_, index) => index),
  )
  // The last answer comes first; the reader still gets block 0 first.
  for (const { answer } of asked.splice(0).reverse()) answer()
  assert.equal((await first).value?.[0], 0)
  let next = 1
  const answering = setInterval(() => {
    for (const { answer } of asked.splice(0).reverse()) answer()
  }, 1)
  for await (const chunk of reading) assert.equal(chunk[0], next++)
  clearInterval(answering)
  assert.equal(next, blockCount)
})

test('C27: on demand: a range fetches its own blocks alone, and nobody reads for who stopped', async () => {
  const { blocks, asked } = slowBlocks()
  const range = { start: 5 * blockBytes + 10, end: 7 * blockBytes - 10 }
  const reading = readRange({ blocks, pages: noPages }, state, range, call)
  const first = reading.next()
  await settle()
  assert.deepEqual(
    asked.map(({ index }) => index),
    [5, 6],
  )
  for (const { answer } of asked) answer()
  const chunk = (await first).value
  assert.equal(chunk?.length, blockBytes - 10)
  const { blocks: others, asked: otherAsked } = slowBlocks()
  const all = readRange(
    { blocks: others, pages: noPages },
    state,
    { start: 0, end: state.size },
    call,
  )
  const begun = all.next()
  await settle()
  for (const { answer } of otherAsked) answer()
  await begun
  const before = otherAsked.length
  await all.return(undefined)
  await settle()
  assert.equal(otherAsked.length, before)
})
