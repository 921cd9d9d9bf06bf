/**
 * TigerBeetle #1262: replicas crossed a checkpoint while another was taking up the one before, and
 * what it needed next was gone. Here the log behind a checkpoint goes when a quorum vouches for the
 * one after it, and the own snapshot is there: whoever takes up the older state finds what follows.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkpointBytes } from '../../src/kernel/consensus/encoding.ts'
import type { Checkpoint } from '../../src/kernel/consensus/types.ts'
import { Group, type Member } from '../conformance/consensus-fixture.ts'

const group = new Group(4)
const blocks = group.chain(32)
const self = 3

const checkpointAt = (height: number): Checkpoint => {
  const block = blocks[height - 1]!
  return { height, view: block.header.view, digest: block.digest, state: block.digest }
}

function hearVotes(member: Member, height: number, signers: readonly number[]): void {
  const checkpoint = checkpointAt(height)
  for (const signer of signers) {
    const { secretKey } = group.keys[signer]!
    const bytes = checkpointBytes(group.context, checkpoint)
    const vote = { ...checkpoint, signer, signature: group.crypto.sign(secretKey, bytes) }
    member.hear(signer, { kind: 'checkpointVote', vote })
  }
}

const prunedTo = (member: Member): number => member.machine.checkpoints.prunedHeight

test('a snapshot alone, or the first checkpoint, drops nothing', () => {
  const member = group.member(self)
  member.input({ kind: 'snapshot', snapshot: checkpointAt(8) })
  assert.equal(prunedTo(member), 0)
  hearVotes(member, 8, [0, 1])
  assert.equal(member.machine.checkpoints.stable?.height, 8)
  assert.equal(prunedTo(member), 0)
})

test('of two checkpoints the log behind the older one stays, however far this member is', () => {
  const member = group.member(self)
  for (const height of [8, 16, 24]) {
    member.input({ kind: 'snapshot', snapshot: checkpointAt(height) })
    hearVotes(member, height, [0, 1])
    assert.equal(prunedTo(member), height - 8)
  }
  // Who has taken up the state of height 16 is answered from the log, not with yet another state.
  member.machine.executed = { ...member.machine.executed, height: 26 }
  const fetch = { kind: 'fetch', fromHeight: 17, view: 26, digest: blocks[25]!.digest } as const
  member.hear(0, fetch)
  assert.equal(member.ofKind('serve').length, 1)
  // Who needs more gets the newest state.
  member.hear(1, { ...fetch, fromHeight: 16 })
  const [answer] = member.sent('checkpoint')
  assert(answer?.kind === 'checkpoint' && answer.checkpoint.height === 24)
})

test('checkpoints of others do not drop what this member needs at its own restart', () => {
  const member = group.member(self)
  member.input({ kind: 'snapshot', snapshot: checkpointAt(8) })
  for (const height of [8, 16, 24, 32]) hearVotes(member, height, [0, 1, 2])
  assert.equal(member.machine.checkpoints.stable?.height, 32)
  assert.equal(prunedTo(member), 8)
})
