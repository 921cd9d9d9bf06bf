/**
 * Checkpoints: a quorum vouches for the state after a height, so that the log before it need not
 * be kept, and a member without it takes up the state instead (PROTOCOL 2.8).
 *
 * Upon a snapshot of the application on the disk, or a state taken up that is not stable yet: vote
 *   for it, to all.
 * Upon a quorum of equal votes: the checkpoint is *stable*. The log up to the stable checkpoint
 *   before it goes (two are kept: a member that is taking up the older one must find what follows).
 * Upon a stable checkpoint that differs from our own snapshot: our state is damaged; take up that
 *   of the others.
 * Upon a fetch of heights that are gone: the newest stable checkpoint is the answer.
 * Upon that answer: transfer the state of the newest that we know, then go on behind it.
 * Below the begin of our epoch, upon b + 1 equal votes: transfer that state. One of them is a
 *   correct member's; a quorum may not have it, since those who voted for the block that ended the
 *   epoch before need not have executed it.
 *
 * A vote is not written to the journal: it says what deterministic execution came to, so a member
 * that crashes comes to the same again.
 *
 * @pure
 */
import { equalBytes } from '../../base/bytes.ts'
import { checkpointBytes } from './encoding.ts'
import { checkpointVotesMax } from './limits.ts'
import { byzBound } from './quorum.ts'
import { emit, type Machine, send, write } from './state.ts'
import type {
  Checkpoint,
  CheckpointVote,
  LogPosition,
  MemberIndex,
  StableCheckpoint,
  VouchedCheckpoint,
} from './types.ts'

/** What the machine knows of checkpoints. */
export type Checkpoints = {
  /** Newest votes of each member, by signer, oldest first. */
  readonly votes: CheckpointVote[][]
  stable: StableCheckpoint | undefined
  /** The stable one before: heights above it are kept. */
  previous: LogPosition
  /** Our newest snapshot: heights above it are needed at a restart. */
  own: LogPosition
  /** What our newest snapshot says, vouched for or not; undefined before the first of this run. */
  ownState: Checkpoint | undefined
  prunedHeight: number
  /** The state of this checkpoint is being fetched: nothing is executed meanwhile. */
  transfer: VouchedCheckpoint | undefined
  /** Our state is damaged: it is not gone on from. */
  diverged: boolean
}

export const newCheckpoints = (memberCount: number): Checkpoints => ({
  votes: Array.from({ length: memberCount }, () => []),
  stable: undefined,
  previous: { height: 0, view: 0 },
  own: { height: 0, view: 0 },
  ownState: undefined,
  prunedHeight: 0,
  transfer: undefined,
  diverged: false,
})

const isEqual = (a: Checkpoint, b: Checkpoint): boolean =>
  a.height === b.height && a.view === b.view && a.digest === b.digest && a.state === b.state

/** Upon a snapshot of ours, durable. Those of epochs before say nothing that this one can check. */
export function onSnapshot(machine: Machine, snapshot: Checkpoint): void {
  const { base, checkpoints } = machine
  if (snapshot.height < base.height || snapshot.height <= checkpoints.own.height) return
  // It is of a state that we know to be damaged.
  if (checkpoints.diverged) return
  const checkpoint = snapshot.height === base.height ? { ...snapshot, view: 0 } : snapshot
  checkpoints.own = { height: checkpoint.height, view: checkpoint.view }
  checkpoints.ownState = checkpoint
  vouch(machine, checkpoint)
  compare(machine, checkpoint)
  pruneLog(machine)
}

/** Heights that we vouched for before our state was taken from others are not vouched for anew. */
function vouch(machine: Machine, checkpoint: Checkpoint): void {
  const { signer } = machine.setup
  if (machine.muted || checkpoint.height <= signer.vouchedHeight) return
  const vote = signer.checkpoint(checkpoint)
  keepVote(machine.checkpoints, vote)
  send(machine, 'all', { kind: 'checkpointVote', vote })
  tally(machine, vote)
}

