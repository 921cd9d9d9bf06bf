import assert from 'node:assert/strict'
import { test } from 'node:test'
import { consensusLimitsOf } from './limits.ts'
import { Pool } from './pool.ts'

const item = (length: number, fill = 1): Uint8Array => new Uint8Array(length).fill(fill)
const none: ReadonlySet<string> = new Set()

const newPool = (): Pool =>
  new Pool(
    consensusLimitsOf({
      poolCountMax: 4,
      poolBytesMax: 100,
      itemBytesMax: 60,
      payloadBytesMax: 100,
      executedKeysMax: 3,
    }),
  )

test('items leave in the order in which they came, as many as fit into a block', () => {
  const pool = newPool()
  assert(pool.add('a', { item: item(40), hash: 'ha' }))
  assert(pool.add('b', { item: item(40), hash: 'hb' }))
  assert(pool.add('c', { item: item(5), hash: 'hc' }))
  // 40 + 4, 40 + 4 and four bytes of count are 92; the third needs nine more.
  assert.deepEqual(pool.take(none), [item(40), item(40)])
  assert.deepEqual(pool.take(new Set(['a'])), [item(40), item(5)])
  assert.equal(pool.count, 3, 'taking is not leaving')
})

test('a large item is not overtaken by small ones for ever', () => {
  const pool = newPool()
  pool.add('a', { item: item(30), hash: 'ha' })
  pool.add('large', { item: item(60), hash: 'hl' })
  pool.add('c', { item: item(5), hash: 'hc' })
  assert.deepEqual(pool.take(none), [item(30)])
  assert.deepEqual(pool.take(new Set(['a'])), [item(60), item(5)])
})

test('it is bounded by count and by bytes, and room comes back', () => {
  const pool = newPool()
  assert(pool.add('a', { item: item(60), hash: 'ha' }))
  assert(!pool.add('b', { item: item(50), hash: 'hb' }), 'too many bytes')
  assert(pool.add('c', { item: item(10), hash: 'hc' }))
  assert(pool.add('d', { item: item(10), hash: 'hd' }))
  assert(pool.add('e', { item: item(10), hash: 'he' }))
  assert(!pool.add('f', { item: item(1), hash: 'hf' }), 'too many items')
  pool.executed('a')
  assert.equal(pool.bytes, 30)
  assert(pool.add('b', { item: item(50), hash: 'hb' }))
})

test('adding is idempotent by key, before and after execution', () => {
  const pool = newPool()
  assert(pool.add('a', { item: item(10), hash: 'ha' }))
  assert(pool.add('a', { item: item(10), hash: 'ha' }))
  assert.equal(pool.count, 1)
  pool.executed('a')
  assert(pool.add('a', { item: item(10), hash: 'ha' }))
  assert.equal(pool.count, 0, 'a late copy is not ordered again')
})

test('executed keys are remembered for a while only', () => {
  const pool = newPool()
  for (const key of ['a', 'b', 'c', 'd']) pool.executed(key)
  pool.add('a', { item: item(10), hash: 'ha' })
  pool.add('d', { item: item(10), hash: 'hd' })
  assert.equal(pool.count, 1)
})

test('bytes that wait are known by their hash, so that they are checked once', () => {
  const pool = newPool()
  pool.add('a', { item: item(10), hash: 'ha' })
  assert.equal(pool.keyOfBytes('ha'), 'a')
  assert.equal(pool.keyOfBytes('hb'), undefined)
  pool.executed('a')
  assert.equal(pool.keyOfBytes('ha'), undefined)
})
