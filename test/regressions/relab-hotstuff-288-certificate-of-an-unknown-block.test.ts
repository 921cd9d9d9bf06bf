/**
 * relab/hotstuff #288: a certificate for an unknown block left a lagging node behind for good.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeItem } from '../../src/simulator/consensus-application.ts'
import { Group, Table } from '../conformance/consensus-fixture.ts'

const group = new Group(4)
const all = [0, 1, 2, 3]

test('a certificate for an unknown block is a reason to fetch it', () => {
  const table = new Table(group)
  const lagging = group.leader(3)
  const asked: number[] = []
  table.lose = (_from, to, message) => {
    if (message.kind === 'fetch') asked.push(to)
    return to === lagging && message.kind === 'propose'
  }
  for (const self of all) table.submit(self, makeItem(1, 5))
  const one = table.members[lagging]!
  assert.equal(one.machine.final.view, 1)
  assert.equal(asked.length, 1)
  assert.equal(one.machine.executed.height, 1)
  assert.equal(new Set(all.map((self) => table.log(self))).size, 1)
})
