import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Group, type Member } from '../../../test/conformance/consensus-fixture.ts'
import { makeItem } from '../../simulator/consensus-application.ts'

const group = new Group(4)
const self = [0, 1, 2, 3].find((at) => ![1, 2, 3].some((view) => group.leader(view) === at))!
const others = [0, 1, 2, 3].filter((at) => at !== self)
const member = (): Member => group.member(self)
const block = group.block(1)
const { digest } = block

const delayOf = (one: Member, id: string): number | undefined =>
  one.ofKind('timer').find((effect) => effect.id === id)?.delayMs

test('an idle member sets no timer, sends nothing, and needs nothing', () => {
  const one = member()
  assert.deepEqual(one.effects, [])
  one.input({ kind: 'pooled' })
  assert.deepEqual(one.effects, [])
})

test('work sets the leader’s timer: an item, a proposal, or anybody’s vote', () => {
  const byItem = member()
  byItem.submit(makeItem(1, 5))
  assert.equal(delayOf(byItem, 'lead'), 200)
  const byProposal = member()
  byProposal.hearProposal(block)
  assert.equal(delayOf(byProposal, 'lead'), 200)
  const byVote = member()
  byVote.hearVotes('nullify', 1, { signers: [others[0]!] })
  assert.equal(delayOf(byVote, 'lead'), 200)
})

test('when the work is done, the timers go', () => {
  const one = member()
  one.hearProposal(block)
  one.hearCertificate(group.certificate('notarize', 1, { digest }))
  assert.deepEqual(one.ofKind('timerOff'), [])
  one.hearCertificate(group.certificate('finalize', 1, { digest }))
  assert(one.ofKind('timerOff').some((effect) => effect.id === 'lead'))
  assert.equal(one.machine.armedView, 0)
  one.timer('lead')
  assert.deepEqual(one.votes(), [], 'a timer that fires all the same means nothing')
})

test('a silent leader costs 2Δ, a proposal that nobody notarizes 3Δ', () => {
  const silent = member()
  silent.submit(makeItem(1, 5))
  silent.timer('lead')
  assert.deepEqual(silent.votes(), ['nullify 1'])
  assert.equal(delayOf(silent, 'retry'), 300)
  const proposed = member()
  proposed.hearProposal(block)
  proposed.timer('lead')
  assert.deepEqual(proposed.votes(), [])
  assert.equal(delayOf(proposed, 'advance'), 100)
  proposed.timer('advance')
  assert.deepEqual(proposed.votes(), ['nullify 1'])
})

test('timers of views that were left mean nothing', () => {
  const one = member()
  one.submit(makeItem(1, 5))
  one.hearCertificate(group.certificate('nullify', 1))
  one.timer('lead', 1)
  one.timer('advance', 1)
  one.timer('retry', 1)
  assert.deepEqual(one.effects, [])
})

test('Δ doubles with each view beyond the third without finality, to 16 Δ0 at most', () => {
  const one = member()
  one.submit(makeItem(1, 5))
  const delays: (number | undefined)[] = []
  for (let view = 1; view <= 12; view++) {
    one.hearCertificate(group.certificate('nullify', view))
    if (group.leader(view + 1) !== self) delays.push(delayOf(one, 'lead'))
    else delays.push(one.machine.armedView === view + 1 ? delayOf(one, 'lead') : undefined)
  }
  // Views 2 to 13.
  assert.deepEqual(
    delays.map((delay) => (delay ?? 0) / 200),
    [1, 1, 2, 4, 8, 16, 16, 16, 16, 16, 16, 16],
  )
})

test('votes of a view that was given up are sent again after 3 Δ, and never later than 4 Δ0', () => {
  const one = member()
  one.submit(makeItem(1, 5))
  const delays: (number | undefined)[] = []
  for (let view = 1; view <= 9; view++) {
    one.hearCertificate(group.certificate('nullify', view))
    if (group.leader(view + 1) === self) continue
    one.timer('lead')
    delays.push(delayOf(one, 'retry'))
  }
  assert(delays.length >= 5, `${delays.length} views of others`)
  assert(
    delays.every((delay) => delay === 300 || delay === 400),
    delays.join(),
  )
  assert.equal(delays[0], 300)
  assert.equal(delays.at(-1), 400)
})

test('a leader whose link is down is skipped at once, if a quorum is there without it', () => {
  const one = member()
  const leader = group.leader(1)
  one.input({ kind: 'linkDown', peer: leader })
  one.submit(makeItem(1, 5))
  assert.equal(delayOf(one, 'skip'), 25)
  one.timer('skip')
  assert.deepEqual(one.votes(), ['nullify 1'])
})

