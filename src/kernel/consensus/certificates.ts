/**
 * Upon a certificate: what it proves, the vote that follows from it, and the next view.
 *
 * @pure
 */
import {
  emit,
  forgetSettled,
  leaderOf,
  type Machine,
  type Round,
  roundOf,
  send,
  sendWithLastVote,
  write,
} from './state.ts'
import type { Certificate, MemberIndex } from './types.ts'
import { certificateHolds } from './verify.ts'
import { castVote, keepVotesOf } from './votes.ts'

/** Votes and certificates of settled views are cleared from the journal once in so many views. */
const pruneEveryViews = 64

/**
 * Upon a certificate from a peer. False if it is a forgery. True also for whatever says nothing
 * new: that one is not looked at, and must not be kept.
 */
export function onCertificate(
  machine: Machine,
  from: MemberIndex,
  certificate: Certificate,
): boolean {
  if (certificate.kind === 'finalize' && machine.peerFinal[from] !== undefined)
    machine.peerFinal[from] = Math.max(machine.peerFinal[from], certificate.view)
  const { final } = machine
  const isFinal = certificate.kind === 'finalize' && certificate.view === final.view
  if (certificate.view < final.view) return true
  if (certificate.view === final.view && (!isFinal || certificate.digest === final.digest))
    return true
  // Not `roundOf`: a forger must not make us keep rounds.
  const round = machine.rounds.get(certificate.view)
  const known = round?.certificates[certificate.kind]
  if (known !== undefined && known.digest === certificate.digest) return true
  const seen = (signer: number): Uint8Array | undefined => {
    const vote = round?.votes[certificate.kind][signer]
    return vote !== undefined && vote.digest === certificate.digest ? vote.signature : undefined
  }
  if (!certificateHolds(machine.setup, certificate, seen)) {
    emit(machine, { kind: 'demerit', peer: from, what: 'a forged certificate' })
    return false
  }
  if (isFinal || known !== undefined) contradiction(machine, certificate)
  else learn(machine, certificate)
  return true
}

/** Two certificates for two blocks of one view: at least 2q − n members lied. */
function contradiction(machine: Machine, certificate: Certificate): void {
  const round = roundOf(machine, certificate.view)
  keepVotesOf(machine, round, certificate)
  const known = round.certificates[certificate.kind] ?? machine.final.certificate
  emit(machine, {
    kind: 'alarm',
    what: `two ${certificate.kind} certificates in view ${certificate.view}`,
    certificates: known === undefined ? [certificate] : [known, certificate],
  })
}

/** Upon a certificate that holds: our own or one that was checked. */
export function learn(machine: Machine, certificate: Certificate): void {
  if (certificate.view <= machine.final.view) return
  const round = roundOf(machine, certificate.view)
  if (round.certificates[certificate.kind] !== undefined) return
  round.certificates[certificate.kind] = certificate
  machine.changed = true
  const leader = leaderOf(machine.setup, certificate.view)
  machine.lostViews[leader] =
    certificate.kind === 'nullify' ? (machine.lostViews[leader] ?? 0) + 1 : 0
  checkMemory(machine, round, certificate)
  keepVotesOf(machine, round, certificate)
  if (certificate.kind === 'finalize') {
    learnFinal(machine, certificate)
    return
  }
  write(machine, { kind: 'haveCertificate', certificate })
  if (certificate.kind === 'notarize') {
    machine.notarizedView = Math.max(machine.notarizedView, certificate.view)
    if (machine.setup.mutation === 'executed-before-final') machine.commitWanted = true
    if (mayFinalize(machine, round)) {
      castVote(machine, { kind: 'finalize', view: certificate.view, digest: certificate.digest })
      enter(machine, certificate, true)
      return
    }
  }
  enter(machine, certificate, false)
}

/** The safety rule: whoever nullified a view never finalizes it. */
const mayFinalize = (machine: Machine, round: Round): boolean =>
  !machine.muted &&
  round.mine.finalize === undefined &&
  (machine.setup.mutation === 'finalize-after-nullify' ||
    (round.mine.nullify === undefined && round.certificates.nullify === undefined))

function learnFinal(machine: Machine, certificate: Certificate): void {
  const { digest, view } = certificate
  if (digest === undefined) return
  const nullified = machine.rounds.get(view)?.certificates.nullify
  if (nullified !== undefined)
    emit(machine, {
      kind: 'alarm',
      what: `view ${view} is finalized and nullified`,
      certificates: [nullified, certificate],
    })
  machine.final = { view, digest, certificate }
  machine.commitWanted = true
  write(machine, { kind: 'final', certificate })
  machine.setup.signer.raiseFloor(view)
  forgetSettled(machine)
  if (view - machine.prunedView >= pruneEveryViews) {
    machine.prunedView = view
    write(machine, { kind: 'prune', belowView: view })
  }
  if (view + 1 > machine.view) machine.view = view + 1
  if (machine.relayTimer || machine.setup.config.members.length === 1) return
  // Members that heard the same votes know already; those that did not can wait a moment.
  machine.relayTimer = true
  emit(machine, { kind: 'timer', id: 'relay', view, delayMs: machine.setup.delta0Ms / 2 })
}

/** Leave the view of the certificate, and take the others along. */
function enter(machine: Machine, certificate: Certificate, withVote: boolean): void {
  if (certificate.view + 1 <= machine.view) return
  machine.view = certificate.view + 1
  const message = { kind: 'certificates', certificates: [certificate] } as const
  if (withVote) sendWithLastVote(machine, message)
  else send(machine, 'all', message)
}

/** A vote of ours that we do not remember: the journal is old or was lost (PROTOCOL 2.7). */
function checkMemory(machine: Machine, round: Round, certificate: Certificate): void {
  const { self, signer } = machine.setup
  if (machine.muted || !certificate.signers.includes(self)) return
  if (machine.setup.mutation === 'memory-unchecked') return
  const mine = round.mine[certificate.kind]
  if (mine !== undefined && mine.digest === certificate.digest) return
  machine.muted = true
  signer.mute()
  write(machine, { kind: 'muted' })
  emit(machine, { kind: 'amnesia', view: certificate.view })
}

/** Upon the relay timer: the finalization, to those who have not shown that they know it. */
export function relayFinal(machine: Machine): void {
  machine.relayTimer = false
  const { certificate, view } = machine.final
  if (certificate === undefined) return
  for (const [peer, known] of machine.peerFinal.entries())
    if (known < view && machine.up[peer] === true)
      send(machine, peer, { kind: 'certificates', certificates: [certificate] })
}
