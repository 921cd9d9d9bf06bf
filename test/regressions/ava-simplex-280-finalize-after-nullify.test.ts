/**
 * Ava Labs Simplex #280: the path that sent votes again after a restart signed F for views that had
 * timed out, and clearing old votes erased the memory of it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyRestored } from '../../src/kernel/consensus/state.ts'
import type { JournalRecord, Vote } from '../../src/kernel/consensus/types.ts'
import { Group } from '../conformance/consensus-fixture.ts'

const group = new Group(4)

const votesIn = (records: readonly JournalRecord[]): Vote[] =>
  records.flatMap((record) => (record.kind === 'myVote' ? [record.vote] : []))

test('F after X never, not through a restart and not through sending votes again', () => {
  const self = group.leader(2)
  const before = group.member(self)
  const block = group.block(1)
  before.hearProposal(block)
  const records = before.records()
  before.timer('lead')
  before.timer('advance')
  records.push(...before.records())
  const votes = votesIn(records)
  assert.deepEqual(
    votes.map((vote) => vote.kind),
    ['notarize', 'nullify'],
  )
  const after = group.member(self, { ...emptyRestored, votes, blocks: [block] })
  after.hearCertificate(group.certificate('notarize', 1, { digest: block.digest }))
  assert(!after.votes().some((vote) => vote.startsWith('finalize')))
  after.input({ kind: 'linkUp', peer: after.others[0]! })
  assert(!after.votes().some((vote) => vote.startsWith('finalize')))
  after.timer('retry')
  assert(!after.votes().some((vote) => vote.startsWith('finalize')))
})
