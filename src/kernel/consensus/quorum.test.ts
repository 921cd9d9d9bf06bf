import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Group, Table } from '../../../test/conformance/consensus-fixture.ts'
import { nodeIdOf } from '../../base/ids.ts'
import { makeItem } from '../../simulator/consensus-application.ts'
import { byzBound, checkConfig, defaultQuorum, leaderOrder, silentBound } from './quorum.ts'

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
    const q = defaultQuorum(n)
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
    sizes.map((n) => [n, defaultQuorum(n), boundOf(n)]),
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
  assert.throws(() => defaultQuorum(0))
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
  for (const quorum of [2, 5, 3.5])
    assert.throws(() => checkConfig({ ...config, quorum }), /quorum/, `${quorum}`)
  checkConfig({ ...config, quorum: 4 })
  const short = { ...a!, consensusKey: new Uint8Array(31) }
  assert.throws(() => checkConfig({ ...config, members: [short, b!, c!, d!] }), /32 bytes/)
})

/** What `liars` of seven members can bring about who tell each half of the others another block. */
function certificatesOf(group: Group, liars: number): number {
  const [first, second] = [group.block(1), group.block(1, { items: [] })]
  const correct = [0, 1, 2, 3, 4, 5, 6].slice(liars)
  const half = Math.ceil(correct.length / 2)
  const signersOf = [correct.slice(0, half), correct.slice(half)]
  const isFormed = [first, second].map(({ digest }, side) => {
    const listener = group.member(signersOf[side]![0]!)
    const liarSigners = Array.from({ length: liars }, (_, index) => index)
    const signers = [...liarSigners, ...signersOf[side]!]
    listener.hearVotes('notarize', 1, { signers, digest })
    return listener.machine.rounds.get(1)?.certificates.notarize !== undefined
  })
  return isFormed.filter(Boolean).length
}

test('C52: the quorum is a parameter: a larger one survives more liars and fewer silent members', () => {
  const [normal, safe] = [new Group(7), new Group(7, {}, 6)]
  assert.deepEqual([byzBound(normal.config), silentBound(normal.config)], [2, 2])
  assert.deepEqual([byzBound(safe.config), silentBound(safe.config)], [4, 1])
  // Three liars fork a group with q = 5 and not one with q = 6; five fork that, too.
  assert.deepEqual([certificatesOf(normal, 2), certificatesOf(normal, 3)], [1, 2])
  assert.deepEqual([certificatesOf(safe, 2), certificatesOf(safe, 3)], [0, 0])
  assert.deepEqual([certificatesOf(safe, 4), certificatesOf(safe, 5)], [1, 2])
})

for (const { quorum, silent, goesOn } of [
  { quorum: 5, silent: 2, goesOn: true },
  { quorum: 6, silent: 1, goesOn: true },
  { quorum: 6, silent: 2, goesOn: false },
  { quorum: 7, silent: 0, goesOn: true },
  { quorum: 7, silent: 1, goesOn: false },
])
  test(`C52: n = 7, q = ${quorum}, ${silent} silent: ${goesOn ? 'goes on' : 'stops'}`, () => {
    const group = new Group(7, {}, quorum)
    const leader = group.leader(1)
    const gone = [0, 1, 2, 3, 4, 5, 6].filter((at) => at !== leader).slice(0, silent)
    const table = new Table(group)
    table.lose = (from, to) => gone.includes(from) || gone.includes(to)
    table.submit(leader, makeItem(1, 5))
    const executed = table.executed.map((log) => log.length)
    for (const [member, count] of executed.entries())
      assert.equal(count, goesOn && !gone.includes(member) ? 1 : 0, `member ${member}`)
  })
