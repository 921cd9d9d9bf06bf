import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Group } from '../../../test/conformance/consensus-fixture.ts'
import { type Digest, digestOf } from '../../base/ids.ts'
import type { VoteSigner } from './signer.ts'
import type { Vote, VoteKind } from './types.ts'
import { voteHolds } from './verify.ts'

const group = new Group(4)
const one = digestOf('01'.repeat(32))
const two = digestOf('02'.repeat(32))

const newSigner = (): VoteSigner => group.setup(2).signer as VoteSigner

test('a vote is signed for its group, epoch, kind, view and digest', () => {
  const vote = newSigner().vote('notarize', 3, one)
  const verifier = group.setup(0)
  assert(voteHolds(verifier, vote))
  assert(!voteHolds(verifier, { ...vote, kind: 'finalize' }))
  assert(!voteHolds(verifier, { ...vote, view: 4 }))
  assert(!voteHolds(verifier, { ...vote, digest: two }))
  assert(!voteHolds(verifier, { ...vote, signer: 1 }))
  for (const context of [
    { ...group.context, epoch: 2 },
    { ...group.context, group: digestOf('77'.repeat(32)) },
  ])
    assert(!voteHolds({ ...verifier, context }, vote), 'good in another log')
})

test('asked again, it gives the same vote; asked for another, it stops', () => {
  const signer = newSigner()
  const vote = signer.vote('notarize', 3, one)
  assert.equal(signer.vote('notarize', 3, one), vote)
  assert.throws(() => signer.vote('notarize', 3, two), /second notarize/)
})

test('F after X never, X after F never, N after X never', () => {
  const signer = newSigner()
  signer.vote('nullify', 3, undefined)
  assert.throws(() => signer.vote('finalize', 3, one), /finalize after nullify/)
  assert.throws(() => signer.vote('notarize', 3, one), /notarize after nullify/)
  signer.vote('notarize', 4, one)
  signer.vote('finalize', 4, one)
  assert.throws(() => signer.vote('nullify', 4, undefined), /nullify after finalize/)
})

test('no notarization or nullification in a view that was left; finalizations may come late', () => {
  const signer = newSigner()
  signer.vote('notarize', 5, one)
  assert.throws(() => signer.vote('nullify', 4, undefined), /was left/)
  assert.throws(() => signer.vote('notarize', 4, one), /was left/)
  signer.vote('finalize', 4, one)
})

test('nothing at all in a final view, nor after its memory proved to be lost', () => {
  const signer = newSigner()
  signer.vote('notarize', 5, one)
  signer.raiseFloor(5)
  for (const kind of ['notarize', 'finalize'] as const)
    assert.throws(() => signer.vote(kind, 5, one), /final/)
  signer.mute()
  assert.throws(() => signer.vote('notarize', 6, one), /memory/)
})

test('only a nullification names no block', () => {
  assert.throws(() => newSigner().vote('notarize', 1, undefined))
  assert.throws(() => newSigner().vote('nullify', 1, one))
})

type Wish = { readonly kind: VoteKind; readonly view: number; readonly digest: Digest | undefined }

const wishes = fc.array(
  fc
    .record({
      kind: fc.constantFrom<VoteKind>('notarize', 'nullify', 'finalize'),
      view: fc.integer({ min: 1, max: 6 }),
      digest: fc.constantFrom(one, two),
    })
    .map((wish): Wish => (wish.kind === 'nullify' ? { ...wish, digest: undefined } : wish)),
  { maxLength: 40 },
)

/** What a signer gives of a list of wishes. */
function give(signer: VoteSigner, asked: readonly Wish[]): Vote[] {
  const given: Vote[] = []
  for (const { digest, kind, view } of asked) {
    try {
      given.push(signer.vote(kind, view, digest))
    } catch (error) {
      assert(error instanceof Error && error.name === 'AssertionError')
    }
  }
  return given
}

// Goal: whatever it is asked, in one life or two, it never gives votes that contradict each other,
// and the order in which the journal returns votes has no influence (Ava #328).
test('whatever is asked before and after a restart, no two votes contradict', () => {
  fc.assert(
    fc.property(wishes, wishes, fc.boolean(), (before, after, reversed) => {
      const first = give(newSigner(), before)
      const second = newSigner()
      for (const vote of reversed ? [...first].reverse() : first) second.restore(vote)
      const all = new Map<string, Vote>()
      for (const vote of [...first, ...give(second, after)]) {
        const name = `${vote.kind} ${vote.view}`
        const same = all.get(name)
        assert(same === undefined || same.digest === vote.digest, `two ${name} votes`)
        all.set(name, vote)
      }
      for (let view = 1; view <= 6; view++)
        assert(!(all.has(`nullify ${view}`) && all.has(`finalize ${view}`)), `X and F of ${view}`)
    }),
    { numRuns: 500 },
  )
})

test('a journal with two contradicting votes is not taken up', () => {
  const signer = newSigner()
  signer.restore(group.vote('notarize', 3, { signer: 2, digest: one }))
  assert.throws(() => signer.restore(group.vote('notarize', 3, { signer: 2, digest: two })))
})
