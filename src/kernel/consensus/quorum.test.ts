import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Group } from '../../../test/conformance/consensus-fixture.ts'
import { nodeIdOf } from '../../base/ids.ts'
import { byzBound, checkConfig, leaderOrder, quorumOf } from './quorum.ts'

const boundOf = (memberCount: number): number =>
  byzBound({
    members: Array.from({ length: memberCount }, () => ({
      node: nodeIdOf('00'.repeat(32)),
      consensusKey: new Uint8Array(32),
    })),
  })

// Goal: for every size that we could meet, quorums are safe, live and no larger than they must be.
test('C25: two quorums share a correct member, and the silent cannot stop one (n = 1..200)', () => {
  for (let n = 1; n <= 200; n++) {
    const q = quorumOf(n)
    const b = boundOf(n)
    const f = Math.floor((n - 1) / 3)
    assert(2 * q - n >= b + 1, `n=${n}: two quorums could share only liars`)
    assert(q <= n - f, `n=${n}: silent members could stop progress`)
    assert(b >= f, `n=${n}: fewer liars tolerated than a third`)
    if (n % 3 === 1) assert.equal(b, f, `n=${n}`)
    if (n % 3 === 1 && n > 1) assert(2 * (q - 1) - n < b + 1, `n=${n}: quorum larger than needed`)
  }
})

test('sizes that people will meet', () => {
  const sizes = [1, 4, 5, 6, 7, 10, 13, 31, 61]
  assert.deepEqual(
    sizes.map((n) => [n, quorumOf(n), boundOf(n)]),
    [
      [1, 1, 0],
      [4, 3, 1],
      [5, 4, 2],
      [6, 5, 3],
      [7, 5, 2],
      [10, 7, 3],
      [13, 9, 4],
      [31, 21, 10],
      [61, 41, 20],
    ],
  )
  assert.throws(() => quorumOf(0))
})

test('every member leads once in n views, in an order that follows from the genesis', () => {
  const { config, crypto } = new Group(7)
  const order = leaderOrder(config, crypto)
  assert.deepEqual([...order].sort(), [0, 1, 2, 3, 4, 5, 6])
  assert.deepEqual(leaderOrder(config, crypto), order)
  const others = ['33', '44', '55', '66'].map((byte) =>
    leaderOrder({ ...config, genesis: byte.repeat(32) as never }, crypto).join(),
  )
  assert(new Set([...others, order.join()]).size > 2, 'the genesis changes the order')
})

test('a configuration is sorted, without repetitions, with whole keys', () => {
  const { config } = new Group(4)
  checkConfig(config)
  const [a, b, c, d] = config.members
  assert.throws(() => checkConfig({ ...config, members: [b!, a!, c!, d!] }), /sorted/)
  assert.throws(() => checkConfig({ ...config, members: [a!, a!, c!, d!] }), /sorted/)
  assert.throws(() => checkConfig({ ...config, members: [] }), /members/)
  assert.throws(() => checkConfig({ ...config, epoch: 0 }), /epochs/)
  const short = { ...a!, consensusKey: new Uint8Array(31) }
  assert.throws(() => checkConfig({ ...config, members: [short, b!, c!, d!] }), /32 bytes/)
})
