/**
 * Fetching blocks that are missing, and answering those who do.
 *
 * One fetch at a time, from one peer at a time, the next peer after a timeout or a refusal, never
 * again because of an unrelated event: a broadcast per event grew without bound in a prototype
 * (PROTOCOL 2.11).
 *
 * One question covers both kinds of lag. "I have executed up to h and lack block d": a peer that
 * has executed more answers with a range of blocks from h + 1 on; one that has not, but holds d,
 * with d; else it says so. Ranges go *forward*, and each ends in a finalization certificate that
 * its chain of hashes reaches, so it is proved and executed by itself: nothing unproved is kept
 * between messages, the tip need not be known, and a liar is found out at its first range.
 *
 * Who is asked: whoever was not for longest, over all fetches; and a peer stays the *helper* that
 * is asked first as long as its ranges are large or reach the end. A liar that gives a true block
 * at a time, as late as it may, would else be the only one that is ever asked.
 *
 * @pure
 */
import type { Digest } from '../../base/ids.ts'
import { sendOwnCheckpoint } from './checkpoint.ts'
import { emit, type Fetch, type Machine, send } from './state.ts'
import type { FetchRequest, MemberIndex } from './types.ts'

/** An answer is waited for Δ0 times 2 to this power at most: 4.8 s. */
const doublingsMax = 4

/** Unless one is under way. */
export function startFetch(machine: Machine, wanted: FetchRequest): void {
  if (machine.fetch !== undefined) return
  const { digest, fromHeight, view } = wanted
  const request: FetchRequest = { fromHeight, view, digest }
  machine.fetch = { request, asked: new Set(), current: undefined, attempts: 0, refusals: 0 }
  askNext(machine, machine.fetch)
}

/** What was missing is here: see what it brings. */
export function endFetch(machine: Machine): void {
  if (machine.fetch === undefined) return
  machine.fetch = undefined
  machine.commitWanted = true
  machine.changed = true
  emit(machine, { kind: 'timerOff', id: 'fetch' })
}

/** The helper, or who was not asked for longest; of those that were never, one that signed. */
function nextPeer(machine: Machine): MemberIndex | undefined {
  const { askedTurns, helper, up } = machine
  const { self, config } = machine.setup
  if (helper !== undefined && up[helper] === true) return helper
  const signers = machine.final.certificate?.signers ?? []
  const turnOf = (peer: MemberIndex): number => askedTurns[peer] ?? 0
  const rank = (peer: MemberIndex): number => (signers.includes(peer) ? 0 : 1)
  const count = config.members.length
  // Members start at different places, so that one does not serve all the others.
  const turned = (peer: MemberIndex): number => (peer - self + count) % count
  const peers = config.members.map((_, index) => index)
  const reachable = peers.filter((peer) => peer !== self && up[peer] === true)
  const order = (a: MemberIndex, b: MemberIndex): number =>
    turnOf(a) - turnOf(b) || rank(a) - rank(b) || turned(a) - turned(b)
  return reachable.sort(order)[0]
}

function askNext(machine: Machine, fetch: Fetch): void {
  const peer = nextPeer(machine)
  fetch.current = peer
  const doublings = Math.min(doublingsMax, fetch.attempts)
  if (peer !== undefined) {
    fetch.asked.add(peer)
    machine.askedTurns[peer] = ++machine.fetchTurn
    send(machine, peer, { kind: 'fetch', ...fetch.request })
  }
  const delayMs = machine.setup.delta0Ms * 2 ** doublings
  emit(machine, { kind: 'timer', id: 'fetch', view: fetch.request.view, delayMs })
}

/** Not asked first any more. */
export function noHelper(machine: Machine, peer: MemberIndex | undefined): void {
  if (machine.helper === peer) machine.helper = undefined
}

/** A peer's answer was of no use: it is not heard until it is asked again. */
export function refute(machine: Machine, fetch: Fetch, peer: MemberIndex): void {
  fetch.asked.delete(peer)
  noHelper(machine, peer)
  if (fetch.current === peer) refused(machine, fetch)
}

/** The next one at once, but only once round: then the timer asks. */
function refused(machine: Machine, fetch: Fetch): void {
  fetch.refusals++
  const reachable = machine.up.filter((isUp) => isUp).length
  if (fetch.refusals < reachable) askNext(machine, fetch)
}

/** Upon the fetch timer: the next peer. */
export function onFetchTimer(machine: Machine): void {
  if (machine.fetch === undefined) return
  // Refusals come in a round trip, and say that nobody has it yet: only silence makes us patient.
  machine.fetch.attempts++
  machine.fetch.refusals = 0
  noHelper(machine, machine.fetch.current)
  askNext(machine, machine.fetch)
}

/** Upon a link's change: do not wait for somebody who is gone, nor while somebody has come. */
export function onFetchLink(machine: Machine, peer: MemberIndex, up: boolean): void {
  const { fetch } = machine
  if (fetch === undefined) return
  if (up ? fetch.current === undefined : fetch.current === peer) askNext(machine, fetch)
}

/** Upon a peer that cannot help. */
export function onLacking(machine: Machine, from: MemberIndex, digest: Digest): void {
  const { fetch } = machine
  if (fetch === undefined || fetch.current !== from || fetch.request.digest !== digest) return
  noHelper(machine, from)
  refused(machine, fetch)
}

/** Upon a member that is behind: from the journal what is executed, from memory what is not. */
export function onFetch(machine: Machine, from: MemberIndex, request: FetchRequest): void {
  const { base, checkpoints } = machine
  if (request.fromHeight <= Math.max(checkpoints.prunedHeight, base.height)) {
    const { stable } = checkpoints
    const { digest, fromHeight } = request
    const isOfUse = stable !== undefined && stable.height >= fromHeight
    if (!isOfUse) sendOwnCheckpoint(machine, from)
    send(
      machine,
      from,
      isOfUse
        ? { kind: 'checkpoint', checkpoint: stable }
        : { kind: 'lacking', fromHeight, digest },
    )
    return
  }
  if (machine.executed.height >= request.fromHeight) {
    emit(machine, { kind: 'serve', to: from, request })
    return
  }
  const held = machine.held.get(request.digest)
  const { digest, fromHeight } = request
  send(
    machine,
    from,
    held === undefined
      ? { kind: 'lacking', fromHeight, digest }
      : { kind: 'block', block: held.block },
  )
}
