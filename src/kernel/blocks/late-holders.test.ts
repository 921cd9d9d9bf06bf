import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../../base/ids.ts'
import { Bench, nodes } from './fixture.test.ts'
import { LateHolders } from './late-holders.ts'
import { lateMemoryMs } from './limits.ts'

const [a, b] = nodes as readonly [NodeId, NodeId]

test('a late holder is remembered for a while, longer when it is late again, until it answers', async () => {
  const bench = new Bench()
  const late = new LateHolders(bench.clock)
  assert.equal(late.isLate(a), false)
  assert.equal(late.mark(a), true)
  await bench.pass(lateMemoryMs - 1)
  assert.deepEqual([late.isLate(a), late.isLate(b)], [true, false])
  assert.equal(late.mark(a), false, 'it is not news')
  await bench.pass(lateMemoryMs - 1)
  assert.equal(late.isLate(a), true)
  await bench.pass(1)
  assert.equal(late.isLate(a), false)
  late.mark(a, 60_000)
  late.forget(a)
  assert.equal(late.isLate(a), false)
  assert.equal(late.mark(a), true)
})
