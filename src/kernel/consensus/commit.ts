/**
 * From a finalization to executed blocks, and fetching what is missing in between.
 *
 * A finalized block is executed after all its ancestors. Those not in memory are fetched: one fetch
 * at a time, from one peer at a time (members that signed the certificate first), the next peer
 * after a timeout or a refusal, never again because of an unrelated event: a broadcast per event
 * grew without bound in a prototype (PROTOCOL 2.11).
 *
 * One question covers both kinds of lag. "I have executed up to h and lack block d": a peer that
 * has executed more answers with a range of blocks from h + 1 on; one that has not, but holds d,
 * with d; else it says so. Ranges go *forward*, and each ends in a finalization certificate that
 * its chain of hashes reaches, so it is proved and executed by itself: nothing unproved is kept
 * between messages, the tip need not be known, and a liar is found out at its first range.
 *
 * @pure
 */
import type { Digest } from '../../base/ids.ts'
import { onCertificate } from './certificates.ts'
import { sendOwnCheckpoint } from './checkpoint.ts'
import { pauseExpiry } from './expiries.ts'
import { keysOf } from './propose.ts'
import {
  emit,
  type Fetch,
  type Held,
  hold,
  type Machine,
  ownVotesIn,
  release,
  send,
  write,
} from './state.ts'
import type { Block, BlockRange, Certificate, FetchRequest, MemberIndex } from './types.ts'
import { certificateHolds } from './verify.ts'

/** Upon anything: execute finalized blocks whose ancestors are all here. */
export function tryCommit(machine: Machine): void {
  if (!machine.commitWanted) return
  machine.commitWanted = false
  const { base, checkpoints, executed } = machine
  const final = finalOf(machine)
  if (checkpoints.transfer !== undefined) return
  if (executed.height < base.height) {
    // The log of older epochs proves nothing here: a checkpoint will be the answer.
    startFetch(machine, { fromHeight: executed.height + 1, ...final })
    return
  }
  if (executed.view >= final.view) return
  const path: Held[] = []
  let digest: Digest = final.digest
  let view = final.view
  while (digest !== executed.digest) {
    const held = machine.held.get(digest)
    if (held === undefined) {
      dropFailed(machine, path, view)
      startFetch(machine, { fromHeight: executed.height + 1, view, digest })
      return
    }
    path.push(held)
    const { header } = held.block
    if (
      header.parentView < executed.view ||
      (header.parentView === executed.view && header.parentDigest !== executed.digest)
    ) {
      forked(machine, final.certificate)
      return
    }
    digest = header.parentDigest
    view = header.parentView
  }
  for (const held of path.reverse())
    execute(machine, held, held.block.digest === final.digest ? final.certificate : undefined)
}

/** The newest final block; broken on purpose, the newest notarized one. */
function finalOf(machine: Machine): Machine['final'] {
  const { final, notarizedView, rounds, setup } = machine
  const certificate = rounds.get(notarizedView)?.certificates.notarize
  if (setup.mutation !== 'executed-before-final' || certificate?.digest === undefined) return final
  return { view: notarizedView, digest: certificate.digest, certificate: undefined }
}

/** A finalized chain passes by what we executed: more members lie than the group survives. */
function forked(machine: Machine, certificate: Certificate | undefined): void {
  emit(machine, {
    kind: 'alarm',
    what: `a finalized chain does not contain the block executed at ${machine.executed.height}`,
    certificates: certificate === undefined ? [] : [certificate],
  })
}

function execute(machine: Machine, held: Held, certificate: Certificate | undefined): void {
  const { block } = held
  if (!held.stored) {
    held.stored = true
    write(machine, { kind: 'haveBlock', block })
  }
  const height = machine.executed.height + 1
  machine.executed = { height, view: block.header.view, digest: block.digest }
  // Of all certificates only the newest can rest on a vote of ours that is not durable yet.
  const after = ownVotesIn(machine, machine.final.certificate)
  emit(machine, { kind: 'commit', height, block, certificate, after })
  if (machine.setup.mutation !== 'executed-not-removed')
    for (const key of keysOf(machine, held)) machine.pool.executed(key)
  pauseExpiry(machine)
  dropSettled(machine)
  machine.changed = true
  if (machine.fetch === undefined || machine.fetch.request.fromHeight > height) return
  endFetch(machine)
}

/**
 * Blocks beside the finalized chain, as far down as it is known, came to nothing: they must not
 * wait for a block that somebody else may take long to send.
 */
function dropFailed(machine: Machine, path: readonly Held[], knownToView: number): void {
  const onPath = new Set(path.map((held) => held.block.digest))
  for (const [digest, held] of machine.held) {
    const { view } = held.block.header
    if (view < knownToView || view > machine.final.view || onPath.has(digest)) continue
    drop(machine, held)
  }
}

function drop(machine: Machine, held: Held): void {
  const { digest, header } = held.block
  release(machine, digest)
  if (held.stored) write(machine, { kind: 'dropBlock', view: header.view, digest })
}

