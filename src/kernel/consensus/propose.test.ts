import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Group, type Member, wallMs } from '../../../test/conformance/consensus-fixture.ts'
import { makeItem } from '../../simulator/consensus-application.ts'
import { deltaMs } from './state.ts'
import type { Block, Certificate } from './types.ts'

const group = new Group(4)
const leaderOne = group.leader(1)
const voter = (): Member => group.member((leaderOne + 1) % 4)

/** A member that does not lead the first views. */
const follower = [0, 1, 2, 3].find((at) => ![1, 2, 3].some((v) => group.leader(v) === at))!

test('the leader proposes what is submitted, at once, and votes for it', () => {
  const leader = group.member(leaderOne)
  assert(leader.submit(makeItem(7, 5)))
  const [message] = leader.sent('propose')
  assert(message?.kind === 'propose')
  assert.deepEqual(message.block.payload.items, [makeItem(7, 5)])
  assert.equal(message.block.header.parentDigest, group.config.genesis)
  assert.equal(message.block.header.timeMs, wallMs)
  assert.deepEqual(message.justification, [])
  assert.deepEqual(leader.votes(), ['notarize 1'])
})

test('the proposal may leave before the disk has synced, the vote may not', () => {
  const leader = group.member(leaderOne)
  leader.submit(makeItem(7, 5))
  const after = leader.ofKind('send').map((effect) => [effect.message.kind, effect.after])
  assert.deepEqual(after, [
    ['propose', 0],
    ['vote', 1],
  ])
  const writes = leader.ofKind('write').map((effect) => [effect.record.kind, effect.ownVote])
  assert.deepEqual(writes, [
    ['haveBlock', undefined],
    ['myVote', 1],
  ])
})

test('once per view: what comes later goes into the next view', () => {
  const leader = group.member(leaderOne)
  leader.submit(makeItem(1, 5))
  leader.submit(makeItem(2, 5))
  assert.deepEqual(leader.sent('propose'), [])
})

test('nobody but the leader proposes, and an idle leader does not', () => {
  const member = voter()
  member.submit(makeItem(1, 5))
  assert.deepEqual(member.sent('propose'), [])
  assert.deepEqual(group.member(leaderOne).effects, [])
})

test('the next leader proposes on the notarized block, with its certificate, without its items', () => {
  const next = group.member(group.leader(2))
  next.submit(makeItem(1, 5))
  next.submit(makeItem(2, 5))
  const block = group.block(1, { items: [makeItem(1, 5)] })
  next.hearProposal(block)
  const certificate = group.certificate('notarize', 1, { digest: block.digest })
  next.hearCertificate(certificate)
  const [message] = next.sent('propose')
  assert(message?.kind === 'propose')
  assert.equal(message.block.header.parentDigest, block.digest)
  assert.deepEqual(message.block.payload.items, [makeItem(2, 5)])
  assert.deepEqual(message.justification, [certificate])
})

test('an empty block only when finality does not come by itself', () => {
  const next = group.member(group.leader(2))
  const block = group.block(1)
  next.hearProposal(block)
  next.hearCertificate(group.certificate('notarize', 1, { digest: block.digest }))
  assert.deepEqual(next.sent('propose'), [])
  assert(next.timers().includes('nudge'))
  next.timer('nudge')
  const [message] = next.sent('propose')
  assert(message?.kind === 'propose')
  assert.deepEqual(message.block.payload.items, [])
})

test('a leader whose last view was lost does not wait longer than others wait for it', () => {
  const self = group.leader(2)
  const next = group.member(self)
  const nudge = (): number => next.ofKind('timer').find(({ id }) => id === 'nudge')!.delayMs
  const block = group.block(1)
  const learnBlock = (): void => {
    next.hearProposal(block)
    next.hearCertificate(group.certificate('notarize', 1, { digest: block.digest }))
  }
  learnBlock()
  const { delta0Ms } = next.machine.setup
  assert.equal(nudge(), delta0Ms / 2)
  let again = 2
  do {
    next.hearCertificate(group.certificate('nullify', again))
    again++
  } while (group.leader(again) !== self)
  assert.equal(next.machine.lostViews[self], 1)
  // Others arm 2 Δ / 8 for it.
  assert(nudge() < deltaMs(next.machine, again) / 4)
})

