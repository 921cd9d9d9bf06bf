/** What a claim of a later epoch costs whoever hears it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Group } from '../../../test/conformance/consensus-fixture.ts'
import { digestOf } from '../../base/ids.ts'
import { EpochClaims, type LaterEpoch } from './epoch-claims.ts'
import type { EpochClaim, EpochStart, MemberIndex, StableCheckpoint } from './types.ts'

const { config } = new Group(7)
const state = digestOf('5e'.repeat(32))
const genesis = digestOf('ab'.repeat(32))
const later: EpochStart = { epoch: 2, baseHeight: 3, genesis, members: config.members }

/** Signatures are good unless they begin with this. */
const bad = 66

function vouchedBy(signers: readonly MemberIndex[], wrong: MemberIndex[] = []): StableCheckpoint {
  const signatures = signers.map((signer) =>
    new Uint8Array(64).fill(wrong.includes(signer) ? bad : signer),
  )
  return { height: 3, view: 0, digest: genesis, state, signers, signatures }
}

class Ear {
  readonly claims = new EpochClaims()
  verified: MemberIndex[] = []
  asked = 0
  isFree = true

  hear(from: MemberIndex, vouched?: StableCheckpoint, start = later): LaterEpoch | string {
    this.verified = []
    this.asked = 0
    const claim: EpochClaim = { start, vouched }
    const heard = this.claims.add(from, claim, config, {
      holds: (_start, vote) => {
        this.verified.push(vote.signer)
        return vote.signature[0] !== bad
      },
      mayVerify: () => {
        this.asked++
        return this.isFree
      },
    })
    return heard ?? 'nothing'
  }
}

const signersIn = (heard: LaterEpoch | string): MemberIndex[] => {
  assert(typeof heard === 'object', String(heard))
  return heard.votes.map(({ signer }) => signer)
}

test('a claim is forged when one vote in it is, and nothing behind that vote is verified', () => {
  const ear = new Ear()
  assert.equal(ear.hear(1, vouchedBy([1, 2, 3, 4, 5], [2])), 'forged')
  assert.deepEqual(ear.verified, [1, 2])
  assert.equal(ear.hear(1, vouchedBy([1, 2, 3, 4, 7])), 'forged', 'there is no such member')
  assert.deepEqual([ear.verified, ear.asked], [[], 0])
})

test('nothing of a forged claim is kept, and what the member said before stays', () => {
  const ear = new Ear()
  assert.equal(ear.hear(1, vouchedBy([1])), 'nothing')
  assert.equal(ear.hear(1, vouchedBy([1, 3, 4], [4])), 'forged')
  assert.equal(ear.hear(2, vouchedBy([2])), 'nothing')
  assert.deepEqual(signersIn(ear.hear(0, vouchedBy([0]))), [1, 2, 0])
})

test('what a member says again is not verified again, what it says anew is', () => {
  const ear = new Ear()
  assert.equal(ear.hear(1, vouchedBy([1, 2, 3, 4, 5])), 'nothing')
  assert.equal(ear.verified.length, 5)
  assert.equal(ear.hear(1, vouchedBy([1, 2, 3, 4, 5])), 'nothing')
  assert.deepEqual([ear.verified, ear.asked], [[], 0])
  assert.equal(ear.hear(1, vouchedBy([1, 2, 3, 4, 5], [5])), 'forged', 'another signature')
  assert.equal(ear.hear(1, vouchedBy([1, 2])), 'nothing')
  assert.deepEqual(ear.verified, [1, 2])
  assert.equal(ear.hear(1, vouchedBy([1, 2]), { ...later, epoch: 3 }), 'nothing')
  assert.deepEqual(ear.verified, [1, 2], 'of another epoch')
  ear.claims.clear()
  assert.equal(ear.hear(1, vouchedBy([1, 2])), 'nothing')
  assert.deepEqual(ear.verified, [1, 2])
})

test('what would be of no use is not verified', () => {
  const ear = new Ear()
  const signed = vouchedBy([1, 2, 3])
  assert.equal(ear.hear(1, signed, { ...later, epoch: 1 }), 'nothing')
  assert.equal(ear.hear(1, signed, { ...later, members: later.members.slice(1) }), 'nothing')
  assert.equal(ear.hear(1), 'nothing')
  assert.deepEqual([ear.verified, ear.asked], [[], 0])
})

test('a claim that comes too soon to be verified is heard when it is said again', () => {
  const ear = new Ear()
  for (const from of [1, 2]) assert.equal(ear.hear(from, vouchedBy([from])), 'nothing')
  ear.isFree = false
  assert.equal(ear.hear(3, vouchedBy([3])), 'nothing')
  assert.deepEqual([ear.verified, ear.asked], [[], 1])
  assert.equal(ear.hear(2, vouchedBy([2])), 'nothing', 'known ones need no leave')
  assert.equal(ear.asked, 0)
  ear.isFree = true
  assert.deepEqual(signersIn(ear.hear(3, vouchedBy([3]))), [1, 2, 3])
})