/** Blocks of views that execution has passed are executed or came to nothing. */
function dropSettled(machine: Machine): void {
  for (const [digest, held] of machine.held) {
    if (held.block.header.view > machine.executed.view) continue
    if (digest === machine.executed.digest) release(machine, digest)
    else drop(machine, held)
  }
}

function startFetch(machine: Machine, wanted: FetchRequest): void {
  if (machine.fetch !== undefined) return
  const { digest, fromHeight, view } = wanted
  const request: FetchRequest = { fromHeight, view, digest }
  // A checkpoint that cannot be had, of a member that may lie: another one is asked first.
  const attempts = machine.checkpoints.failedTransfers % machine.setup.config.members.length
  machine.fetch = { request, asked: new Set(), current: undefined, attempts, refusals: 0 }
  askNext(machine, machine.fetch)
}

function endFetch(machine: Machine): void {
  if (machine.fetch === undefined) return
  machine.fetch = undefined
  machine.commitWanted = true
  machine.changed = true
  emit(machine, { kind: 'timerOff', id: 'fetch' })
}

/** Who may help, in the order in which to ask: who helped last, who signed, the others. */
function candidates(machine: Machine): MemberIndex[] {
  const { self, config } = machine.setup
  const signers = machine.final.certificate?.signers ?? []
  const rank = (peer: MemberIndex): number =>
    peer === machine.fetchedFrom ? 0 : signers.includes(peer) ? 1 : 2
  const peers = config.members.map((_, index) => index)
  const reachable = peers.filter((peer) => peer !== self && machine.up[peer] === true)
  // Members start at different places, so that one does not serve all the others.
  const turned = (peer: MemberIndex): number => (peer - self + peers.length) % peers.length
  return reachable.sort((a, b) => rank(a) - rank(b) || turned(a) - turned(b))
}

function askNext(machine: Machine, fetch: Fetch): void {
  const peers = candidates(machine)
  const peer = peers[fetch.attempts % Math.max(1, peers.length)]
  fetch.current = peer
  const doublings = Math.min(6, fetch.attempts)
  if (peer !== undefined) {
    fetch.attempts++
    fetch.asked.add(peer)
    send(machine, peer, { kind: 'fetch', ...fetch.request })
  }
  const delayMs = machine.setup.delta0Ms * 2 ** doublings
  emit(machine, { kind: 'timer', id: 'fetch', view: fetch.request.view, delayMs })
}

/** Upon the fetch timer: the next peer. */
export function onFetchTimer(machine: Machine): void {
  if (machine.fetch === undefined) return
  machine.fetch.refusals = 0
  askNext(machine, machine.fetch)
}

/** Upon a link's change: do not wait for somebody who is gone, nor while somebody has come. */
export function onFetchLink(machine: Machine, peer: MemberIndex, up: boolean): void {
  const { fetch } = machine
  if (fetch === undefined) return
  if (up ? fetch.current === undefined : fetch.current === peer) askNext(machine, fetch)
}

/** Upon a peer that cannot help: the next one at once, but only once round. */
export function onLacking(machine: Machine, from: MemberIndex, digest: Digest): void {
  const { fetch } = machine
  if (fetch === undefined || fetch.current !== from || fetch.request.digest !== digest) return
  fetch.refusals++
  if (machine.fetchedFrom === from) machine.fetchedFrom = undefined
  if (fetch.refusals < candidates(machine).length) askNext(machine, fetch)
}

/** Upon a block that we asked for: its digest is proof enough. */
export function onBlock(machine: Machine, from: MemberIndex, block: Block): void {
  const { fetch } = machine
  if (fetch === undefined || !fetch.asked.has(from) || fetch.request.digest !== block.digest) return
  machine.fetchedFrom = from
  hold(machine, block)
  endFetch(machine)
}

/** Upon a range of blocks that we asked for. Its inner chain was checked when it was decoded. */
export function onRange(machine: Machine, from: MemberIndex, range: BlockRange): void {
  const { fetch, executed } = machine
  if (fetch === undefined || !fetch.asked.has(from)) return
  if (executed.height < machine.base.height) return
  const skip = executed.height + 1 - range.fromHeight
  const first = range.blocks[skip]
  if (skip < 0 || first === undefined) return
  const { certificate } = range
  if (!isProved(machine, from, certificate)) {
    askNext(machine, fetch)
    return
  }
  if (first.header.parentDigest !== executed.digest) {
    const { view, parentView } = first.header
    if (view > executed.view && parentView <= executed.view) forked(machine, certificate)
    else emit(machine, { kind: 'demerit', peer: from, what: 'a range of other heights' })
    askNext(machine, fetch)
    return
  }
  machine.fetchedFrom = from
  for (const block of range.blocks.slice(skip)) {
    const own = block.digest === certificate.digest ? certificate : undefined
    execute(machine, hold(machine, block), own)
  }
}

function isProved(machine: Machine, from: MemberIndex, certificate: Certificate): boolean {
  // A certificate that is news is checked and learnt; an older one only matters here.
  if (certificate.view >= machine.final.view) return onCertificate(machine, from, certificate)
  if (certificateHolds(machine.setup, certificate)) return true
  emit(machine, { kind: 'demerit', peer: from, what: 'a range of blocks that proves nothing' })
  return false
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
