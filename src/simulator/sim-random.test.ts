import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { Mixer } from './mix.ts'
import { SimRandom } from './sim-random.ts'

test('random: seed and name decide; the first numbers are pinned', () => {
  assert.equal(toHex(new SimRandom(42).bytes(16)), '2a0fba051a866b1f6385011ecb99aa61')
  assert.equal(toHex(new SimRandom(42).fork('node').bytes(16)), '642744c7916758093ed7eea1a3e00cd7')
  assert.notEqual(toHex(new SimRandom(43).bytes(16)), toHex(new SimRandom(42).bytes(16)))
  assert.equal(new SimRandom('42').u32(), new SimRandom(42).u32())
})

test('random: a fork does not depend on what else was drawn or forked', () => {
  const plain = new SimRandom(7)
  const busy = new SimRandom(7)
  busy.bytes(100)
  busy.fork('other').bytes(5)
  assert.deepEqual(busy.fork('links').bytes(32), plain.fork('links').bytes(32))
})

test('random: the same purpose again gives a new stream', () => {
  const random = new SimRandom(7)
  const names = new Set<string>()
  const first = new Set<string>()
  for (let index = 0; index < 100; index++) {
    const fork = random.fork('same')
    names.add(fork.name)
    first.add(toHex(fork.bytes(16)))
  }
  assert.equal(names.size, 100)
  assert.equal(first.size, 100)
})

test('random: numbers stay in their ranges and spread over them', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 1_000 }), (seed, limit) => {
      const random = new SimRandom(seed)
      for (let index = 0; index < 20; index++) {
        const below = random.below(limit)
        assert.ok(Number.isInteger(below) && below >= 0 && below < limit)
        for (const drawn of [random.between({ min: 3, max: 5 }), random.skewed({ min: 3, max: 5 })])
          assert.ok(drawn >= 3 && drawn < 5)
      }
    }),
  )
  const random = new SimRandom(1)
  const counts = new Array<number>(10).fill(0)
  for (let index = 0; index < 100_000; index++) {
    const drawn = random.below(10)
    counts[drawn] = (counts[drawn] ?? 0) + 1
  }
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500, `${count} of 10,000`)
  let skewedBelowMiddle = 0
  for (let index = 0; index < 10_000; index++)
    if (random.skewed({ min: 0, max: 1 }) < 0.5) skewedBelowMiddle++
  assert.ok(skewedBelowMiddle > 7_500 && skewedBelowMiddle < 8_300, `${skewedBelowMiddle}`)
})

test('random: every byte value comes, from every lane of a word', () => {
  const bytes = new SimRandom(9).bytes(40_000)
  for (let lane = 0; lane < 4; lane++) {
    const seen = new Set<number>()
    for (let index = lane; index < bytes.length; index += 4) seen.add(bytes[index] ?? 0)
    assert.equal(seen.size, 256)
  }
})

test('random: chances of 0 and 1 are certain, and draw like any other', () => {
  const random = new SimRandom(3)
  const twin = new SimRandom(3)
  for (let index = 0; index < 1_000; index++) {
    assert.equal(random.happens(0), false)
    assert.equal(random.happens(1), true)
    twin.unit()
    twin.unit()
  }
  assert.equal(random.u32(), twin.u32())
})

test('random: pick and shuffled keep to the items', () => {
  const random = new SimRandom(5)
  const items = ['a', 'b', 'c', 'd', 'e']
  const picked = new Set(Array.from({ length: 200 }, () => random.pick(items)))
  assert.deepEqual([...picked].sort(), items)
  const orders = new Set<string>()
  for (let index = 0; index < 200; index++) {
    const order = random.shuffled(items)
    assert.deepEqual([...order].sort(), items)
    orders.add(order.join(''))
  }
  assert.ok(orders.size > 80, `${orders.size} orders of 120`)
  assert.deepEqual(items, ['a', 'b', 'c', 'd', 'e'])
  assert.throws(() => random.pick([]), AssertionError)
  assert.throws(() => random.below(0), AssertionError)
})

test('mix: close inputs give unlike hashes, and lengths count', () => {
  const hashes = new Set<string>()
  for (let index = 0; index < 2_000; index++) hashes.add(new Mixer().text(`node-${index}`).hex())
  hashes.add(new Mixer().text('').hex())
  hashes.add(new Mixer().text('').text('').hex())
  hashes.add(new Mixer().text('a').text('b').hex())
  hashes.add(new Mixer().text('ab').hex())
  hashes.add(new Mixer().bytes(new Uint8Array(3)).hex())
  hashes.add(new Mixer().bytes(new Uint8Array(4)).hex())
  assert.equal(hashes.size, 2_006)
  const changed = new Uint8Array(33)
  const before = new Mixer().bytes(changed).hex()
  changed[32] = 1
  assert.notEqual(new Mixer().bytes(changed).hex(), before)
})
