import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Gate } from './gate.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a gate lets so many through at once, the others in order, also after failures', async () => {
  const gate = new Gate(3)
  const order: number[] = []
  let running = 0
  let most = 0
  const task = async (number: number): Promise<number> => {
    order.push(number)
    most = Math.max(most, ++running)
    await turn()
    running--
    if (number % 5 === 0) throw new Error(`task ${number}`)
    return number
  }
  for (const round of [1, 2]) {
    order.length = 0
    const numbers = Array.from({ length: 20 }, (_, index) => index)
    const results = await Promise.allSettled(numbers.map((number) => gate.run(() => task(number))))
    assert.deepEqual(order, numbers, `round ${round}`)
    assert.equal(most, 3)
    for (const [number, result] of results.entries())
      assert.equal(result.status, number % 5 === 0 ? 'rejected' : 'fulfilled')
  }
})

test('a gate that was never full does not hold anything back', async () => {
  const gate = new Gate(1)
  for (let round = 0; round < 5; round++) assert.equal(await gate.run(async () => round), round)
  assert.throws(() => new Gate(0))
})
