/**
 * Kingsbury on Tendermint #573: a member that may have lost its memory must not go on voting.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyRestored, type Restored } from '../../src/kernel/consensus/state.ts'
import { makeItem } from '../../src/simulator/consensus-application.ts'
import { Group } from '../conformance/consensus-fixture.ts'

const group = new Group(4)

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
