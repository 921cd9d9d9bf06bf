/**
 * Consensus as a pure function: `step(machine, input, now)` changes the machine and returns the
 * effects that its driver must carry out. Simplex (Chan and Pass, eprint 2023/463) in the form
 * notarize / nullify / finalize, as commonware simplex and Ava Labs' Simplex have it.
 *
 * In each view one member leads. q = n − ⌊(n − 1)/3⌋ votes make a certificate. N, X and F below are
 * notarize, nullify and finalize; N(v, d) is a certificate in view v for block d.
 *
 *   upon entering view v, or new work in it:
 *     set timers: 2Δ for the leader, Δ more for the others; none while there is nothing to do
 *     if we lead v: take the newest N- or F-certified block p below v such that every view between
 *       them has an X certificate; propose a block on p, with those certificates      propose.ts
 *   upon the first proposal of v's leader, with its certificates learnt, while v is our view:
 *     if its parent is certified, every view between them is nullified, its time is near ours and
 *     its items are valid: vote N(v, d), once, and never after our X(v)                propose.ts
 *   upon a timeout of v: vote X(v), never after our F(v)                                timers.ts
 *   upon a quorum of equal votes, or a certificate of somebody else:               certificates.ts
 *     N(v, d): unless we voted X(v) or know an X certificate of v: vote F(v, d);  enter v + 1
 *     X(v):    enter v + 1
 *     F(v, d): d and its ancestors are final; execute them; enter v + 1                 commit.ts
 *   upon a snapshot of the application: vouch for it; a quorum of equal ones is stable,
 *     the log before the one before goes, and whoever lacks that takes up the state  checkpoint.ts
 *   upon a clock that has passed the earliest expiry of the state: there is work     expiries.ts
 *   upon entering v + 1: pass the certificate on, so nobody stays behind alone
 *   upon a new link, or a retry timeout: say where we are, send our votes of this view again;
 *     whoever is ahead answers with certificates                                       recovery.ts
 *
 * Why it is safe, in three steps, none of which uses time. (1) Two N certificates of one view need
 * a correct member that voted N twice. (2) F(v) and X(v) cannot both exist: their quorums share a
 * correct member, which votes F only if it did not vote X, and X only in its current view, where it
 * has not seen N(v) and so not voted F. (3) If F(v, d) exists, every later proposal with correct
 * votes rests on certificates for each view that it skips; v has no X, so the chain goes through
 * N(v), which is d. Hence all finalized blocks lie on one chain.
 *
 * Deviations from the paper and from commonware, argued in docs/spec/consensus.md:
 *   1. Validity needs no state; conflicts are decided by execution, after finalization.
 *   2. The justification travels inside the proposal, so a correct leader's block is acceptable to
 *      every correct member, whatever it missed. What does not fit is asked for.
 *   3. Blocks have views; heights exist after finalization only.
 *   4. Idle groups have no timers. An empty block is proposed only if finality has not come within
 *      Δ/2 by itself: else every notarization would call for the next block, for ever.
 *   5. Δ doubles with views since the last finalization, which certificates show to everybody.
 *   6. A proposal is not signed and does not carry its leader's vote: it leaves before the leader's
 *      disk has synced, and the vote follows. Proposing twice breaks nothing; voting twice does.
 *   7. A finalization is passed on Δ/2 later, to those who have not shown that they know it.
 *   8. A leader whose link is down is not waited for if a quorum can be reached without it.
 *   9. A leader whose last view came to nothing gets a part of Δ in its next one.
 *
 * @pure
 */
import { learn, onCertificate } from './certificates.ts'
import { onCheckpoint, onCheckpointVote, onSnapshot, onTransferred } from './checkpoint.ts'
import { onBlock, onRange, tryCommit } from './commit.ts'
import { onExpiry } from './expiries.ts'
import { onFetch, onFetchLink, onLacking } from './fetch.ts'
import { onPropose, propose, tryVote } from './propose.ts'
import { onAsk, onLinkUp, onStatus } from './recovery.ts'
import { type Machine, ownVotesDurable } from './state.ts'
import { arm, armSkip, onTimer } from './timers.ts'
import type { Effect, Input, MemberIndex, Message, Now } from './types.ts'
import { onVote } from './votes.ts'

/** One input. The effects are to be carried out in order; `Effect` says what that means. */
export function step(machine: Machine, input: Input, now: Now): readonly Effect[] {
  machine.effects = []
  machine.now = now
  take(machine, input)
  settle(machine)
  return machine.effects
}

function take(machine: Machine, input: Input): void {
  switch (input.kind) {
    case 'start':
    case 'pooled':
      return
    case 'expiry':
      onExpiry(machine, input.atMs)
      return
    case 'durable':
      ownVotesDurable(machine, input.ownVote)
      return
    case 'disk':
      machine.diskIsBehind = input.isBehind
      return
    case 'message':
      onMessage(machine, input.from, input.message)
      return
    case 'linkUp':
      machine.up[input.peer] = true
      onLinkUp(machine, input.peer)
      onFetchLink(machine, input.peer, true)
      return
    case 'linkDown':
      machine.up[input.peer] = false
      onFetchLink(machine, input.peer, false)
      armSkip(machine)
      return
    case 'timer':
      onTimer(machine, input.id, input.view)
      return
    case 'snapshot':
      onSnapshot(machine, input.snapshot)
      return
    case 'transferred':
      onTransferred(machine, input.checkpoint, input.ok)
      return
  }
}

function onMessage(machine: Machine, from: MemberIndex, message: Message): void {
  switch (message.kind) {
    case 'propose':
      onPropose(machine, from, message)
      return
    case 'vote':
      onVote(machine, from, message.vote)
      return
    case 'certificates':
      for (const certificate of message.certificates)
        if (!onCertificate(machine, from, certificate)) return
      return
    case 'status':
      onStatus(machine, from, message)
      return
    case 'ask':
      onAsk(machine, from, message)
      return
    case 'fetch':
      onFetch(machine, from, message)
      return
    case 'range':
      onRange(machine, from, message)
      return
    case 'block':
      onBlock(machine, from, message.block)
      return
    case 'lacking':
      onLacking(machine, from, message.digest)
      return
    case 'checkpointVote':
      onCheckpointVote(machine, from, message.vote)
      return
    case 'checkpoint':
      onCheckpoint(machine, from, message.checkpoint)
      return
  }
}

/** Apply the rules that no single input triggers, until none of them has anything more to do. */
function settle(machine: Machine): void {
  do {
    machine.changed = false
    for (let one = machine.formed.shift(); one !== undefined; one = machine.formed.shift())
      learn(machine, one)
    tryCommit(machine)
    propose(machine)
    tryVote(machine)
    arm(machine)
  } while (machine.changed || machine.formed.length > 0)
}