test('a leader without a slow ancestor’s payload waits a moment rather than order items twice', () => {
  const next = group.member(group.leader(2))
  next.submit(makeItem(1, 5))
  const block = group.block(1, { items: [makeItem(1, 5)] })
  next.hearCertificate(group.certificate('notarize', 1, { digest: block.digest }))
  assert.deepEqual(next.sent('propose'), [])
  next.hearProposal(block)
  assert.deepEqual(next.sent('propose'), [], 'its only item is under way')
  const other = group.member(group.leader(2))
  other.submit(makeItem(1, 5))
  other.hearCertificate(group.certificate('notarize', 1, { digest: block.digest }))
  other.timer('nudge')
  assert.equal(other.sent('propose').length, 1, 'but not for ever')
})

test('a leader asks for the newest view that nothing explains and for those below, however far back', () => {
  const one = group.member(group.leader(90))
  one.submit(makeItem(1, 5))
  const asked = []
  for (let view = 6; view < 90; view++) {
    one.hearCertificate(group.certificate('nullify', view))
    asked.push(...one.sent('ask'))
  }
  assert(asked.length > 1)
  for (const each of asked) assert.deepEqual(each, { kind: 'ask', fromView: 1, toView: 5 })
})

test('skipped views are explained by nullifications; what cannot be explained is asked for', () => {
  const last = group.leader(3)
  const leader = group.member(last)
  leader.submit(makeItem(1, 5))
  const x2 = group.certificate('nullify', 2)
  leader.hearCertificate(x2)
  assert.deepEqual(leader.sent('propose'), [])
  assert.deepEqual(leader.sent('ask'), [{ kind: 'ask', fromView: 1, toView: 1 }])
  leader.submit(makeItem(2, 5))
  assert.deepEqual(leader.sent('ask'), [], 'once in a view')
  const x1 = group.certificate('nullify', 1)
  leader.hearCertificate(x1)
  const [message] = leader.sent('propose')
  assert(message?.kind === 'propose')
  assert.deepEqual(message.justification, [x2, x1])
  assert.equal(message.block.header.parentView, 0)
})

test('a voter notarizes the leader’s proposal, durably, once', () => {
  const member = voter()
  const block = group.block(1)
  member.hearProposal(block)
  assert.deepEqual(member.votes(), ['notarize 1'])
  assert.deepEqual(
    member.records().map((record) => record.kind),
    ['haveBlock', 'myVote'],
  )
  member.hearProposal(block)
  assert.deepEqual(member.votes(), [])
  member.hearProposal(group.block(1, { items: [] }))
  assert.deepEqual(member.votes(), [], 'the first proposal counts')
})

test('a proposal of somebody who does not lead the view is his fault', () => {
  const member = voter()
  const wrong = (leaderOne + 2) % 4
  member.hear(wrong, { kind: 'propose', block: group.block(1), justification: [] })
  assert.deepEqual(member.votes(), [])
  assert.equal(member.ofKind('demerit')[0]?.peer, wrong)
})

const refused = (of: { block: Block; justification?: Certificate[]; why: string }): void => {
  const member = group.member(follower)
  member.hearProposal(of.block, of.justification ?? [])
  const votes = member.votes().filter((vote) => vote === `notarize ${of.block.header.view}`)
  assert.deepEqual(votes, [], of.why)
}

test('J1: no vote without a certificate of the parent, for this very block', () => {
  const parent = group.block(1)
  const block = group.block(2, { parent })
  refused({ block, why: 'nothing shown' })
  const x1 = group.certificate('nullify', 1)
  refused({ block, justification: [x1], why: 'a nullification is not a notarization' })
  const other = group.block(1, { items: [] })
  const n1 = group.certificate('notarize', 1, { digest: other.digest })
  refused({ block, justification: [n1], why: 'another block is notarized' })
  const member = group.member(follower)
  const right = group.certificate('notarize', 1, { digest: parent.digest })
  member.hearProposal(block, [right])
  assert.deepEqual(member.votes(), ['finalize 1', 'notarize 2'])
})

test('J2: no vote while a skipped view is not nullified; the leader is asked', () => {
  const block = group.block(3)
  const x2 = group.certificate('nullify', 2)
  const member = group.member(follower)
  member.hearProposal(block, [x2])
  assert.deepEqual(member.votes(), [])
  const ask = member.ofKind('send').find((effect) => effect.message.kind === 'ask')
  assert.deepEqual(ask?.message, { kind: 'ask', fromView: 1, toView: 1 })
  assert.equal(ask?.to, group.leader(3))
  member.hearCertificate(group.certificate('nullify', 1))
  assert.deepEqual(member.votes(), ['notarize 3'])
})

