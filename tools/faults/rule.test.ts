// Goal: rules of several origins hold together.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { calm, worstOf } from './rule.ts'

test('of several rules the worst holds', () => {
  assert.deepEqual(worstOf([]), calm)
  const rule = worstOf([
    { delayMs: 50, lost: 0.1 },
    { delayMs: 20, lost: 0.2, stalled: true },
    { stalled: false, cut: 0.3 },
  ])
  assert.deepEqual(rule, { ...calm, delayMs: 50, lost: 0.2, stalled: true, cut: 0.3 })
})
