/**
 * Found by seeds here: some members executed the block that ended an epoch, the others followed
 * them into the new one without its state. A quorum of vouchers for that state never came, since
 * only those who have it can vouch: the others waited for ever. And one that was started again
 * meanwhile took the beginning of the epoch for executed, and executed the next block without it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkpointBytes } from '../../src/kernel/consensus/encoding.ts'
import { step } from '../../src/kernel/consensus/machine.ts'
import { createMachine, emptyRestored, type Machine } from '../../src/kernel/consensus/state.ts'
import type { Checkpoint, Effect } from '../../src/kernel/consensus/types.ts'
import { Group } from '../conformance/consensus-fixture.ts'

const group = new Group(4)
const baseHeight = 5
const { genesis } = group.config
const state: Checkpoint = { height: baseHeight, view: 0, digest: genesis, state: genesis }

const follower = (executedHeight?: number): Machine => {
  const executed = { height: executedHeight ?? 0, view: 0, digest: genesis }
  const known = executedHeight === undefined ? {} : { executed }
  return createMachine(group.setup(3), { ...emptyRestored, ...known }, baseHeight)
}

function hear(machine: Machine, signer: number, checkpoint = state): readonly Effect[] {
  const bytes = checkpointBytes(group.context, checkpoint)
  const signature = group.crypto.sign(group.keys[signer]!.secretKey, bytes)
  const message = { kind: 'checkpointVote', vote: { ...checkpoint, signer, signature } } as const
  const now = { monotonicMs: 0, wallMs: 0 }
  return step(machine, { kind: 'message', from: signer, message }, now)
}

const transfers = (effects: readonly Effect[]): number =>
  effects.filter(({ kind }) => kind === 'transfer').length

test('a member that came to an epoch with nothing has executed nothing after a restart', () => {
  assert.equal(follower().executed.height, 0)
  assert.equal(follower().base.height, baseHeight)
})

test('b + 1 vouchers are enough for a member that lacks the beginning of its epoch', () => {
  const machine = follower(3)
  assert.equal(transfers(hear(machine, 0)), 0)
  assert.equal(transfers(hear(machine, 1)), 1)
  assert.deepEqual(machine.checkpoints.transfer?.signers, [0, 1])
  assert.equal(machine.checkpoints.stable, undefined, 'but nothing is pruned for it')
})

test('two of them that differ are not', () => {
  const machine = follower(3)
  hear(machine, 0)
  const other = { ...state, state: group.block(1).digest }
  assert.equal(transfers(hear(machine, 1, other)), 0)
})

test('nor is there any need for a member that can go on with the log', () => {
  const machine = follower(baseHeight)
  hear(machine, 0)
  assert.equal(transfers(hear(machine, 1)), 0)
})
