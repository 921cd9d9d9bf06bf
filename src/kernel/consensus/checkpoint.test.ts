/** Checkpoints in one machine: when one is stable, what it lets go, and who takes up a state. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Group, type Member } from '../../../test/conformance/consensus-fixture.ts'
import { toHex } from '../../base/bytes.ts'
import { digestOf } from '../../base/ids.ts'
import { vouchedOf } from './checkpoint.ts'
import { checkpointBytes } from './encoding.ts'
import { checkpointVotesMax } from './limits.ts'
import { emptyRestored } from './state.ts'
import type { Block, Checkpoint, CheckpointVote, StableCheckpoint } from './types.ts'

const group = new Group(4)
const self = 0
const others = [1, 2, 3]
const chain = group.chain(12)

const stateOf = (height: number, salt = 0): Checkpoint['state'] =>
  digestOf(toHex(group.crypto.sha256(Uint8Array.of(height, salt))))

/** The checkpoint after a height of the chain; views are heights there. */
const at = (height: number, salt = 0): Checkpoint => ({
  height,
  view: height,
  digest: chain[height - 1]!.digest,
  state: stateOf(height, salt),
})

function voteFor(checkpoint: Checkpoint, signer: number): CheckpointVote {
  const bytes = checkpointBytes(group.context, checkpoint)
  const signature = group.crypto.sign(group.keys[signer]!.secretKey, bytes)
  return { ...checkpoint, signer, signature }
}

function stableOf(checkpoint: Checkpoint, signers: readonly number[] = others): StableCheckpoint {
  const signatures = signers.map((signer) => voteFor(checkpoint, signer).signature)
  return { ...checkpoint, signers, signatures }
}

const hearVote = (one: Member, checkpoint: Checkpoint, signer: number): void => {
  one.hear(signer, { kind: 'checkpointVote', vote: voteFor(checkpoint, signer) })
}

/** A member that executed the chain up to a height. */
function executedTo(height: number): Member {
  const one = group.member(self)
  for (const block of chain.slice(0, height)) {
    const { view } = block.header
    const { digest } = block
    one.hearProposal(block, view === 1 ? [] : [finalOf(chain[view - 2]!)])
    one.hearCertificate(group.certificate('finalize', view, { digest }))
  }
  assert.equal(one.machine.executed.height, height)
  return one
}

const finalOf = ({ digest, header }: Block) =>
  group.certificate('finalize', header.view, { digest })

test('after its damaged state was taken from others, a member vouches for no height twice', () => {
  const one = executedTo(8)
  one.input({ kind: 'snapshot', snapshot: at(4, 1) })
  one.input({ kind: 'snapshot', snapshot: at(8, 1) })
  one.hear(1, { kind: 'checkpoint', checkpoint: stableOf(at(4)) })
  assert.deepEqual(transfers(one), [4])
  one.input({ kind: 'transferred', checkpoint: at(4), ok: true })
  const asked = one.ofKind('send').find((effect) => effect.message.kind === 'fetch')?.to
  assert(typeof asked === 'number')
  const range = { fromHeight: 5, blocks: chain.slice(4, 8), tail: [] }
  one.hear(asked, { kind: 'range', ...range, certificate: finalOf(chain[7]!) })
  assert.equal(one.machine.executed.height, 8)
  one.input({ kind: 'snapshot', snapshot: at(8) })
  assert.deepEqual(one.sent('checkpointVote'), [], 'it did, wrongly')
  assert.equal(one.machine.checkpoints.own.height, 8)
  assert.equal(vouchedOf(one.machine)?.height, 4, 'what it said wrongly is not said again')
})

const transfers = (one: Member): number[] =>
  one.ofKind('transfer').map((effect) => effect.checkpoint.height)

test('a snapshot is vouched for, and a quorum of equal votes makes it stable', () => {
  const one = executedTo(4)
  one.input({ kind: 'snapshot', snapshot: at(4) })
  assert.equal(one.sent('checkpointVote').length, 1)
  hearVote(one, at(4), 1)
  hearVote(one, at(4, 1), 2)
  const stable = (): StableCheckpoint | undefined => one.machine.checkpoints.stable
  assert.equal(stable(), undefined, 'two equal votes are too few')
  hearVote(one, at(4), 3)
  assert.equal(stable()?.height, 4)
  assert.deepEqual(stable()?.signers, [0, 1, 3])
  assert(one.records().some((record) => record.kind === 'stable'))
})

