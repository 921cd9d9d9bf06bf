import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Turns } from './turns.ts'

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))
const never = new AbortController().signal

test('turns of one name come one after the other, in order; other names do not wait', async () => {
  const turns = new Turns()
  const order: string[] = []
  const ends: (() => void)[] = []
  for (const who of ['a', 'b', 'c']) {
    void turns.take('file', never).then((end) => {
      order.push(who)
      ends.push(end)
    })
  }
  const endOther = await turns.take('other', never)
  await settle()
  assert.deepEqual(order, ['a'])
  ends[0]!()
  await settle()
  assert.deepEqual(order, ['a', 'b'])
  ends[1]!()
  await settle()
  assert.deepEqual(order, ['a', 'b', 'c'])
  ends[2]!()
  endOther()
  await settle()
  assert.equal(turns.size, 0)
})

test('who gives up stops waiting, and neither ends nor blocks the turns of others', async () => {
  const turns = new Turns()
  const endFirst = await turns.take('file', never)
  const gaveUp = new AbortController()
  const second = turns.take('file', gaveUp.signal)
  const third: (() => void)[] = []
  void turns.take('file', never).then((end) => third.push(end))
  gaveUp.abort()
  const endSecond = await second
  endSecond()
  await settle()
  assert.equal(third.length, 0, 'the first turn is not over')
  endFirst()
  await settle()
  assert.equal(third.length, 1)
  third[0]!()
  const already = await turns.take('file', AbortSignal.abort())
  already()
  await settle()
  assert.equal(turns.size, 0)
})
