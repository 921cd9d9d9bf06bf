import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ConsensusLimits, consensusLimitsOf } from './limits.ts'
import { Pool } from './pool.ts'

const item = (length: number, fill = 1): Uint8Array => new Uint8Array(length).fill(fill)
const none: ReadonlySet<string> = new Set()

const newPool = (limits: Partial<ConsensusLimits> = {}): Pool =>
  new Pool(
    consensusLimitsOf({
      poolCountMax: 8,
      poolBytesMax: 200,
      itemBytesMax: 60,
      payloadBytesMax: 100,
      executedKeysMax: 3,
      ...limits,
    }),
  )

const add = (pool: Pool, key: string, bytes: Uint8Array, client = 'client'): boolean =>
  pool.add(key, { item: bytes, hash: `h${key}`, client })

test('a client’s items leave in the order in which they came, as many as fit into a block', () => {
  const pool = newPool()
  assert(add(pool, 'a', item(40)))
  assert(add(pool, 'b', item(40)))
  assert(add(pool, 'c', item(5)))
  // 40 + 4, 40 + 4 and four bytes of count are 92; the third needs nine more.
  assert.deepEqual(pool.take(none), [item(40), item(40)])
  assert.deepEqual(pool.take(new Set(['a'])), [item(40), item(5)])
  assert.equal(pool.count, 3, 'taking is not leaving')
})

test('a large item is not overtaken by small ones for ever', () => {
  const pool = newPool()
  add(pool, 'a', item(30))
  add(pool, 'large', item(60))
  add(pool, 'c', item(5))
  assert.deepEqual(pool.take(none), [item(30)])
  assert.deepEqual(pool.take(new Set(['a'])), [item(60), item(5)])
})

test('clients take turns: a flood delays another client by one item', () => {
  const pool = newPool({ poolCountMax: 100, poolBytesMax: 10_000 })
  for (let index = 0; index < 40; index++) add(pool, `flood ${index}`, item(20, 1), 'flooder')
  assert(add(pool, 'x', item(20, 2), 'patient'))
  assert(add(pool, 'y', item(20, 3), 'patient'))
  const kinds = pool.take(none).map((bytes) => bytes[0])
  assert.deepEqual(kinds, [1, 2, 1, 3])
  // Blocks that are under way change nothing about whose turn it is.
  const underWay = new Set(['flood 0', 'x', 'flood 1'])
  assert.deepEqual(
    pool.take(underWay).map((bytes) => bytes[0]),
    [3, 1, 1, 1],
  )
})

test('a client whose item was executed goes behind the others', () => {
  const pool = newPool({ poolCountMax: 100, poolBytesMax: 10_000 })
  const clients = [1, 2, 3, 4, 5, 6]
  for (const client of clients)
    for (const round of ['a', 'b'])
      add(pool, `${client}${round}`, item(20, client), `client ${client}`)
  const served: (number | undefined)[] = []
  for (let block = 0; block < 3; block++) {
    const taken = pool.take(none)
    served.push(...taken.map((bytes) => bytes[0]))
    for (const [client] of taken) {
      const key = served.filter((one) => one === client).length === 1 ? 'a' : 'b'
      pool.executed(`${client}${key}`)
    }
  }
  assert.deepEqual(served, [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6])
  assert.equal(pool.count, 0)
  assert.equal(pool.bytes, 0)
})

test('it is bounded by count and by bytes: a client holds no more than it leaves, room comes back', () => {
  const pool = newPool()
  assert(add(pool, 'a', item(60)))
  assert(!add(pool, 'b', item(50)), 'too many bytes')
  assert(add(pool, 'c', item(10)))
  assert(add(pool, 'd', item(10)))
  assert(add(pool, 'e', item(10)))
  assert(!add(pool, 'f', item(1)), 'too many items')
  pool.executed('a')
  assert.equal(pool.bytes, 30)
  assert(add(pool, 'b', item(50)))
})

test('however much some clients send, another one still gets in', () => {
  const pool = newPool({ poolCountMax: 1_000, poolBytesMax: 100_000 })
  for (let flooder = 0; flooder < 9; flooder++) {
    for (let index = 0; ; index++)
      if (!add(pool, `${flooder} ${index}`, item(50), `flooder ${flooder}`)) break
  }
  assert(pool.count < 1_000 && pool.bytes < 100_000)
  assert(add(pool, 'late', item(60, 2), 'latecomer'))
  assert(pool.take(none).length > 0)
  assert(!add(pool, 'more', item(50), 'flooder 0'), 'and they are told so')
})

test('k clients that flood one after another leave 1/2^k: an item gets in that fits twice', () => {
  const pool = newPool({ poolCountMax: 100_000, poolBytesMax: 64_000 })
  for (let flooder = 1; flooder <= 4; flooder++) {
    for (let index = 0; ; index++)
      if (!add(pool, `${flooder} ${index}`, item(50), `flooder ${flooder}`)) break
    assert(64_000 - pool.bytes >= 64_000 / 2 ** flooder, `${flooder} flooders`)
  }
  const freeBytes = 64_000 - pool.bytes
  assert(!add(pool, 'large', item(freeBytes / 2 + 1), 'latecomer'))
  assert(add(pool, 'fits', item(freeBytes / 2), 'latecomer'))
})

test('adding is idempotent by key, before and after execution', () => {
  const pool = newPool()
  assert(add(pool, 'a', item(10)))
  assert(add(pool, 'a', item(10)))
  assert.equal(pool.count, 1)
  pool.executed('a')
  assert(add(pool, 'a', item(10)))
  assert.equal(pool.count, 0, 'a late copy is not ordered again')
})

test('executed keys are remembered for a while only', () => {
  const pool = newPool()
  for (const key of ['a', 'b', 'c', 'd']) pool.executed(key)
  add(pool, 'a', item(10))
  add(pool, 'd', item(10))
  assert.equal(pool.count, 1)
})

test('bytes that wait are known by their hash, so that they are checked once', () => {
  const pool = newPool()
  add(pool, 'a', item(10))
  assert.equal(pool.keyOfBytes('ha'), 'a')
  assert.equal(pool.keyOfBytes('hb'), undefined)
  pool.executed('a')
  assert.equal(pool.keyOfBytes('ha'), undefined)
})