test('the log goes up to the stable checkpoint before the last, and no further than our snapshot', () => {
  const one = executedTo(12)
  const pruned = (): number[] =>
    one.records().flatMap((record) => (record.kind === 'pruneLog' ? [record.upTo.height] : []))
  one.input({ kind: 'snapshot', snapshot: at(4) })
  one.hear(1, { kind: 'checkpoint', checkpoint: stableOf(at(4)) })
  assert.deepEqual(pruned(), [])
  one.hear(1, { kind: 'checkpoint', checkpoint: stableOf(at(8)) })
  assert.deepEqual(pruned(), [4], 'the older of two stable ones')
  one.hear(1, { kind: 'checkpoint', checkpoint: stableOf(at(12)) })
  assert.deepEqual(pruned(), [], 'a restart begins at our snapshot of height 4')
  one.input({ kind: 'snapshot', snapshot: at(8) })
  assert.deepEqual(pruned(), [8])
})

test('a forged certificate of a checkpoint counts against its sender and changes nothing', () => {
  const one = executedTo(4)
  const forged = { ...stableOf(at(4)), state: stateOf(4, 9) }
  one.hear(1, { kind: 'checkpoint', checkpoint: forged })
  assert.equal(one.ofKind('demerit').length, 1)
  const repeated = stableOf(at(4), [1, 1, 1])
  one.hear(1, { kind: 'checkpoint', checkpoint: repeated })
  assert.equal(one.ofKind('demerit').length, 1)
  one.hear(2, { kind: 'checkpointVote', vote: { ...voteFor(at(4), 1), signer: 2 } })
  assert.equal(one.ofKind('demerit').length, 1)
  assert.equal(one.machine.checkpoints.stable, undefined)
})

test('C29: a liar’s votes for many heights take a bounded place, and no other member’s', () => {
  const one = executedTo(4)
  for (let height = 5; height < 12; height++) hearVote(one, at(height), 1)
  for (let height = 11; height > 4; height--) hearVote(one, at(height, 1), 1)
  assert.equal(one.machine.checkpoints.votes[1]?.length, checkpointVotesMax)
  one.input({ kind: 'snapshot', snapshot: at(4) })
  hearVote(one, at(4), 2)
  hearVote(one, at(4), 3)
  assert.equal(one.machine.checkpoints.stable?.height, 4)
})

test('a fetch of what is gone is answered by the newest stable checkpoint', () => {
  const one = executedTo(8)
  one.input({ kind: 'snapshot', snapshot: at(8) })
  one.hear(1, { kind: 'checkpoint', checkpoint: stableOf(at(4)) })
  one.hear(1, { kind: 'checkpoint', checkpoint: stableOf(at(8)) })
  const { digest } = chain[7]!
  one.hear(2, { kind: 'fetch', fromHeight: 3, view: 8, digest })
  assert.equal(one.sent('checkpoint').length, 1)
  one.hear(2, { kind: 'fetch', fromHeight: 6, view: 8, digest })
  assert.equal(one.ofKind('serve').length, 1)
})

/** A member with nothing that has heard that the chain is final up to a height. */
function behind(height: number): Member {
  const one = group.member(self)
  for (const peer of others) one.input({ kind: 'linkUp', peer })
  one.hearCertificate(finalOf(chain[height - 1]!))
  return one
}

const askedOf = (one: Member): number[] =>
  one
    .ofKind('send')
    .flatMap(({ message, to }) => (message.kind === 'fetch' && to !== 'all' ? [to] : []))

test('whoever lacks what is gone takes up a state and goes on behind it', () => {
  const one = behind(12)
  const [asked] = askedOf(one)
  one.hear(asked!, { kind: 'checkpoint', checkpoint: stableOf(at(8)) })
  assert.deepEqual(transfers(one), [8])
  one.hearProposal(chain[11]!)
  assert.deepEqual(one.commits(), [], 'nothing is executed meanwhile')
  one.input({ kind: 'transferred', checkpoint: at(8), ok: true })
  assert.deepEqual([one.machine.executed.height, one.machine.checkpoints.own.height], [8, 8])
  assert.equal(askedOf(one).length, 1, 'the blocks after it are fetched')
})

test('C25: a liar with an old checkpoint is not asked first for ever', () => {
  const one = behind(12)
  let liar: number | undefined
  for (let attempt = 0; attempt < 3; attempt++) {
    const [asked] = askedOf(one)
    liar ??= asked
    if (asked !== liar) return
    // Nobody keeps the state of height 4 any more.
    one.hear(liar!, { kind: 'checkpoint', checkpoint: stableOf(at(4)) })
    assert.deepEqual(transfers(one), [4])
    one.input({ kind: 'transferred', checkpoint: at(4), ok: false })
  }
  assert.fail('the same member is asked again and again')
})

test('C25: of checkpoints that are known the newest is taken up, whichever one is answered', () => {
  const one = behind(12)
  const [asked] = askedOf(one)
  const other = others.find((peer) => peer !== asked)!
  one.hear(other, { kind: 'checkpoint', checkpoint: stableOf(at(8)) })
  one.hear(asked!, { kind: 'checkpoint', checkpoint: stableOf(at(4)) })
  assert.deepEqual(transfers(one), [8])
})