/** Upon a vote of another member. */
export function onCheckpointVote(machine: Machine, from: MemberIndex, vote: CheckpointVote): void {
  const { checkpoints } = machine
  if (vote.height <= (checkpoints.stable?.height ?? 0)) return
  const known = checkpoints.votes[vote.signer]
  if (known === undefined) return
  const same = known.find((other) => other.height === vote.height)
  if (same !== undefined) {
    // Said again, to whoever still lacks that state.
    takeUpVouched(machine, same)
    return
  }
  // What is far ahead of us will come as a certificate.
  const oldest = known[0]
  if (known.length >= checkpointVotesMax && oldest !== undefined && vote.height < oldest.height)
    return
  if (!voteHolds(machine, vote)) {
    emit(machine, { kind: 'demerit', peer: from, what: 'a checkpoint vote with a wrong signature' })
    return
  }
  keepVote(checkpoints, vote)
  tally(machine, vote)
}

function keepVote(checkpoints: Checkpoints, vote: CheckpointVote): void {
  const known = checkpoints.votes[vote.signer]
  if (known === undefined) return
  known.push(vote)
  known.sort((a, b) => a.height - b.height)
  if (known.length > checkpointVotesMax) known.shift()
}

const equalVotes = ({ checkpoints }: Machine, to: Checkpoint): CheckpointVote[] =>
  checkpoints.votes.flatMap((known) => known.filter((one) => isEqual(one, to)))

function tally(machine: Machine, vote: Checkpoint): void {
  const { setup } = machine
  const equal = equalVotes(machine, vote)
  if (equal.length < setup.context.quorum) {
    takeUpVouched(machine, vote)
    return
  }
  const chosen = equal.slice(0, setup.context.quorum)
  const { digest, height, state, view } = vote
  learnStable(machine, {
    ...{ height, view, digest, state },
    signers: chosen.map((one) => one.signer),
    signatures: chosen.map((one) => one.signature),
  })
}

/** The way back for a member that has nothing of its epoch, while no checkpoint in it is stable. */
function takeUpVouched(machine: Machine, vote: Checkpoint): void {
  const { base, executed, setup } = machine
  if (executed.height >= base.height) return
  const equal = equalVotes(machine, vote)
  if (equal.length <= byzBound(setup.config)) return
  const { digest, height, state, view } = vote
  startTransfer(machine, { height, view, digest, state, signers: equal.map((one) => one.signer) })
}

const voteHolds = ({ setup }: Machine, vote: CheckpointVote): boolean => {
  const key = setup.config.members[vote.signer]?.consensusKey
  const bytes = checkpointBytes(setup.context, vote)
  return key !== undefined && setup.crypto.verify(key, bytes, vote.signature)
}

/** True if a quorum of different members signed. */
export function checkpointHolds(machine: Machine, checkpoint: StableCheckpoint): boolean {
  const { setup, checkpoints } = machine
  const { signers, signatures } = checkpoint
  if (setup.mutation === 'checkpoint-unchecked') return true
  if (signers.length < setup.context.quorum || signers.length !== signatures.length) return false
  const bytes = checkpointBytes(setup.context, checkpoint)
  return signers.every((signer, place) => {
    const key = setup.config.members[signer]?.consensusKey
    const signature = signatures[place]
    if (key === undefined || signature === undefined) return false
    if (place > 0 && signer <= (signers[place - 1] ?? signer)) return false
    const vote = checkpoints.votes[signer]?.find((one) => isEqual(one, checkpoint))
    if (vote !== undefined && equalBytes(vote.signature, signature)) return true
    return setup.crypto.verify(key, bytes, signature)
  })
}

/** Upon a certificate of a checkpoint: news, or the answer to a fetch that nobody can serve. */
export function onCheckpoint(
  machine: Machine,
  from: MemberIndex,
  checkpoint: StableCheckpoint,
): void {
  const { checkpoints } = machine
  const isNews = checkpoint.height > (checkpoints.stable?.height ?? 0)
  const isWanted = machine.fetch?.asked.has(from) === true
  if (!isNews && !isWanted) return
  if (!checkpointHolds(machine, checkpoint)) {
    emit(machine, { kind: 'demerit', peer: from, what: 'a forged checkpoint' })
    return
  }
  if (isNews) learnStable(machine, checkpoint)
  // Who answers with an old one may be a liar: nobody need have its state any more.
  const newest = checkpoints.stable
  if (isWanted && newest !== undefined && newest.height > machine.executed.height)
    startTransfer(machine, newest)
}

