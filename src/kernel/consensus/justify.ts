/**
 * Which block a leader builds on, and the certificates that show to every voter that it may.
 *
 * @pure
 */
import type { Digest } from '../../base/ids.ts'
import { certificateBytes } from './encoding.ts'
import { justificationBytesMax, justificationCountMax } from './limits.ts'
import { type Machine, roundOf, send } from './state.ts'
import type { Block, Certificate, MemberIndex } from './types.ts'

export type Parent = { readonly view: number; readonly digest: Digest }

/**
 * The newest notarized or finalized block below `view`, if every view in between is explained by a
 * nullification; else the view that is not. Never skip a view that you cannot explain.
 */
export function parentOf(machine: Machine, view: number): Parent | { readonly missing: number } {
  for (let older = view - 1; older > machine.final.view; older--) {
    const found = machine.rounds.get(older)?.certificates
    const digest = found?.notarize?.digest
    if (digest !== undefined) return { view: older, digest }
    if (found?.nullify === undefined) return { missing: older }
  }
  return { view: machine.final.view, digest: machine.final.digest }
}

/** The parent's certificate and the nullifications of skipped views, the newest that fit. */
export function justificationOf(machine: Machine, block: Block): Certificate[] {
  const { context } = machine.setup
  const { parentView, view } = block.header
  const chosen: Certificate[] = []
  let bytes = 0
  const add = (certificate: Certificate | undefined): boolean => {
    if (certificate === undefined) return true
    bytes += certificateBytes(certificate, context)
    if (chosen.length > justificationCountMax || bytes > justificationBytesMax) return false
    chosen.push(certificate)
    return true
  }
  const { final } = machine
  add(
    parentView === final.view
      ? final.certificate
      : machine.rounds.get(parentView)?.certificates.notarize,
  )
  for (let skipped = view - 1; skipped > parentView; skipped--)
    if (!add(machine.rounds.get(skipped)?.certificates.nullify)) break
  return chosen
}

/** What a voter still lacks of a proposal's justification: nothing, a span of views, or hope. */
export function lackingFor(
  machine: Machine,
  block: Block,
): 'nothing' | 'hopeless' | { readonly fromView: number; readonly toView: number } {
  const { mutation } = machine.setup
  if (mutation === 'justification-unchecked') return 'nothing'
  const anyDigest = mutation === 'parent-digest-unchecked'
  const { parentView, parentDigest, view } = block.header
  const { final } = machine
  if (parentView < final.view) return 'hopeless'
  if (parentView === final.view) {
    if (parentDigest !== final.digest && !anyDigest) return 'hopeless'
  } else {
    const notarized = machine.rounds.get(parentView)?.certificates.notarize
    if (notarized === undefined) return { fromView: parentView, toView: parentView }
    if (notarized.digest !== parentDigest && !anyDigest) return 'hopeless'
  }
  if (mutation === 'skipped-views-unchecked') return 'nothing'
  for (let skipped = view - 1; skipped > parentView; skipped--)
    if (machine.rounds.get(skipped)?.certificates.nullify === undefined)
      return { fromView: parentView + 1, toView: skipped }
  return 'nothing'
}

/** Ask for certificates, once in a view; the retry timer allows another time. */
export function askFor(
  machine: Machine,
  to: MemberIndex | 'all',
  span: { readonly fromView: number; readonly toView: number },
): void {
  const round = roundOf(machine, machine.view)
  if (round.asked) return
  round.asked = true
  send(machine, to, { kind: 'ask', ...span })
}
