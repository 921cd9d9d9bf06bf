/**
 * commonware simplex #2192 and relatives: half of the members saw a view notarized, the other half
 * saw it nullified, and neither could accept what the others' leaders proposed.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeItem } from '../../src/simulator/consensus-application.ts'
import { Group, Table } from '../conformance/consensus-fixture.ts'

const all = [0, 1, 2, 3]

test('half saw N, half saw X: the next leader of either half convinces everybody', () => {
  const lead = new Group(4)
  for (const leaderSawN of [true, false]) {
    const table = new Table(lead)
    const leader = lead.leader(2)
    const block = lead.block(1)
    const notarized = lead.certificate('notarize', 1, { digest: block.digest, signers: [0, 1, 2] })
    const nullified = lead.certificate('nullify', 1, { signers: [0, 1, 2] })
    // Certificates were passed on by nobody: each half knows one only.
    table.lose = () => true
    for (const self of all) {
      const inLeadersHalf = self === leader || self === (leader + 1) % 4
      const certificate = inLeadersHalf === leaderSawN ? notarized : nullified
      // These votes are not the members' own: only the view matters here.
      const one = table.members[self]!
      one.machine.muted = true
      one.hearCertificate(certificate)
      one.machine.muted = false
      assert.equal(one.machine.view, 2)
    }
    table.lose = () => false
    for (const self of all) table.submit(self, makeItem(9, 5))
    for (const self of all) table.fire('nudge', [self])
    for (const one of table.members)
      assert(one.machine.rounds.get(2) === undefined || one.machine.view > 2, 'view 2 ended')
    assert(table.members.every((one) => one.machine.final.view >= 2))
  }
})
