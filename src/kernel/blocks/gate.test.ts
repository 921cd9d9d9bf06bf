import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Gate } from './gate.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Enter and note it. */
function entering(gate: Gate, order: string[]): (name: string, weight: number) => Promise<void> {
  return async (name, weight) => {
    await gate.enter(weight)
    order.push(name)
  }
}

test('whoever fits goes in at once; others wait their turn, first come, first served', async () => {
  const gate = new Gate(10)
  const order: string[] = []
  const enter = entering(gate, order)
  for (const [name, weight] of [
    ['a', 6],
    ['b', 4],
    ['c', 9],
    ['d', 1],
  ] as const)
    void enter(name, weight)
  await turn()
  assert.deepEqual(order, ['a', 'b'])
  gate.leave(4)
  await turn()
  assert.deepEqual(order, ['a', 'b'], 'd would fit, and c came first')
  gate.leave(6)
  await turn()
  assert.deepEqual(order, ['a', 'b', 'c', 'd'])
  assert.equal(gate.inside, 10)
})

test('what is larger than the limit goes in alone', async () => {
  const gate = new Gate(10)
  const order: string[] = []
  const enter = entering(gate, order)
  void enter('small', 1)
  void enter('huge', 100)
  void enter('next', 1)
  await turn()
  assert.deepEqual(order, ['small'])
  gate.leave(1)
  await turn()
  assert.deepEqual(order, ['small', 'huge'])
  gate.leave(100)
  await turn()
  assert.deepEqual(order, ['small', 'huge', 'next'])
})

test('who gives up while waiting makes room for those behind', async () => {
  const gate = new Gate(10)
  const order: string[] = []
  await gate.enter(8)
  const impatient = new AbortController()
  const waiting = gate.enter(5, impatient.signal)
  void entering(gate, order)('behind', 2)
  await turn()
  assert.deepEqual(order, [])
  impatient.abort(new Error('enough'))
  await assert.rejects(waiting, /enough/)
  await turn()
  assert.deepEqual(order, ['behind'])
  assert.throws(() => void gate.enter(1, impatient.signal), /enough/)
  impatient.abort()
  gate.leave(8)
  gate.leave(2)
  assert.equal(gate.inside, 0)
})