test('it is not skipped when it came back, when it proposed, or when nobody else is there', () => {
  const leader = group.leader(1)
  const back = member()
  back.submit(makeItem(1, 5))
  back.input({ kind: 'linkDown', peer: leader })
  assert.equal(delayOf(back, 'skip'), 25)
  back.input({ kind: 'linkUp', peer: leader })
  back.timer('skip')
  assert.deepEqual(back.votes(), [])
  const proposed = member()
  proposed.hearProposal(block)
  proposed.input({ kind: 'linkDown', peer: leader })
  proposed.timer('skip')
  assert.deepEqual(proposed.votes(), [])
  const alone = member()
  for (const peer of others) alone.input({ kind: 'linkDown', peer })
  alone.submit(makeItem(1, 5))
  assert.equal(delayOf(alone, 'skip'), undefined)
})

/** These views are finalized; the item still waits. */
function finalize(one: Member, views: readonly number[]): void {
  for (const view of views)
    one.hearCertificate(group.certificate('finalize', view, { digest: group.block(view).digest }))
}

test('a leader whose last view came to nothing is waited for an eighth of the time, until one stands', () => {
  const one = member()
  one.submit(makeItem(1, 5))
  one.hearCertificate(group.certificate('nullify', 1))
  finalize(one, [2, 3, 4])
  assert.equal(group.leader(5), group.leader(1))
  assert.equal(delayOf(one, 'lead'), 25)
  const fifth = group.block(5, { parent: group.block(4) })
  one.hearProposal(fifth)
  one.timer('lead')
  assert.equal(delayOf(one, 'advance'), 12.5)
  one.hearCertificate(group.certificate('notarize', 5, { digest: fifth.digest }))
  finalize(one, [6, 7, 8])
  assert.equal(delayOf(one, 'lead'), 200)
})

test('that is not done to more members than may lie, nor for ever, nor to oneself', () => {
  const two = member()
  two.submit(makeItem(1, 5))
  two.hearCertificate(group.certificate('nullify', 1))
  two.hearCertificate(group.certificate('nullify', 2))
  finalize(two, [3, 4])
  assert.equal(delayOf(two, 'lead'), 200, 'two of four: that is the weather')
  const often = member()
  often.machine.lostViews[group.leader(1)] = 16
  often.submit(makeItem(1, 5))
  assert.equal(delayOf(often, 'lead'), 200, 'the whole time once in sixteen')
  const own = member()
  own.machine.lostViews[self] = 1
  own.submit(makeItem(1, 5))
  finalize(own, [1, 2, 3])
  assert.equal(group.leader(4), self)
  assert.equal(delayOf(own, 'lead'), 200, 'it knows better of itself')
})

test('having given up, it says so again and again, with all that others may lack', () => {
  const one = member()
  one.hearCertificate(group.certificate('nullify', 1))
  one.submit(makeItem(1, 5))
  one.timer('lead')
  one.timer('retry')
  assert.deepEqual(one.votes(), ['nullify 2'])
  assert.equal(one.sent('certificates').length, 1)
  assert.deepEqual(one.sent('status'), [
    { kind: 'status', view: 2, finalView: 0, height: 0, stableHeight: 0 },
  ])
  assert.equal(delayOf(one, 'retry'), 300)
})

test('a finalization is passed on a little later, to those who did not show that they know it', () => {
  const one = member()
  const certificate = group.certificate('finalize', 1, { digest })
  one.hearCertificate(certificate, others[0]!)
  assert.equal(delayOf(one, 'relay'), 50)
  assert.deepEqual(one.sent('certificates'), [])
  one.hear(others[1]!, { kind: 'status', view: 2, finalView: 1, height: 0, stableHeight: 0 })
  one.timer('relay')
  const told = one.ofKind('send').map((effect) => effect.to)
  assert.deepEqual(told, [others[2]!])
  one.timer('relay')
  assert.deepEqual(
    one.ofKind('send').map((effect) => effect.to),
    [others[2]!],
  )
})

test('nobody can wake an idle group with a vote for an old or far view', () => {
  const one = member()
  one.hearProposal(block)
  one.hearCertificate(group.certificate('finalize', 1, { digest }))
  one.hearVotes('nullify', 1, { signers: others })
  one.hearVotes('nullify', 9, { signers: [others[0]!] })
  assert.deepEqual(one.timers(), [])
})