test('a proposal that builds below a final block never gets a vote', () => {
  const member = group.member(follower)
  const block = group.block(1)
  member.hearProposal(block)
  member.hearCertificate(group.certificate('finalize', 1, { digest: block.digest }))
  member.hearProposal(group.block(2))
  assert.deepEqual(member.votes(), [])
  assert.deepEqual(member.sent('ask'), [], 'and nobody is asked')
})

test('a forged certificate in a justification is its sender’s fault, and the proposal is dropped', () => {
  const parent = group.block(1)
  const forged = {
    ...group.certificate('notarize', 1, { digest: parent.digest }),
    signatures: Array.from({ length: 3 }, () => new Uint8Array(64)),
  }
  const member = group.member(follower)
  member.hearProposal(group.block(2, { parent }), [forged])
  assert.deepEqual(member.votes(), [])
  assert.equal(member.machine.view, 1)
  assert.equal(member.ofKind('demerit').length, 1)
})

test('no vote for an item that is not valid', () => {
  refused({ block: group.block(1, { items: [new Uint8Array(9)] }), why: 'no item of ours' })
})

test('no vote for a time too far from ours; the tolerance doubles while views fail', () => {
  refused({ block: group.block(1, { timeMs: wallMs + 2_001 }), why: 'the future' })
  refused({ block: group.block(1, { timeMs: wallMs - 2_001 }), why: 'the past' })
  const member = voter()
  member.hearProposal(group.block(1, { timeMs: wallMs + 2_500 }))
  assert.deepEqual(member.votes(), [])
  member.wallMs += 1_000
  member.input({ kind: 'pooled' })
  assert.deepEqual(member.votes(), ['notarize 1'], 'the clock has come near')
  const failing = group.member(follower)
  const views = 4 + 5
  const skipped = Array.from({ length: views - 1 }, (_, at) => group.certificate('nullify', at + 1))
  failing.hearProposal(group.block(views, { timeMs: wallMs + 64_001 }), skipped)
  assert.deepEqual(failing.votes(), [], 'after five failing views the tolerance is 2 s × 2^5')
  const { view } = failing.machine
  assert.equal(view, views)
  failing.wallMs += 1
  failing.input({ kind: 'pooled' })
  assert.deepEqual(failing.votes(), [`notarize ${views}`])
})

test('no vote after giving the view up', () => {
  const member = voter()
  member.submit(makeItem(1, 5))
  member.timer('lead')
  assert.deepEqual(member.votes(), ['nullify 1'])
  member.hearProposal(group.block(1))
  assert.deepEqual(member.votes(), [])
})

test('a proposal of a later view is not kept unless its justification leads there', () => {
  const member = group.member(follower)
  member.hearProposal(group.block(3))
  assert.equal(member.machine.held.size, 0)
})

test('a long justification: the newest certificates travel, the others are asked for', () => {
  const wide = new Group(7)
  const signers = [2, 3, 4, 5, 6]
  const view = wide.viewOf(0, 80)
  const leader = wide.member(0)
  for (let skipped = 1; skipped < view; skipped++)
    leader.hearCertificate(wide.certificate('nullify', skipped, { signers }))
  leader.submit(makeItem(1, 5))
  const [message] = leader.sent('propose')
  assert(message?.kind === 'propose')
  assert.equal(message.justification.length, 65)
  const voting = wide.member(1)
  voting.hearProposal(message.block, message.justification)
  assert.equal(voting.machine.view, view)
  const [ask] = voting.sent('ask')
  assert(ask?.kind === 'ask')
  assert.equal(ask.fromView, 1)
  leader.hear(1, ask)
  for (const answer of leader.sent('certificates')) voting.hear(0, answer)
  assert.deepEqual(voting.votes(), [`notarize ${view}`])
})

test('invalid and oversized items do not enter the pool', () => {
  const member = voter()
  assert(!member.submit(new Uint8Array(9)))
  assert(!member.submit(makeItem(1, group.limits.itemBytesMax + 1)))
  assert(member.submit(makeItem(1, group.limits.itemBytesMax)))
})