function learnStable(machine: Machine, checkpoint: StableCheckpoint): void {
  const { checkpoints } = machine
  const { stable } = checkpoints
  if (stable !== undefined) {
    if (checkpoint.height <= stable.height) return
    checkpoints.previous = { height: stable.height, view: stable.view }
  }
  checkpoints.stable = checkpoint
  for (const [signer, known] of checkpoints.votes.entries())
    checkpoints.votes[signer] = known.filter((one) => one.height >= checkpoint.height)
  write(machine, { kind: 'stable', checkpoint })
  emit(machine, { kind: 'stable', checkpoint })
  const ours = [checkpoints.ownState, ...(checkpoints.votes[machine.setup.self] ?? [])]
  const own = ours.find((one) => one?.height === checkpoint.height)
  if (own !== undefined) compare(machine, own)
  pruneLog(machine)
}

/** Our snapshot against the quorum's. */
function compare(machine: Machine, own: Checkpoint): void {
  const { stable } = machine.checkpoints
  if (stable === undefined || stable.height !== own.height || isEqual(stable, own)) return
  machine.checkpoints.diverged = true
  emit(machine, { kind: 'diverged', height: own.height })
  startTransfer(machine, stable)
}

/** The log goes as far as neither we at a restart nor a peer that catches up needs it. */
function pruneLog(machine: Machine): void {
  const { checkpoints } = machine
  const { own, previous } = checkpoints
  const isEarly = machine.setup.mutation === 'pruned-before-stable'
  const upTo = isEarly || own.height < previous.height ? own : previous
  if (upTo.height <= checkpoints.prunedHeight) return
  checkpoints.prunedHeight = upTo.height
  write(machine, { kind: 'pruneLog', upTo })
}

function startTransfer(machine: Machine, checkpoint: VouchedCheckpoint): void {
  const { checkpoints } = machine
  if (checkpoints.transfer !== undefined) return
  checkpoints.transfer = checkpoint
  machine.fetch = undefined
  // Should it come to nothing, somebody else is asked.
  machine.helper = undefined
  emit(machine, { kind: 'timerOff', id: 'fetch' })
  emit(machine, { kind: 'transfer', checkpoint })
}

/** Upon the end of a transfer. */
export function onTransferred(machine: Machine, checkpoint: Checkpoint, ok: boolean): void {
  const { checkpoints } = machine
  if (checkpoints.transfer?.height !== checkpoint.height) return
  checkpoints.transfer = undefined
  machine.commitWanted = true
  machine.changed = true
  if (!ok) {
    if (checkpoints.diverged && checkpoints.stable !== undefined)
      startTransfer(machine, checkpoints.stable)
    return
  }
  // What we said of a damaged state is not said again.
  if (checkpoints.diverged) checkpoints.votes[machine.setup.self] = []
  checkpoints.diverged = false
  const { digest, height, view } = checkpoint
  machine.executed = { height, view, digest }
  checkpoints.own = { height, view }
  checkpoints.ownState = checkpoint
  checkpoints.prunedHeight = Math.max(checkpoints.prunedHeight, height)
  // Where few have a state, each that has it counts: b + 1 must vouch before others can follow.
  if (height > (checkpoints.stable?.height ?? 0)) vouch(machine, checkpoint)
}

/** What we can show of a state of this epoch: the stable one, or our own newest vote. */
export function vouchedOf({ checkpoints, setup }: Machine): StableCheckpoint | undefined {
  const own = checkpoints.votes[setup.self]?.at(-1)
  if (checkpoints.stable !== undefined || own === undefined) return checkpoints.stable
  const { signature, signer, ...checkpoint } = own
  return { ...checkpoint, signers: [signer], signatures: [signature] }
}

/** Upon a peer's status: the newest certificate to whoever lacks it, else our newest vote. */
export function helpWithCheckpoint(
  machine: Machine,
  peer: MemberIndex,
  stableHeight: number,
): void {
  const { stable } = machine.checkpoints
  if (stable !== undefined && stable.height > stableHeight)
    send(machine, peer, { kind: 'checkpoint', checkpoint: stable })
  sendOwnCheckpoint(machine, peer)
}

/** Our newest vote, unless a stable checkpoint is as new. */
export function sendOwnCheckpoint(machine: Machine, peer: MemberIndex): void {
  const { stable, votes } = machine.checkpoints
  const own = votes[machine.setup.self]?.at(-1)
  if (own !== undefined && own.height > (stable?.height ?? 0))
    send(machine, peer, { kind: 'checkpointVote', vote: own })
}
