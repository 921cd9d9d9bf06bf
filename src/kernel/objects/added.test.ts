import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blockIdOf, digestOf, nodeIdOf } from '../../base/ids.ts'
import type { Added } from '../section/index.ts'
import { leavesPerOperationMax, receiptsPerOperationMax } from '../section/index.ts'
import { AddedList } from './added.ts'
import { replaceBlocksMax, replaceReceiptsMax } from './limits.ts'

const batch = (blockCount: number, receiptCount: number): Added => ({
  blocks: Array.from({ length: blockCount }, () => ({
    id: blockIdOf('00'.repeat(16)),
    version: 1,
    hash: digestOf('00'.repeat(32)),
    sealedBytes: 1,
    releaseTag: new Uint8Array(16),
  })),
  receipts: Array.from({ length: receiptCount }, () => ({
    node: nodeIdOf('00'.repeat(32)),
    placementEpoch: 1,
    putMs: 1,
    leaves: Array.from({ length: blockCount }, (_, index) => index),
    signature: new Uint8Array(64),
  })),
})

test('receipts keep naming their own blocks when batches are gathered', () => {
  const list = new AddedList()
  list.add(batch(2, 1))
  list.add(batch(3, 2))
  const { blocks, receipts } = list.take()
  assert.equal(blocks.length, 5)
  assert.deepEqual(
    receipts.map(({ leaves }) => leaves),
    [
      [0, 1],
      [2, 3, 4],
      [2, 3, 4],
    ],
  )
  assert.equal(list.count, 0)
})

test('it is time to stage by receipts as well as by blocks: large blocks bring few to a batch', () => {
  const byBlocks = new AddedList()
  byBlocks.add(batch(replaceBlocksMax - 1, 1))
  assert.equal(byBlocks.isFull, false)
  byBlocks.add(batch(1, 1))
  assert.equal(byBlocks.isFull, true)
  const byReceipts = new AddedList()
  while (!byReceipts.isFull) byReceipts.add(batch(1, 3))
  const { blocks, receipts } = byReceipts.take()
  assert(blocks.length < replaceBlocksMax)
  assert(receipts.length >= replaceReceiptsMax && receipts.length < receiptsPerOperationMax)
  assert.equal(byReceipts.isFull, false)
  const byLeaves = new AddedList()
  while (!byLeaves.isFull) byLeaves.add(batch(64 * 3, 20))
  const many = byLeaves.take()
  assert(many.blocks.length < replaceBlocksMax && many.receipts.length < replaceReceiptsMax)
  assert(sum(many.receipts.map(({ leaves }) => leaves.length)) < leavesPerOperationMax)
  assert.equal(byLeaves.isFull, false)
})

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)
