/**
 * Repairing what links lose: on each new connection and on each retry the members compare where
 * they are, and the one ahead helps the one behind. This replaces "reliable links".
 *
 * @pure
 */

import { helpWithCheckpoint } from './checkpoint.ts'
import { justificationOf } from './justify.ts'
import { certificatesPerMessageMax } from './limits.ts'
import { type Answered, leaderOf, type Machine, send } from './state.ts'
import type { Certificate, MemberIndex, Status } from './types.ts'

/** Own finalize votes sent again: later finalizations bring the older ones along. */
const finalizeResendMax = 16

export function sendStatus(machine: Machine, to: MemberIndex | 'all'): void {
  const { checkpoints, executed, final, view } = machine
  const stableHeight = checkpoints.stable?.height ?? 0
  const { height } = executed
  send(machine, to, { kind: 'status', view, finalView: final.view, height, stableHeight })
}

/** However much a peer asks, it is answered twice in Δ0: answers are larger than questions. */
function mayAnswer(machine: Machine, peer: MemberIndex, what: keyof Answered): boolean {
  const answered = machine.answered[peer]
  if (answered === undefined) return false
  const last = answered[what] ?? Number.NEGATIVE_INFINITY
  if (machine.now.monotonicMs - last < machine.setup.delta0Ms / 2) return false
  answered[what] = machine.now.monotonicMs
  return true
}

/** Upon a new connection, or when a message to a peer was dropped. */
export function onLinkUp(machine: Machine, peer: MemberIndex): void {
  machine.answered[peer] = {}
  sendStatus(machine, peer)
  resendMine(machine, peer)
}

/** Upon a peer's status. */
export function onStatus(machine: Machine, from: MemberIndex, status: Status): void {
  machine.peerFinal[from] = Math.max(machine.peerFinal[from] ?? 0, status.finalView)
  if (mayAnswer(machine, from, 'checkpointed'))
    helpWithCheckpoint(machine, from, status.stableHeight)
  const behind = status.view < machine.view || status.finalView < machine.final.view
  const ahead = status.view > machine.view || status.finalView > machine.final.view
  if (behind) help(machine, from, Math.min(status.view, status.finalView + 1))
  // Each may be ahead in one of the two: without a limit they would answer each other for ever.
  if (ahead && mayAnswer(machine, from, 'told')) sendStatus(machine, from)
  if (status.view !== machine.view) return
  if (mayAnswer(machine, from, 'resent')) resendMine(machine, from)
}

/**
 * Bring a peer that is at `fromView` forward: the finalization, then the newest certificates of
 * later views.
 */
export function help(machine: Machine, peer: MemberIndex, fromView: number): void {
  const { final } = machine
  if (!mayAnswer(machine, peer, 'helped')) return
  const certificates: Certificate[] = []
  if (final.certificate !== undefined && final.view >= fromView)
    certificates.push(final.certificate)
  certificates.push(
    ...certificatesOf(machine, Math.max(fromView, final.view + 1), machine.view - 1),
  )
  if (certificates.length > 0) send(machine, peer, { kind: 'certificates', certificates })
}

/** Upon a request for certificates of certain views. */
export function onAsk(
  machine: Machine,
  from: MemberIndex,
  asked: { readonly fromView: number; readonly toView: number },
): void {
  const { final } = machine
  if (!mayAnswer(machine, from, 'asked')) return
  const certificates: Certificate[] = []
  if (final.certificate !== undefined && final.view >= asked.fromView)
    certificates.push(final.certificate)
  const first = Math.max(asked.fromView, final.view + 1)
  certificates.push(...certificatesOf(machine, first, Math.min(asked.toView, machine.view)))
  if (certificates.length > 0) send(machine, from, { kind: 'certificates', certificates })
}

/** Notarizations and nullifications of [first, last]: of the newest views, oldest of them first. */
function certificatesOf(machine: Machine, first: number, last: number): Certificate[] {
  const newest: Certificate[] = []
  for (let view = last; view >= first; view--) {
    const found = machine.rounds.get(view)?.certificates
    if (found?.nullify !== undefined) newest.push(found.nullify)
    if (found?.notarize !== undefined) newest.push(found.notarize)
    if (newest.length > certificatesPerMessageMax - 3) break
  }
  return newest.reverse()
}

/**
 * Our votes that may still matter: all of the current view, and finalizations of notarized views
 * that nothing nullified. Votes of views that were left by a certificate are settled by it.
 */
export function resendMine(machine: Machine, to: MemberIndex | 'all'): void {
  let finalizations = 0
  for (let view = machine.view - 1; view > machine.final.view; view--) {
    const round = machine.rounds.get(view)
    if (round?.mine.finalize === undefined || round.certificates.nullify !== undefined) continue
    send(machine, to, { kind: 'vote', vote: round.mine.finalize })
    if (++finalizations >= finalizeResendMax) break
  }
  const round = machine.rounds.get(machine.view)
  if (round === undefined) return
  if (
    round.proposal !== undefined &&
    leaderOf(machine.setup, machine.view) === machine.setup.self
  ) {
    const { block } = round.proposal
    send(machine, to, { kind: 'propose', block, justification: justificationOf(machine, block) })
  }
  for (const vote of [round.mine.notarize, round.mine.nullify])
    if (vote !== undefined) send(machine, to, { kind: 'vote', vote })
}

/** Upon the retry timer: everything that the view needs, to everybody, once more. */
export function retry(machine: Machine): void {
  resendMine(machine, 'all')
  const before = certificatesOf(machine, machine.view - 1, machine.view - 1)
  if (before.length > 0) send(machine, 'all', { kind: 'certificates', certificates: before })
  sendStatus(machine, 'all')
  const round = machine.rounds.get(machine.view)
  if (round !== undefined) round.asked = false
}
