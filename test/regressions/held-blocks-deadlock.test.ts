/**
 * Found by seed 44 of four members with tiny buffers: when the memory for blocks without a
 * finalization was full, every member dropped every proposal, and so nothing was ever finalized
 * that would have freed it. Now an empty block is always accepted, and a leader without room
 * proposes one.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeItem } from '../../src/simulator/consensus-application.ts'
import { Group, Table } from '../conformance/consensus-fixture.ts'

const limits = { itemBytesMax: 1_000, payloadBytesMax: 1_100, heldBlocksBytesMax: 1_100 }
const group = new Group(4, limits)
const all = [0, 1, 2, 3]

test('members whose memory is full of blocks without a finalization agree again', () => {
  const table = new Table(group)
  // Proposals arrive, votes do not: blocks of view after view come to nothing, until nobody has
  // room.
  table.lose = (_from, _to, message) => message.kind === 'vote' && message.vote.kind !== 'nullify'
  for (const self of all) table.submit(self, makeItem(1, 900))
  for (let turn = 0; turn < 6; turn++) {
    table.fire('lead')
    table.fire('advance')
    table.fire('nudge')
  }
  for (const { machine } of table.members) {
    assert(machine.heldBytes + 900 > limits.heldBlocksBytesMax, `${machine.heldBytes} bytes held`)
    assert.equal(machine.final.view, 0)
  }
  table.lose = () => false
  for (let turn = 0; turn < 8; turn++) {
    table.fire('nudge')
    table.fire('lead')
    table.fire('advance')
  }
  for (const { machine, self } of table.members) {
    assert(machine.final.view > 0, `member ${self} finalized nothing`)
    assert.equal(machine.pool.count, 0, `member ${self} waits with an item`)
  }
  assert.equal(new Set(all.map((self) => table.log(self))).size, 1)
})