/** A member that knows of an epoch that began above all that it has executed. */
function belowBase(): Member {
  const executed = { height: 2, view: 0, digest: chain[1]!.digest }
  const one = group.member(self, { ...emptyRestored, executed }, 5)
  for (const peer of others) one.input({ kind: 'linkUp', peer })
  return one
}

const base: Checkpoint = { height: 5, view: 0, digest: group.config.genesis, state: stateOf(5) }

test('C25: below the begin of its epoch a member takes up what b + 1 vouch for: no quorum may have it', () => {
  const one = belowBase()
  hearVote(one, base, 1)
  assert.deepEqual(transfers(one), [], 'one may lie')
  hearVote(one, base, 2)
  assert.deepEqual(transfers(one), [5])
  assert.deepEqual(one.ofKind('transfer')[0]?.checkpoint.signers, [1, 2])
  assert.equal(one.machine.checkpoints.stable, undefined)
  one.input({ kind: 'transferred', checkpoint: base, ok: true })
  assert.deepEqual(one.machine.executed, { height: 5, view: 0, digest: group.config.genesis })
})

test('C25: a fetch from below the begin of the epoch is answered with our vote while nothing is stable', () => {
  const one = group.member(self, undefined, 5)
  one.input({ kind: 'snapshot', snapshot: base })
  one.hear(2, { kind: 'fetch', fromHeight: 3, view: 0, digest: group.config.genesis })
  assert.equal(one.sent('checkpointVote').length, 1)
  assert.equal(one.sent('lacking').length, 1)
})

test('a state that differs from what a quorum vouches for is replaced, however often it takes', () => {
  const one = executedTo(8)
  one.input({ kind: 'snapshot', snapshot: at(8, 7) })
  for (const peer of others) one.input({ kind: 'linkUp', peer })
  one.hear(1, { kind: 'checkpoint', checkpoint: stableOf(at(8)) })
  assert.equal(one.ofKind('diverged').length, 1)
  assert.deepEqual(transfers(one), [8])
  one.input({ kind: 'transferred', checkpoint: at(8), ok: false })
  assert.deepEqual(transfers(one), [8], 'the damaged state is not gone on from')
  one.input({ kind: 'transferred', checkpoint: at(8), ok: true })
  assert.deepEqual(transfers(one), [])
  assert.equal(one.machine.checkpoints.transfer, undefined)
})

test('C25: whoever has taken up a state vouches for it, so that b + 1 come to vouch', () => {
  const one = belowBase()
  hearVote(one, base, 1)
  hearVote(one, base, 2)
  one.input({ kind: 'transferred', checkpoint: base, ok: true })
  assert.deepEqual(one.sent('checkpointVote').length, 1)
  assert.equal(vouchedOf(one.machine)?.height, 5, 'with two others: a quorum')
  one.input({ kind: 'snapshot', snapshot: base })
  assert.deepEqual(one.sent('checkpointVote'), [], 'once')
})

test('a state that a quorum vouches for needs no more vouching when it was taken up', () => {
  const one = behind(12)
  const [asked] = askedOf(one)
  one.hear(asked!, { kind: 'checkpoint', checkpoint: stableOf(at(8)) })
  one.input({ kind: 'transferred', checkpoint: at(8), ok: true })
  assert.deepEqual(one.sent('checkpointVote'), [])
})

test('a member without a vote, too, notices that its state is damaged', () => {
  const one = executedTo(8)
  one.machine.muted = true
  one.input({ kind: 'snapshot', snapshot: at(4, 1) })
  assert.deepEqual(one.sent('checkpointVote'), [])
  one.hear(1, { kind: 'checkpoint', checkpoint: stableOf(at(4)) })
  assert.deepEqual(transfers(one), [4])
})

test('nothing is vouched for from a state that is known to be damaged', () => {
  const one = executedTo(8)
  one.input({ kind: 'snapshot', snapshot: at(4, 1) })
  one.hear(1, { kind: 'checkpoint', checkpoint: stableOf(at(4)) })
  assert.deepEqual(transfers(one), [4])
  one.input({ kind: 'snapshot', snapshot: at(8, 1) })
  assert.deepEqual(one.sent('checkpointVote'), [])
  one.input({ kind: 'transferred', checkpoint: at(4), ok: true })
  one.input({ kind: 'snapshot', snapshot: at(8) })
  const [said] = one.sent('checkpointVote')
  assert(said?.kind === 'checkpointVote')
  assert.deepEqual([said.vote.height, said.vote.state], [8, stateOf(8)])
})
