import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Group, type Member } from '../../../test/conformance/consensus-fixture.ts'
import { makeItem } from '../../simulator/consensus-application.ts'
import type { Message } from './types.ts'

const group = new Group(4)
const self = [0, 1, 2, 3].find((at) => ![1, 2, 3].some((view) => group.leader(view) === at))!
const peer = [0, 1, 2, 3].find((at) => at !== self)!
const chain = group.chain(5)

/** A member for which view 1 is final, 2 notarized, 3 nullified. */
function ahead(): Member {
  const one = group.member(self)
  one.hearCertificate(group.certificate('finalize', 1, { digest: chain[0]!.digest }))
  one.hearCertificate(group.certificate('notarize', 2, { digest: chain[1]!.digest }))
  one.hearCertificate(group.certificate('nullify', 3))
  one.nowMs = 1_000
  return one
}

const certificatesTold = (one: Member): string[] =>
  one
    .sent('certificates')
    .flatMap((message) => (message.kind === 'certificates' ? message.certificates : []))
    .map((certificate) => `${certificate.kind} ${certificate.view}`)

test('a new link: both say where they are and send their votes of this view again', () => {
  const one = ahead()
  one.submit(makeItem(1, 5))
  one.timer('lead')
  one.input({ kind: 'linkUp', peer })
  assert.deepEqual(one.sent('status'), [
    { kind: 'status', view: 4, finalView: 1, height: 0, stableHeight: 0 },
  ])
  assert.deepEqual(one.votes(), ['finalize 2', 'nullify 4'])
  assert(one.ofKind('send').every((effect) => effect.to === peer))
})

test('whoever is behind gets the finalization and the certificates since', () => {
  const one = ahead()
  one.hear(peer, { kind: 'status', view: 1, finalView: 0, height: 0, stableHeight: 0 })
  assert.deepEqual(certificatesTold(one), ['finalize 1', 'notarize 2', 'nullify 3'])
})

test('whoever is behind by a little gets only that', () => {
  const one = ahead()
  one.hear(peer, { kind: 'status', view: 3, finalView: 1, height: 0, stableHeight: 0 })
  assert.deepEqual(certificatesTold(one), ['notarize 2', 'nullify 3'])
})

test('to whoever is ahead we say where we are; he helps', () => {
  const one = group.member(self)
  one.hear(peer, { kind: 'status', view: 4, finalView: 1, height: 1, stableHeight: 0 })
  assert.deepEqual(one.sent('status'), [
    { kind: 'status', view: 1, finalView: 0, height: 0, stableHeight: 0 },
  ])
  const helper = ahead()
  helper.hear(peer, { kind: 'status', view: 1, finalView: 0, height: 0, stableHeight: 0 })
  for (const message of helper.sent('certificates')) one.hear(peer, message)
  assert.equal(one.machine.view, 4)
  assert.equal(one.machine.final.view, 1)
})

test('each ahead in one thing: two members do not answer each other’s status for ever', () => {
  const [one, other] = [ahead(), group.member(peer)]
  other.hearCertificate(group.certificate('finalize', 1, { digest: chain[0]!.digest }))
  other.hearCertificate(group.certificate('finalize', 2, { digest: chain[1]!.digest }))
  other.nowMs = one.nowMs
  let statuses = 0
  one.input({ kind: 'linkUp', peer })
  let toOther = one.sent('status')
  while (toOther.length > 0 && statuses < 100) {
    statuses += toOther.length
    const toOne: Message[] = []
    // Certificates get lost on the way: nobody comes forward.
    for (const message of toOther) {
      other.hear(self, message)
      toOne.push(...other.sent('status'))
    }
    statuses += toOne.length
    toOther = []
    for (const message of toOne) {
      one.hear(peer, message)
      toOther.push(...one.sent('status'))
    }
  }
  assert(statuses <= 4, `${statuses} messages about where the two are`)
})

test('equal in view: our votes again, since his retry shows that something was lost', () => {
  const one = ahead()
  one.submit(makeItem(1, 5))
  one.timer('lead')
  one.hear(peer, { kind: 'status', view: 4, finalView: 1, height: 0, stableHeight: 0 })
  assert.deepEqual(one.votes(), ['finalize 2', 'nullify 4'])
})

test('a leader sends its proposal again, with the justification', () => {
  const leader = group.leader(1)
  const one = group.member(leader)
  one.submit(makeItem(1, 5))
  one.input({ kind: 'linkUp', peer: (leader + 1) % 4 })
  assert.equal(one.sent('propose').length, 1)
  assert.deepEqual(one.votes(), ['notarize 1'])
})

test('however often a peer asks, it is answered twice in Δ0; a new link starts afresh', () => {
  const one = ahead()
  const ask = (): void => {
    one.hear(peer, { kind: 'status', view: 1, finalView: 0, height: 0, stableHeight: 0 })
  }
  let answers = 0
  for (let time = 0; time < 1_000; time += 10) {
    one.nowMs = 2_000 + time
    ask()
    answers += one.sent('certificates').length
  }
  assert.equal(answers, 20)
  one.input({ kind: 'linkUp', peer })
  ask()
  assert.equal(one.sent('certificates').length, 1)
})

test('a vote of long ago shows a peer that is behind; one view late is ordinary', () => {
  const one = ahead()
  one.hearVotes('notarize', 3, { signers: [peer], digest: chain[2]!.digest })
  assert.deepEqual(certificatesTold(one), [])
  one.hearVotes('nullify', 1, { signers: [peer] })
  assert.deepEqual(certificatesTold(one), ['finalize 1', 'notarize 2', 'nullify 3'])
})

test('asked for views, it gives what it has of them, 64 certificates at most', () => {
  const one = ahead()
  one.hear(peer, { kind: 'ask', fromView: 2, toView: 2 })
  assert.deepEqual(certificatesTold(one), ['notarize 2'])
  one.nowMs += 100
  one.hear(peer, { kind: 'ask', fromView: 1, toView: 3 })
  assert.deepEqual(certificatesTold(one), ['finalize 1', 'notarize 2', 'nullify 3'])
  for (let view = 4; view < 200; view++) one.hearCertificate(group.certificate('nullify', view))
  one.nowMs += 100
  one.hear(peer, { kind: 'ask', fromView: 0, toView: Number.MAX_SAFE_INTEGER })
  const told = certificatesTold(one)
  assert(told.length <= 64)
  assert.equal(told.at(-1), 'nullify 199', 'the newest')
})

test('finalize votes that may still matter are sent again, not those of nullified views', () => {
  const one = group.member(self)
  one.hearCertificate(group.certificate('notarize', 1, { digest: chain[0]!.digest }))
  one.hearCertificate(group.certificate('notarize', 2, { digest: chain[1]!.digest }))
  one.hearCertificate(group.certificate('nullify', 2))
  one.input({ kind: 'linkUp', peer })
  assert.deepEqual(one.votes(), ['finalize 1'])
})
