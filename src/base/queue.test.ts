import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BoundedQueue } from './queue.ts'

test('queue: first in, first out, like a plain list with limits', () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant('push' as const), item: fc.nat(50) }),
    fc.record({ kind: fc.constantFrom('shift' as const, 'peek' as const, 'drain' as const) }),
  )
  fc.assert(
    fc.property(fc.array(action, { maxLength: 300 }), (actions) => {
      const [countMax, weightMax] = [20, 100]
      const queue = new BoundedQueue<number>({ countMax, weightMax, weigh: (item) => item })
      let model: number[] = []
      const weight = (): number => model.reduce((sum, item) => sum + item, 0)
      for (const each of actions) {
        if (each.kind === 'push') {
          const fits =
            model.length < countMax && (model.length === 0 || weight() + each.item <= weightMax)
          assert.equal(queue.push(each.item), fits)
          if (fits) model.push(each.item)
        } else if (each.kind === 'shift') assert.equal(queue.shift(), model.shift())
        else if (each.kind === 'peek') assert.equal(queue.peek(), model[0])
        else {
          assert.deepEqual(queue.drain(), model)
          model = []
        }
        assert.equal(queue.count, model.length)
        assert.equal(queue.weight, weight())
      }
    }),
  )
})

test('queue: an empty queue takes one item of any weight, a full one refuses unchanged', () => {
  const queue = new BoundedQueue<string>({
    countMax: 2,
    weightMax: 3,
    weigh: (item) => item.length,
  })
  assert.equal(queue.push('far too heavy'), true)
  assert.equal(queue.push('x'), false)
  assert.deepEqual([queue.count, queue.weight], [1, 13])
  assert.equal(queue.shift(), 'far too heavy')
  assert.equal(queue.push('a'), true)
  assert.equal(queue.push('b'), true)
  assert.equal(queue.push(''), false, 'no room for a third item, however light')
  assert.deepEqual(queue.drain(), ['a', 'b'])
  assert.equal(queue.shift(), undefined)
  assert.equal(queue.peek(), undefined)
})

test('queue: without weights only the count bounds it', () => {
  const queue = new BoundedQueue<object>({ countMax: 3 })
  for (const fits of [true, true, true, false]) assert.equal(queue.push({}), fits)
  assert.equal(queue.weight, 0)
})

test('queue: a long life does not make it slow or large', () => {
  const queue = new BoundedQueue<number>({ countMax: 100_000 })
  for (let index = 0; index < 50_000; index++) queue.push(index)
  for (let index = 0; index < 500_000; index++) {
    assert.equal(queue.shift(), index)
    queue.push(50_000 + index)
  }
  assert.equal(queue.count, 50_000)
})
