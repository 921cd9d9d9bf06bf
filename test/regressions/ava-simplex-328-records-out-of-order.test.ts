/**
 * Ava Labs Simplex #328: records read back out of order let one round start twice, so a leader
 * proposed twice and a nullification came back without its timer, which stalled the group.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyRestored } from '../../src/kernel/consensus/state.ts'
import type { JournalRecord, Vote } from '../../src/kernel/consensus/types.ts'
import { makeItem } from '../../src/simulator/consensus-application.ts'
import { Group } from '../conformance/consensus-fixture.ts'

const group = new Group(4)

const votesIn = (records: readonly JournalRecord[]): Vote[] =>
  records.flatMap((record) => (record.kind === 'myVote' ? [record.vote] : []))

test('after a restart: no second proposal, and a nullified view keeps asking for attention', () => {
  const leader = group.leader(1)
  const before = group.member(leader)
  before.submit(makeItem(1, 5))
  const [proposed] = before.sent('propose')
  assert(proposed?.kind === 'propose')
  const votes = votesIn(before.records())
  const again = group.member(leader, { ...emptyRestored, votes, blocks: [proposed.block] })
  again.submit(makeItem(2, 5))
  assert.deepEqual(again.sent('propose'), [])
  again.input({ kind: 'linkUp', peer: again.others[0]! })
  const [resent] = again.sent('propose')
  assert(resent?.kind === 'propose')
  assert.equal(resent.block.digest, proposed.block.digest, 'the stored one')
  const nullified = group.vote('nullify', 1, { signer: leader })
  const stuck = group.member(leader, { ...emptyRestored, votes: [nullified] })
  assert.deepEqual(stuck.machine.armedView, 1, 'a timer runs')
  stuck.timer('retry')
  assert.deepEqual(stuck.votes(), ['nullify 1'])
})
