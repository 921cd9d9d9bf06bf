import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Group } from '../../../test/conformance/consensus-fixture.ts'
import { digestOf } from '../../base/ids.ts'
import type { ConsensusEvidence, SignedVote } from './interface.ts'
import { certificateHolds, contradicts, evidenceHolds } from './verify.ts'

const group = new Group(4)
const one = digestOf('01'.repeat(32))
const two = digestOf('02'.repeat(32))

test('a certificate needs a quorum of different members, each with its own signature', () => {
  const verifier = group.setup(0)
  const whole = group.certificate('notarize', 3, { digest: one, signers: [0, 1, 3] })
  assert(certificateHolds(verifier, whole))
  assert(certificateHolds(verifier, group.certificate('nullify', 3, { signers: [0, 1, 2, 3] })))
  const few = group.certificate('notarize', 3, { digest: one, signers: [0, 1] })
  assert(!certificateHolds(verifier, few), 'too few')
  const twice = group.certificate('notarize', 3, { digest: one, signers: [0, 1, 1] })
  assert(!certificateHolds(verifier, twice), 'a member counts once')
  assert(!certificateHolds(verifier, { ...whole, signers: [0, 1, 2] }), 'wrong name')
  assert(!certificateHolds(verifier, { ...whole, signers: [0, 1, 4] }), 'no such member')
  assert(!certificateHolds(verifier, { ...whole, signers: [1, 0, 3] }), 'not in order')
  assert(!certificateHolds(verifier, { ...whole, view: 4 }), 'another view')
  assert(!certificateHolds(verifier, { ...whole, kind: 'finalize' }), 'another kind')
  assert(!certificateHolds(verifier, { ...whole, digest: two }), 'another block')
  assert(!certificateHolds(verifier, { ...whole, signatures: whole.signatures.slice(1) }))
})

test('signatures that were checked as votes are not checked again', () => {
  let checked = 0
  const setup = group.setup(0)
  const crypto = {
    ...setup.crypto,
    verify: (...args: Parameters<typeof setup.crypto.verify>): boolean => {
      checked++
      return setup.crypto.verify(...args)
    },
  }
  const whole = group.certificate('notarize', 3, { digest: one })
  const known = (signer: number): Uint8Array | undefined =>
    signer === 0 ? whole.signatures[0] : undefined
  assert(certificateHolds({ ...setup, crypto }, whole, known))
  assert.equal(checked, 2)
  const other = (signer: number): Uint8Array | undefined =>
    signer === 0 ? new Uint8Array(64) : undefined
  assert(certificateHolds({ ...setup, crypto }, whole, other), 'a different known one is checked')
  assert.equal(checked, 5)
})

const vote = (kind: SignedVote['kind'], view: number, digest?: typeof one): SignedVote =>
  group.vote(kind, view, digest === undefined ? { signer: 1 } : { signer: 1, digest })

test('what contradicts: two blocks of one view, or giving a view up and finalizing it', () => {
  const table: [SignedVote, SignedVote, boolean][] = [
    [vote('notarize', 3, one), vote('notarize', 3, two), true],
    [vote('finalize', 3, one), vote('finalize', 3, two), true],
    [vote('nullify', 3), vote('finalize', 3, one), true],
    [vote('finalize', 3, one), vote('nullify', 3), true],
    [vote('notarize', 3, one), vote('notarize', 3, one), false],
    [vote('notarize', 3, one), vote('notarize', 4, two), false],
    [vote('notarize', 3, one), vote('nullify', 3), false],
    [vote('notarize', 3, one), vote('finalize', 3, two), false],
    [vote('nullify', 3), vote('nullify', 3), false],
  ]
  for (const [first, second, expected] of table)
    assert.equal(contradicts(first, second), expected, `${first.kind} ${second.kind}`)
  assert(!contradicts(vote('nullify', 3), group.vote('finalize', 3, { signer: 2, digest: one })))
})

test('C96: evidence proves itself, and nothing else passes for it', () => {
  const verifier = group.setup(3)
  const evidence: ConsensusEvidence = {
    member: group.config.members[1]!.node,
    group: group.config.group,
    epoch: 1,
    first: vote('notarize', 3, one),
    second: vote('notarize', 3, two),
  }
  assert(evidenceHolds(verifier, evidence))
  assert(!evidenceHolds(verifier, { ...evidence, member: group.config.members[2]!.node }))
  assert(!evidenceHolds(verifier, { ...evidence, epoch: 2 }))
  assert(!evidenceHolds(verifier, { ...evidence, group: one }))
  assert(!evidenceHolds(verifier, { ...evidence, second: evidence.first }))
  const forged = { ...evidence.second, signature: evidence.first.signature }
  assert(!evidenceHolds(verifier, { ...evidence, second: forged }))
  const other = group.vote('notarize', 3, { signer: 2, digest: two })
  assert(!evidenceHolds(verifier, { ...evidence, second: other }))
})
