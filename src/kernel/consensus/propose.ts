/**
 * Proposing, and judging proposals.
 *
 * @pure
 */

import { toHex } from '../../base/bytes.ts'
import type { Digest } from '../../base/ids.ts'
import { onCertificate } from './certificates.ts'
import { blockOf, payloadHashOf, payloadOf } from './encoding.ts'
import { askFor, justificationOf, lackingFor, parentOf } from './justify.ts'
import {
  fullBlockViewsMax,
  hastyPart,
  itemOverheadBytes,
  payloadOverheadBytes,
  timeToleranceMs,
  timeToleranceMsMax,
} from './limits.ts'
import {
  deltaMs,
  emit,
  type Held,
  hasWork,
  hold,
  leaderOf,
  type Machine,
  type Round,
  releaseUnvoted,
  roundOf,
  send,
  write,
} from './state.ts'
import type { Block, Certificate, MemberIndex } from './types.ts'
import { castVote } from './votes.ts'

/** If this member leads the view and has something to order: once per view. */
export function propose(machine: Machine): void {
  const { setup, view } = machine
  if (leaderOf(setup, view) !== setup.self || machine.muted || !hasWork(machine)) return
  const round = machine.rounds.get(view)
  if (round !== undefined && (round.proposal ?? round.mine.nullify ?? round.mine.notarize)) return
  // Alone, nobody's answer sets the pace: the disk must.
  if (setup.context.quorum === 1 && machine.durableVotes < machine.ownVotes) return
  const parent = parentOf(machine, view)
  if ('missing' in parent) {
    // It is the newest that nothing explains: those above it are here, those below may be as well.
    askFor(machine, 'all', { fromView: machine.final.view + 1, toView: parent.missing })
    return
  }
  const known = keysSinceExecuted(machine, parent.digest)
  // Blocks that nothing finalizes fill the voters' memory: then finality comes first.
  const isFailing = view - machine.final.view > fullBlockViewsMax
  const items = isFailing ? [] : itemsFor(machine, known.keys)
  const mayWait = !isFailing || machine.pool.count === 0
  // An empty block only brings finality to its ancestors, which mostly comes by itself. And while a
  // slow ancestor's payload is still on its way, we would order its items a second time.
  if (mayWait && (items.length === 0 || !known.complete) && machine.nudgedView !== view) {
    awaitNudge(machine)
    return
  }
  const payload = payloadOf(setup.crypto, items)
  const block = blockOf(setup.crypto, setup.context, {
    header: {
      view,
      parentView: parent.view,
      parentDigest: parent.digest,
      payloadHash: payloadHashOf(setup.crypto, payload),
      timeMs: machine.now.wallMs,
      flags: 0,
    },
    payload,
  })
  accept(machine, roundOf(machine, view), block)
  send(machine, 'all', { kind: 'propose', block, justification: justificationOf(machine, block) })
}

/**
 * The next items; none while so many blocks wait for a finalization that members whose memory is as
 * full would not take more of them.
 */
function itemsFor(machine: Machine, except: ReadonlySet<string>): readonly Uint8Array[] {
  const items = machine.pool.take(except)
  let bytes = payloadOverheadBytes
  for (const item of items) bytes += item.length + itemOverheadBytes
  return machine.heldBytes + bytes <= machine.setup.limits.heldBlocksBytesMax ? items : []
}

function awaitNudge(machine: Machine): void {
  const { lostViews, setup, view } = machine
  if (machine.nudgeTimerView === view) return
  machine.nudgeTimerView = view
  // Others give a leader that lost its last view less time: its proposal has to come within that.
  const isHurried = (lostViews[setup.self] ?? 0) > 0
  const delayMs = deltaMs(machine, view) / (isHurried ? 2 * hastyPart : 2)
  emit(machine, { kind: 'timer', id: 'nudge', view, delayMs })
}

/** Keys of items in blocks that are notarized but not executed: they are under way already. */
function keysSinceExecuted(
  machine: Machine,
  tip: Digest,
): { readonly keys: ReadonlySet<string>; readonly complete: boolean } {
  const keys = new Set<string>()
  let digest = tip
  while (digest !== machine.executed.digest) {
    const held = machine.held.get(digest)
    if (held === undefined) return { keys, complete: false }
    for (const key of keysOf(machine, held)) keys.add(key)
    digest = held.block.header.parentDigest
  }
  return { keys, complete: true }
}

