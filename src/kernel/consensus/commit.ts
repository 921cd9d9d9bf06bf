/**
 * From a finalization to executed blocks.
 *
 * A finalized block is executed after all its ancestors. Those not in memory are fetched
 * (`fetch.ts`), and what comes is judged here.
 *
 * While the disk is far behind nothing is executed but a range that was asked for before: what
 * waits to be written is memory too, and blocks that are not executed have a bound, beyond which
 * proposals with items get no vote of ours.
 *
 * @pure
 */
import type { Digest } from '../../base/ids.ts'
import { onCertificate } from './certificates.ts'
import { pauseExpiry } from './expiries.ts'
import { endFetch, noHelper, refute, startFetch } from './fetch.ts'
import { rangeBlocksMax } from './limits.ts'
import { keysOf } from './propose.ts'
import {
  emit,
  type Held,
  hold,
  holdFetched,
  type Machine,
  ownVotesIn,
  release,
  releaseFetched,
  write,
} from './state.ts'
import type { Block, BlockRange, Certificate, MemberIndex } from './types.ts'
import { certificateHolds } from './verify.ts'

/** Upon anything: execute finalized blocks whose ancestors are all here. */
export function tryCommit(machine: Machine): void {
  if (!machine.commitWanted || machine.diskIsBehind) return
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

/** Upon a block that we asked for: its digest is proof enough. */
export function onBlock(machine: Machine, from: MemberIndex, block: Block): void {
  const { fetch } = machine
  if (fetch === undefined || !fetch.asked.has(from) || fetch.request.digest !== block.digest) return
  noHelper(machine, from)
  // So long a way back is none that correct members send us on: from the newest block again, and
  // the next one is asked.
  if (!holdFetched(machine, block)) releaseFetched(machine)
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
    refute(machine, fetch, from)
    return
  }
  if (first.header.parentDigest !== executed.digest) {
    const { view, parentView } = first.header
    if (view > executed.view && parentView <= executed.view) forked(machine, certificate)
    else emit(machine, { kind: 'demerit', peer: from, what: 'a range of other heights' })
    refute(machine, fetch, from)
    return
  }
  const blocks = range.blocks.slice(skip)
  // Of what is known to be final the certificate at hand was looked at no more: ours counts.
  const isKnown = certificate.digest === machine.final.digest
  const proof = isKnown ? machine.final.certificate : certificate
  for (const block of blocks) {
    const own = block.digest === certificate.digest ? proof : undefined
    execute(machine, hold(machine, block), own)
  }
  if (isLarge(machine, blocks) || machine.executed.view >= machine.final.view) machine.helper = from
  else noHelper(machine, from)
}

/** As much as whoever goes on for as long as its limits let it sends, or half of that. */
function isLarge({ setup }: Machine, blocks: readonly Block[]): boolean {
  const bytes = blocks.reduce((sum, block) => sum + block.payload.bytes.length, 0)
  return 2 * bytes >= setup.limits.rangeBytesMax || 2 * blocks.length >= rangeBlocksMax
}

function isProved(machine: Machine, from: MemberIndex, certificate: Certificate): boolean {
  // A certificate that is news is checked and learnt; an older one only matters here.
  if (certificate.view >= machine.final.view) return onCertificate(machine, from, certificate)
  if (certificateHolds(machine.setup, certificate)) return true
  emit(machine, { kind: 'demerit', peer: from, what: 'a range of blocks that proves nothing' })
  return false
}
