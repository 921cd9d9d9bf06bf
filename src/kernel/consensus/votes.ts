/**
 * Giving votes, counting votes, and noticing those who vote twice.
 *
 * @pure
 */
import type { Digest } from '../../base/ids.ts'
import { help } from './recovery.ts'
import { emit, type Machine, numberOwnVote, type Round, roundOf, send } from './state.ts'
import type { Certificate, MemberIndex, Vote, VoteKind } from './types.ts'
import { contradicts, voteHolds } from './verify.ts'

/** Sign, write, send and count a vote of our own. The callers hold the rules of 2.5. */
export function castVote(
  machine: Machine,
  voted: { readonly kind: VoteKind; readonly view: number; readonly digest: Digest | undefined },
): void {
  const vote = machine.setup.signer.vote(voted.kind, voted.view, voted.digest)
  const round = roundOf(machine, vote.view)
  round.mine[vote.kind] = vote
  const ownVote = numberOwnVote(machine, vote)
  emit(machine, { kind: 'write', record: { kind: 'myVote', vote }, ownVote })
  send(machine, 'all', { kind: 'vote', vote })
  keepVote(machine, round, vote)
  tally(machine, round, vote)
}

/** Upon a vote of another member. */
export function onVote(machine: Machine, from: MemberIndex, vote: Vote): void {
  // One view late is ordinary: the votes beyond the quorum. Older ones show a peer that is behind.
  if (vote.view + 1 < machine.view) help(machine, from, vote.view)
  if (vote.view <= machine.final.view) return
  if (vote.view > machine.view + machine.setup.limits.viewsAheadMax) return
  const round = roundOf(machine, vote.view)
  const before = round.votes[vote.kind][vote.signer]
  if (before !== undefined && before.digest === vote.digest) {
    if (machine.setup.mutation === 'duplicates-counted') countAgain(machine, round, vote)
    return
  }
  const conflicting = conflictOf(round, vote)
  const settled = round.certificates[vote.kind]
  if (conflicting === undefined && settled !== undefined && settled.digest === vote.digest) return
  if (!voteHolds(machine.setup, vote)) {
    emit(machine, { kind: 'demerit', peer: from, what: 'a vote with a wrong signature' })
    return
  }
  if (conflicting !== undefined) report(machine, round, { first: conflicting, second: vote })
  if (before !== undefined) return
  keepVote(machine, round, vote)
  tally(machine, round, vote)
}

/** Broken on purpose: as if one more member had given the vote. */
function countAgain(machine: Machine, round: Round, vote: Vote): void {
  const votes = round.votes[vote.kind]
  votes[Math.max(votes.length, machine.setup.context.memberCount)] = vote
  tally(machine, round, vote)
}

/** Votes inside a certificate that holds count like votes, also as evidence. */
export function keepVotesOf(machine: Machine, round: Round, certificate: Certificate): void {
  for (const [place, signer] of certificate.signers.entries()) {
    const signature = certificate.signatures[place]
    if (signature === undefined) continue
    const { kind, view, digest } = certificate
    const vote: Vote = { kind, view, digest, signer, signature }
    const conflicting = conflictOf(round, vote)
    if (conflicting !== undefined) report(machine, round, { first: conflicting, second: vote })
    if (round.votes[kind][signer] === undefined) keepVote(machine, round, vote)
  }
}

function keepVote(machine: Machine, round: Round, vote: Vote): void {
  round.votes[vote.kind][vote.signer] = vote
  round.voteCount++
  machine.changed = true
}

function conflictOf(round: Round, vote: Vote): Vote | undefined {
  const { notarize, nullify, finalize } = round.votes
  const given = [notarize[vote.signer], nullify[vote.signer], finalize[vote.signer]]
  return given.find((other) => other !== undefined && contradicts(other, vote))
}

function report(machine: Machine, round: Round, pair: { first: Vote; second: Vote }): void {
  const { signer } = pair.first
  if (signer === machine.setup.self || round.reported.has(signer)) return
  round.reported.add(signer)
  emit(machine, { kind: 'evidence', ...pair })
}

/** At a quorum of equal votes: a certificate, of our own vote only if it is needed. */
function tally(machine: Machine, round: Round, vote: Vote): void {
  if (round.certificates[vote.kind] !== undefined) return
  const { self, context } = machine.setup
  const equal: Vote[] = []
  for (const other of round.votes[vote.kind])
    if (other !== undefined && other.digest === vote.digest) equal.push(other)
  if (equal.length < context.quorum) return
  // Ours may not be durable yet: a certificate without it can be passed on at once.
  const needed = equal.length > context.quorum ? equal.filter((one) => one.signer !== self) : equal
  const chosen = needed.slice(0, context.quorum)
  machine.formed.push({
    kind: vote.kind,
    view: vote.view,
    digest: vote.digest,
    signers: chosen.map((one) => one.signer),
    signatures: chosen.map((one) => one.signature),
  })
}