/** Keys of a block that a quorum found valid, or that we did. */
export function keysOf(machine: Machine, held: Held): readonly string[] {
  const { application } = machine.setup
  held.keys ??= held.block.payload.items.map((item) => application.keyOf(item))
  return held.keys
}

function accept(machine: Machine, round: Round, block: Block): void {
  round.proposal = hold(machine, block)
  machine.changed = true
  machine.commitWanted = true
}

/** Upon a proposal. Its justification may advance our view: that is wanted. */
export function onPropose(
  machine: Machine,
  from: MemberIndex,
  proposal: { readonly block: Block; readonly justification: readonly Certificate[] },
): void {
  const { block, justification } = proposal
  const { view } = block.header
  const { mutation } = machine.setup
  if (leaderOf(machine.setup, view) !== from && mutation !== 'leader-unchecked') {
    emit(machine, { kind: 'demerit', peer: from, what: 'a proposal in a view of another leader' })
    return
  }
  if (view <= machine.final.view) return
  for (const certificate of justification) if (!onCertificate(machine, from, certificate)) return
  // A whole justification has brought us to its view; certificates of our own may have gone beyond.
  if (view > machine.view || view <= machine.final.view) return
  const round = roundOf(machine, view)
  const notarized = round.certificates.notarize
  if (notarized !== undefined && notarized.digest !== block.digest) return
  // The first one counts. A second one promises nothing and proves nothing: leaders restart.
  if (round.proposal !== undefined && mutation !== 'second-notarize') return
  if (!hasRoom(machine, block)) {
    releaseUnvoted(machine)
    if (!hasRoom(machine, block)) return
  }
  accept(machine, round, block)
}

/** An empty block always has: it can bring the finality that makes room for others. */
function hasRoom(machine: Machine, block: Block): boolean {
  const { heldBlocksBytesMax } = machine.setup.limits
  const { bytes, items } = block.payload
  return items.length === 0 || machine.heldBytes + bytes.length <= heldBlocksBytesMax
}

/** Upon anything: notarize the current view's proposal once everything about it is right. */
export function tryVote(machine: Machine): void {
  const { view } = machine
  const round = machine.rounds.get(view)
  const held = round?.proposal
  if (round === undefined || held === undefined || machine.muted) return
  const mine = round.mine.notarize
  const isSecond =
    machine.setup.mutation === 'second-notarize' && mine?.digest !== held.block.digest
  if ((mine !== undefined && !isSecond) || round.mine.nullify !== undefined) return
  const lacking = lackingFor(machine, held.block)
  if (lacking === 'hopeless') return
  if (lacking !== 'nothing') {
    askFor(machine, leaderOf(machine.setup, view), lacking)
    return
  }
  if (!isTimely(machine, held.block)) return
  round.proposalValid ??= itemsAreValid(machine, held)
  if (!round.proposalValid) return
  if (!held.stored) {
    held.stored = true
    write(machine, { kind: 'haveBlock', block: held.block })
  }
  castVote(machine, { kind: 'notarize', view, digest: held.block.digest })
}

/**
 * A time too far from ours gets no vote: one liar must not move the group's time by decades. The
 * tolerance doubles with each failing view, since a home without NTP must not stall either.
 */
function isTimely(machine: Machine, block: Block): boolean {
  const { view, timeMs } = block.header
  const failing = Math.max(0, view - machine.final.view - machine.setup.config.members.length)
  const tolerance = Math.min(timeToleranceMs * 2 ** Math.min(failing, 32), timeToleranceMsMax)
  return Math.abs(timeMs - machine.now.wallMs) <= tolerance
}

/** Items that wait in our pool were checked when they came. */
function itemsAreValid(machine: Machine, held: Held): boolean {
  const { application, crypto } = machine.setup
  const keys: string[] = []
  for (const item of held.block.payload.items) {
    const known = machine.pool.keyOfBytes(toHex(crypto.sha256(item)))
    if (known === undefined && !application.isValid(item)) return false
    keys.push(known ?? application.keyOf(item))
  }
  held.keys = keys
  return true
}
