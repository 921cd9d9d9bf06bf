/**
 * PROTOCOL 2.11: a member that lacked ninety blocks asked everybody for each, on every event.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeItem } from '../../src/simulator/consensus-application.ts'
import { Group, Table } from '../conformance/consensus-fixture.ts'

const group = new Group(4)
const all = [0, 1, 2, 3]
const without = (...gone: number[]): number[] => all.filter((at) => !gone.includes(at))

test('catching up asks one member at a time, whatever else goes on', () => {
  const table = new Table(group)
  const lagging = group.leader(4)
  const peers = without(lagging)
  let asked = 0
  let answersLost = true
  table.lose = (_from, to, message) => {
    if (message.kind === 'fetch') asked++
    if (to !== lagging) return false
    return message.kind === 'propose' || (answersLost && message.kind === 'range')
  }
  const work = (first: number, last: number): void => {
    for (let id = first; id <= last; id++)
      for (const self of peers) table.submit(self, makeItem(id, 5))
    table.fire('nudge')
  }
  for (let turn = 0; turn < 30; turn++) {
    work(3 * turn + 1, 3 * turn + 3)
    table.fire('lead')
    table.fire('advance')
  }
  const missing = table.members[peers[0]!]!.machine.executed.height
  assert(missing > 30, `height ${missing}`)
  assert(asked <= 1, `${asked} questions while the first was under way`)
  answersLost = false
  table.fire('fetch', [lagging])
  assert(asked <= 4, `${asked} questions in all`)
  assert.equal(table.log(lagging), table.log(peers[0]!))
})
