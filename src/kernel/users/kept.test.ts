import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Allowance } from './allowance.ts'
import { Kept } from './kept.ts'

test('kept: holds so many, and lets go what was used longest ago', () => {
  const kept = new Kept<number>(3)
  for (const [index, key] of ['a', 'b', 'c'].entries()) kept.set(key, index)
  assert.equal(kept.get('a'), 0)
  kept.set('d', 3)
  assert.equal(kept.get('b'), undefined)
  assert.deepEqual([kept.get('a'), kept.get('c'), kept.get('d')], [0, 2, 3])
  assert.equal(kept.size, 3)
})

test('kept: setting again replaces and lets go nothing', () => {
  const kept = new Kept<number>(2)
  kept.set('a', 1)
  kept.set('b', 2)
  kept.set('a', 3)
  assert.deepEqual([kept.get('a'), kept.get('b'), kept.size], [3, 2, 2])
  kept.delete('a')
  assert.deepEqual([kept.get('a'), kept.size], [undefined, 1])
})

test('allowance: a burst, then a rate; what is given back can be taken again', () => {
  let nowMs = 0
  const allowance = new Allowance({ monotonicMs: () => nowMs }, { burst: 3, perSecond: 2 })
  const takeAll = (): number => {
    let count = 0
    while (allowance.take()) count++
    return count
  }
  assert.equal(takeAll(), 3)
  nowMs = 499
  assert.equal(takeAll(), 0)
  nowMs = 1_000
  assert.equal(takeAll(), 2)
  allowance.giveBack()
  assert.equal(takeAll(), 1)
  nowMs = 1_000_000
  assert.equal(takeAll(), 3, 'no more than the burst is saved up')
  for (let count = 0; count < 10; count++) allowance.giveBack()
  assert.equal(takeAll(), 3)
})
