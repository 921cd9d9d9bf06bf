/** Votes, certificates, views: who is where, and what follows from it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Group, type Member } from '../../../test/conformance/consensus-fixture.ts'
import { makeItem } from '../../simulator/consensus-application.ts'
import { emptyRestored } from './state.ts'

const group = new Group(4)
const self = [0, 1, 2, 3].find((at) => ![1, 2, 3].some((view) => group.leader(view) === at))!
const others = [0, 1, 2, 3].filter((at) => at !== self)
const member = (): Member => group.member(self)
const block = group.block(1)
const { digest } = block
const other = group.block(1, { items: [] })

test('a quorum of equal votes is a certificate: F follows N, and the view ends', () => {
  const one = member()
  one.hearProposal(block)
  one.hearVotes('notarize', 1, { signers: [others[0]!], digest })
  assert.equal(one.machine.view, 1)
  one.hearVotes('notarize', 1, { signers: [others[1]!], digest })
  assert.equal(one.machine.view, 2)
  assert.deepEqual(one.votes(), ['finalize 1'])
  const sent = one.sent('certificates')
  assert.equal(sent.length, 1, 'whoever leaves a view takes the others along')
})

test('the certificate leaves with the finalize vote: one envelope, and neither before the disk', () => {
  const one = member()
  one.hearCertificate(group.certificate('notarize', 1, { digest }))
  const sends = one.ofKind('send').map((effect) => [effect.message.kind, effect.after])
  assert.deepEqual(sends, [
    ['vote', 1],
    ['certificates', 1],
  ])
})

test('the same vote twice, or another of the same member, is not a second voice', () => {
  const one = member()
  one.hearVotes('notarize', 1, { signers: [others[0]!, others[0]!, others[0]!], digest })
  one.hearVotes('notarize', 1, { signers: [others[0]!], digest: other.digest })
  one.hearVotes('notarize', 1, { signers: [others[1]!], digest })
  assert.equal(one.machine.view, 1)
})

test('votes for different blocks do not add up', () => {
  const one = member()
  one.hearVotes('notarize', 1, { signers: [others[0]!, others[1]!], digest })
  one.hearVotes('notarize', 1, { signers: [others[2]!], digest: other.digest })
  assert.equal(one.machine.view, 1)
})

test('a vote with a wrong signature counts nowhere and is its sender’s fault', () => {
  const one = member()
  const vote = {
    ...group.vote('nullify', 1, { signer: others[0]! }),
    signature: new Uint8Array(64),
  }
  one.hear(others[0]!, { kind: 'vote', vote })
  assert.equal(one.ofKind('demerit').length, 1)
  assert.equal(one.machine.rounds.get(1)?.voteCount, 0)
})

test('C96: two votes in one view are evidence, once, with both signatures', () => {
  const one = member()
  const liar = others[0]!
  one.hearVotes('notarize', 1, { signers: [liar], digest })
  one.hearVotes('notarize', 1, { signers: [liar], digest: other.digest })
  const [found] = one.ofKind('evidence')
  assert.equal(found?.first.signer, liar)
  assert.notEqual(found?.first.digest, found?.second.digest)
  one.hearVotes('notarize', 1, { signers: [liar], digest: other.digest })
  assert.deepEqual(one.ofKind('evidence'), [])
})

test('C96: giving a view up and finalizing it is evidence, also when a certificate shows it', () => {
  const one = member()
  const liar = others[0]!
  one.hearVotes('nullify', 1, { signers: [liar] })
  one.hearVotes('finalize', 1, { signers: [liar], digest })
  assert.equal(one.ofKind('evidence').length, 1)
  const two = member()
  two.hearVotes('nullify', 1, { signers: [liar] })
  const signers = [...others].sort()
  two.hearCertificate(group.certificate('finalize', 1, { digest, signers }))
  assert.deepEqual(
    two.ofKind('evidence').map((effect) => effect.first.signer),
    [liar],
  )
})

test('the safety rule: no F after X, and none once the view is known to be nullified', () => {
  const gaveUp = member()
  gaveUp.submit(makeItem(1, 5))
  gaveUp.timer('lead')
  gaveUp.hearCertificate(group.certificate('notarize', 1, { digest }))
  assert.deepEqual(gaveUp.votes(), [])
  assert.equal(gaveUp.machine.view, 2)
  const knows = member()
  knows.hearCertificate(group.certificate('nullify', 1))
  knows.hearCertificate(group.certificate('notarize', 1, { digest }))
  assert.deepEqual(knows.votes(), [])
})

test('a late notarization of a view that was jumped over still gets its F', () => {
  const one = member()
  const two = group.block(2, { parent: block })
  one.hearCertificate(group.certificate('notarize', 2, { digest: two.digest }))
  assert.deepEqual(one.votes(), ['finalize 2'])
  one.hearCertificate(group.certificate('notarize', 1, { digest }))
  assert.deepEqual(one.votes(), ['finalize 1'])
})

test('a finalization moves the floor: older votes and certificates are not looked at', () => {
  const one = member()
  const two = group.block(2, { parent: block })
  one.hearCertificate(group.certificate('finalize', 2, { digest: two.digest }))
  assert.equal(one.machine.final.view, 2)
  assert.equal(one.machine.view, 3)
  assert.deepEqual(
    one.records().map((record) => record.kind),
    ['final'],
  )
  one.hearVotes('notarize', 1, { signers: others, digest })
  one.hearCertificate(group.certificate('nullify', 1))
  assert.deepEqual(one.records(), [])
  assert.equal(one.machine.rounds.has(1), false)
})

test('a certificate far ahead is never refused; votes far ahead are', () => {
  const one = member()
  one.hearVotes('nullify', 66, { signers: others })
  assert.equal(one.machine.rounds.size, 0)
  one.hearVotes('nullify', 65, { signers: others })
  assert.equal(one.machine.view, 66)
  one.hearCertificate(group.certificate('nullify', 100_000))
  assert.equal(one.machine.view, 100_001)
})

test('a forger makes nobody keep anything', () => {
  const one = member()
  for (let view = 1; view < 200; view++) {
    const certificate = group.certificate('nullify', view)
    const signatures = certificate.signatures.map(() => new Uint8Array(64))
    one.hearCertificate({ ...certificate, signatures })
  }
  assert.equal(one.machine.rounds.size, 0)
  assert.equal(one.machine.view, 1)
})

test('a known certificate, or one of votes that were checked, costs no verification', () => {
  const setup = group.setup(self)
  let checked = 0
  const counting = {
    ...setup.crypto,
    verify: (...args: Parameters<typeof setup.crypto.verify>): boolean => {
      checked++
      return setup.crypto.verify(...args)
    },
  }
  const one = member()
  Object.assign(one.machine.setup, { crypto: counting })
  const signers = [others[0]!, others[1]!]
  one.hearVotes('notarize', 1, { signers, digest })
  assert.equal(checked, 2)
  const whole = group.certificate('notarize', 1, { digest, signers: [...others].sort() })
  one.hearCertificate(whole)
  assert.equal(checked, 3, 'the third member’s only')
  one.hearCertificate(whole, others[2]!)
  one.hearVotes('notarize', 1, { signers: others, digest })
  assert.equal(checked, 3)
})

test('C96: more liars than the bound: two finalizations of one view raise the alarm', () => {
  const one = member()
  one.hearCertificate(group.certificate('finalize', 1, { digest, signers: [...others].sort() }))
  one.hearCertificate(
    group.certificate('finalize', 1, { digest: other.digest, signers: [...others].sort() }),
  )
  const [alarm] = one.ofKind('alarm')
  assert.equal(alarm?.certificates.length, 2)
})

test('C96: more liars than the bound: a view finalized and nullified raises the alarm', () => {
  const one = member()
  const signers = [...others].sort()
  one.hearCertificate(group.certificate('nullify', 1, { signers }))
  one.hearCertificate(group.certificate('finalize', 1, { digest, signers }))
  assert.equal(one.ofKind('alarm').length, 1)
})

test('amnesia: a vote of ours that we do not know silences us for the epoch, restarts included', () => {
  const one = member()
  const signers = [self, others[0]!, others[1]!].sort()
  one.hearCertificate(group.certificate('notarize', 1, { digest, signers }))
  assert.equal(one.ofKind('amnesia').length, 1)
  assert.deepEqual(one.votes(), [], 'no F any more')
  assert(one.records().some((record) => record.kind === 'muted'))
  assert.equal(one.machine.view, 2, 'but it follows')
  one.hearProposal(group.block(2, { parent: block }))
  assert.deepEqual(one.votes(), [])
  const again = group.member(self, { ...emptyRestored, muted: true })
  again.hearProposal(block)
  assert.deepEqual(again.votes(), [])
})

test('settled views are pruned from the journal now and then', () => {
  const one = member()
  one.hearCertificate(group.certificate('finalize', 63, { digest }))
  assert(!one.records().some((record) => record.kind === 'prune'))
  one.hearCertificate(group.certificate('finalize', 64, { digest }))
  assert.deepEqual(
    one.records().filter((record) => record.kind === 'prune'),
    [{ kind: 'prune', belowView: 64 }],
  )
})

test('a group of one decides alone, each block after the disk has the vote of the one before', () => {
  const lone = new Group(1)
  const one = lone.member(0)
  one.submit(makeItem(1, 5))
  assert.deepEqual(one.commits(), [1])
  assert.equal(one.ofKind('commit')[0]?.after, 2, 'N is vote 1, F is vote 2')
  one.submit(makeItem(2, 5))
  one.submit(makeItem(3, 5))
  assert.deepEqual(one.commits(), [])
  one.input({ kind: 'durable', ownVote: 2 })
  assert.deepEqual(one.commits(), [2], 'both items in one block')
  assert.equal(one.machine.pool.count, 0)
})