test('a flood of one client keeps no item of another out of the next block', () => {
  const leader = group.member(group.leader(2))
  const ofClient = (id: number, client: number): Uint8Array => {
    const item = makeItem(id, 6_000)
    item[5] = client
    return item
  }
  let taken = 0
  for (let id = 1; id <= 5_000; id++) if (leader.submit(ofClient(id, 1))) taken++
  assert(taken > 1_000 && taken < 5_000, `${taken} taken: the rest is refused, not queued`)
  assert(leader.submit(ofClient(9_999, 2)))
  leader.hearCertificate(group.certificate('nullify', 1))
  const [message] = leader.sent('propose')
  assert(message?.kind === 'propose')
  const clients = message.block.payload.items.map((item) => item[5])
  assert.deepEqual(clients.slice(0, 3), [1, 2, 1])
  assert(clients.length > 100, 'and the flood uses the room that others do not')
})

test('blocks that wait are bounded in bytes', () => {
  const tight = new Group(4, {
    heldBlocksBytesMax: 400,
    payloadBytesMax: 400,
    itemBytesMax: 300,
    poolBytesMax: 600,
  })
  const member = tight.member([0, 1, 2, 3].find((at) => at !== tight.leader(1))!)
  member.hearProposal(tight.block(1, { items: [makeItem(1, 300)] }))
  const held = member.machine.heldBytes
  member.hearCertificate(tight.certificate('nullify', 1))
  member.hearProposal(tight.block(2, { items: [makeItem(2, 300)] }))
  assert.equal(member.machine.heldBytes, held)
})

const tightGroup = new Group(4, {
  heldBlocksBytesMax: 400,
  payloadBytesMax: 400,
  itemBytesMax: 300,
  poolBytesMax: 600,
})

test('a block that we did not vote for makes room when its view was left', () => {
  const view = tightGroup.viewOf(0, 1)
  const self = [1, 2, 3].find((at) => tightGroup.leader(view + 1) !== at)!
  const member = tightGroup.member(self)
  for (let skipped = 1; skipped < view; skipped++)
    member.hearCertificate(tightGroup.certificate('nullify', skipped))
  const invalid = new Uint8Array(300)
  member.hearProposal(tightGroup.block(view, { items: [invalid] }))
  assert.deepEqual(member.votes(), [])
  assert(member.machine.heldBytes > 300)
  member.hearCertificate(tightGroup.certificate('nullify', view))
  member.hearProposal(tightGroup.block(view + 1, { items: [makeItem(2, 300)] }))
  assert.deepEqual(member.votes(), [`notarize ${view + 1}`])
  assert(member.machine.heldBytes < 400)
})

test('blocks that fill the memory do not end the group: an empty one has room, and settles them', () => {
  const self = [0, 1, 2, 3].find((at) => ![1, 2].some((view) => tightGroup.leader(view) === at))!
  const member = tightGroup.member(self)
  member.hearProposal(tightGroup.block(1, { items: [makeItem(1, 300)] }))
  assert.deepEqual(member.votes(), ['notarize 1'])
  member.hearCertificate(tightGroup.certificate('nullify', 1))
  const empty = tightGroup.block(2, { items: [] })
  member.hearProposal(empty)
  assert.deepEqual(member.votes(), ['notarize 2'])
  member.hearCertificate(tightGroup.certificate('finalize', 2, { digest: empty.digest }))
  assert.equal(member.machine.heldBytes, 0)
  assert.equal(member.machine.held.size, 0)
})

test('after many views without a finalization leaders propose empty blocks, at once', () => {
  const view = group.viewOf(0, 40)
  const leader = group.member(0)
  for (let skipped = 1; skipped < view; skipped++)
    leader.hearCertificate(group.certificate('nullify', skipped))
  leader.submit(makeItem(1, 5))
  const [message] = leader.sent('propose')
  assert(message?.kind === 'propose')
  assert.equal(message.block.payload.items.length, 0)
  const { digest } = message.block
  leader.hearCertificate(group.certificate('finalize', view, { digest }))
  const next = group.viewOf(0, view + 1)
  for (let skipped = view + 1; skipped < next; skipped++)
    leader.hearCertificate(group.certificate('nullify', skipped))
  const [after] = leader.sent('propose')
  assert(after?.kind === 'propose')
  assert.equal(after.block.payload.items.length, 1, 'then items go on')
})
