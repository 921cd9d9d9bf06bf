/**
 * Faults that other systems had, told to the machine by hand. Each test names where it was seen and
 * what went wrong there.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyRestored, type Restored } from '../../src/kernel/consensus/state.ts'
import type { JournalRecord, Vote } from '../../src/kernel/consensus/types.ts'
import { makeItem } from '../../src/simulator/consensus-application.ts'
import { Group, Table } from '../conformance/consensus-fixture.ts'

const group = new Group(4)
const all = [0, 1, 2, 3]
const without = (...gone: number[]): number[] => all.filter((at) => !gone.includes(at))

const votesIn = (records: readonly JournalRecord[]): Vote[] =>
  records.flatMap((record) => (record.kind === 'myVote' ? [record.vote] : []))

// Ava Labs Simplex #280: the path that sent votes again after a restart signed F for views that had
// timed out, and clearing old votes erased the memory of it.
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

// Ava Labs Simplex #328: records read back out of order let one round start twice, so a leader
// proposed twice and a nullification came back without its timer, which stalled the group.
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

// commonware simplex #2192 and relatives: half of the members saw a view notarized, the other half
// saw it nullified, and neither could accept what the others' leaders proposed.
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

// commonware simplex #4625: the only holder of the parent's certificate went away, and the others
// waited for it.
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

// relab/hotstuff #288: a certificate for an unknown block left a lagging node behind for good.
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

// PROTOCOL 2.11: a member that lacked ninety blocks asked everybody for each, on every event.
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

// Kingsbury on Tendermint #573: a member that may have lost its memory must not go on voting.
test('a member with an old disk falls silent as soon as it sees a newer vote of its own', () => {
  const old: Restored = emptyRestored
  const one = group.member(2, old)
  const block = group.block(1)
  one.hearCertificate(
    group.certificate('notarize', 1, { digest: block.digest, signers: [0, 1, 2] }),
  )
  assert.equal(one.ofKind('amnesia').length, 1)
  one.submit(makeItem(1, 5))
  one.timer('lead')
  assert.deepEqual(one.votes(), [])
})
