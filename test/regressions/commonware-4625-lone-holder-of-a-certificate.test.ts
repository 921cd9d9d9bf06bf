/**
 * commonware simplex #4625: the only holder of the parent's certificate went away, and the others
 * waited for it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeItem } from '../../src/simulator/consensus-application.ts'
import { Group, Table } from '../conformance/consensus-fixture.ts'

const group = new Group(4)
const all = [0, 1, 2, 3]
const without = (...gone: number[]): number[] => all.filter((at) => !gone.includes(at))

test('the leader that alone holds a certificate disappears: the others go on without it', () => {
  const table = new Table(group)
  const holder = group.leader(2)
  const others = without(holder)
  // Notarize votes of view 1 reach the holder only; and nothing of his reaches anybody.
  table.lose = (from, to, message) =>
    from === holder ||
    (message.kind === 'vote' && message.vote.kind === 'notarize' && to !== holder)
  for (const self of all) table.submit(self, makeItem(1, 5))
  if (group.leader(1) === holder) return assert.fail('another member leads view 1')
  assert.equal(table.members[holder]!.machine.view, 2)
  assert(others.every((self) => table.members[self]!.machine.view === 1))
  table.lose = (from, to) => from === holder || to === holder
  for (let turn = 0; turn < 12; turn++) {
    table.fire('lead', others)
    table.fire('advance', others)
    table.fire('nudge', others)
  }
  const finals = others.map((self) => table.members[self]!.machine.final.view)
  assert(
    finals.every((view) => view >= 3),
    `final views ${finals}`,
  )
  assert.equal(new Set(others.map((self) => table.log(self))).size, 1)
  // It comes back, and learns what happened.
  table.lose = () => false
  for (const self of others) {
    table.input(holder, { kind: 'linkUp', peer: self })
    table.input(self, { kind: 'linkUp', peer: holder })
  }
  assert(table.members[holder]!.machine.final.view >= Math.min(...finals))
})
