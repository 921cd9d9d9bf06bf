/**
 * Proof that new blocks are stored: receipts of enough holders, or a live stage. @pure
 * PROTOCOL 1.2(d).
 *
 * Receipts come from whoever has a session, and everything here is done by every member in one
 * turn. So what is cheap comes first: a receipt is passed over before its leaves are touched when
 * its node has nothing to say here, holders are computed once a block, and a signature is verified
 * only when it counts, once for one block of the log: a batch of puts is often spread over several
 * operations, and verifying is the dearest thing that execution does.
 */
import { equalBytes, fromHex, toHex } from '../../base/bytes.ts'
import type { NodeId } from '../../base/ids.ts'
import { type Placement, receiptsNeeded } from '../placement/index.ts'
import { type Added, type AddedBlock, type Receipt, RejectCode } from './interface.ts'
import { receiptAgeMaxMs } from './limits.ts'
import { receiptBytesToSign, receiptLeafOf } from './signing.ts'
import { findStaged } from './stages.ts'
import type { Stage } from './state.ts'
import { type Reject, reject, type Turn } from './turn.ts'

/** Blocks that are proved, without those that a stage already brought into the world. */
export type ProvedBlocks = { readonly fresh: readonly AddedBlock[]; readonly freshBytes: number }

type Pending = {
  readonly block: AddedBlock
  /** Holders whose receipts counted. */
  readonly by: NodeId[]
  /** Computed when first needed. */
  leaf: Uint8Array | undefined
}

/** Who holds the blocks in one placement epoch. */
type Holders = {
  readonly placement: Placement
  /** Per block. */
  readonly ofBlock: readonly (readonly NodeId[])[]
  /** Per holder: how many of the blocks its receipts have not counted for. */
  readonly openOf: Map<NodeId, number>
}

type Proof = {
  readonly turn: Turn
  readonly pending: readonly Pending[]
  readonly needed: number
  readonly replicas: number
  readonly holders: Map<number, Holders | undefined>
  /** Blocks that lack receipts. */
  openCount: number
}

/**
 * Check `added` of an operation on an object with `replicas`; blocks of `stages` need no receipts.
 */
export function proveBlocks(
  turn: Turn,
  added: Added,
  input: { readonly replicas: number; readonly stages: readonly Stage[] },
): ProvedBlocks | Reject {
  if (hasTwice(added.blocks)) return reject(RejectCode.Invalid)
  const { replicas, stages } = input
  const pending = added.blocks.map((block): Pending => ({ block, by: [], leaf: undefined }))
  const needed = receiptsNeeded(replicas)
  const openCount = pending.length
  const proof: Proof = { turn, pending, needed, replicas, holders: new Map(), openCount }
  for (const receipt of added.receipts) {
    if (proof.openCount === 0) break
    if (!isTaken(proof, receipt)) return reject(RejectCode.Receipts)
  }
  const fresh: AddedBlock[] = []
  let freshBytes = 0
  for (const { block, by } of pending) {
    if (by.length >= needed) {
      fresh.push(block)
      freshBytes += block.sealedBytes
    } else if (!stages.some((stage) => findStaged(stage, block))) {
      return reject(RejectCode.Receipts)
    }
  }
  return { fresh, freshBytes }
}

function hasTwice(blocks: readonly AddedBlock[]): boolean {
  if (blocks.length < 2) return false
  const names = new Set<string>()
  for (const { id, version } of blocks) names.add(`${id}.${version}`)
  return names.size !== blocks.length
}

/** Count a receipt, or pass it over. False for one that refuses the operation. */
function isTaken(proof: Proof, receipt: Receipt): boolean {
  const { node, placementEpoch, putMs } = receipt
  if (putMs < proof.turn.state.effectiveMs - receiptAgeMaxMs) return true
  const holders = holdersIn(proof, placementEpoch)
  if (holders === undefined) return true
  const openCount = holders.openOf.get(node)
  // Not in the epoch's list: nobody who keeps to the rules took this for a receipt.
  if (openCount === undefined) return holders.placement.members.includes(node)
  if (openCount === 0) return true
  const helped = helpedBy(proof, holders, receipt)
  if (helped.size === 0) return true
  if (!isSigned(proof.turn, receipt, proof.pending)) return false
  holders.openOf.set(node, openCount - helped.size)
  for (const item of helped) {
    item.by.push(node)
    if (item.by.length === proof.needed) proof.openCount--
  }
  return true
}

/** Who holds the blocks in an epoch: computed once. Undefined when it is not in force. */
function holdersIn(proof: Proof, epoch: number): Holders | undefined {
  const { turn, holders } = proof
  if (!holders.has(epoch)) {
    const placement = turn.state.placements.find((one) => one.epoch === epoch)
    const fits = placement !== undefined && proof.replicas <= placement.members.length
    holders.set(epoch, fits ? holdersOf(proof, placement) : undefined)
  }
  return holders.get(epoch)
}

function holdersOf({ pending, replicas }: Proof, placement: Placement): Holders {
  const ofBlock = pending.map(({ block }) => placement.holdersOf(block.id, replicas))
  const openOf = new Map<NodeId, number>()
  for (const nodes of ofBlock) {
    for (const node of nodes) openOf.set(node, (openOf.get(node) ?? 0) + 1)
  }
  return { placement, ofBlock, openOf }
}

/**
 * The blocks that lack receipts, of which the receipt's signer is a holder that has not counted.
 */
function helpedBy(proof: Proof, holders: Holders, receipt: Receipt): ReadonlySet<Pending> {
  const { node, leaves } = receipt
  const helped = new Set<Pending>()
  for (const leaf of leaves) {
    if (typeof leaf !== 'number') continue
    const item = proof.pending[leaf]
    if (item === undefined || item.by.length >= proof.needed || item.by.includes(node)) continue
    if (holders.ofBlock[leaf]?.includes(node) === true) helped.add(item)
  }
  return helped
}

function isSigned(turn: Turn, receipt: Receipt, pending: readonly Pending[]): boolean {
  const { crypto, state } = turn
  const leaves: Uint8Array[] = []
  for (const leaf of receipt.leaves) {
    const hash = typeof leaf === 'number' ? leafOf(turn, pending[leaf]) : fromHex(leaf)
    if (hash === undefined) return false
    leaves.push(hash)
  }
  const { node, placementEpoch, putMs, signature } = receipt
  const { world } = state
  const bytes = receiptBytesToSign(crypto, { world, placementEpoch, node, putMs, leaves })
  const name = toHex(signature)
  const known = turn.verifiedReceipts.get(name)
  if (known !== undefined && equalBytes(known, bytes)) return true
  const isGood = crypto.verify(fromHex(node), bytes, signature)
  if (isGood) turn.verifiedReceipts.set(name, bytes)
  return isGood
}

function leafOf(turn: Turn, item: Pending | undefined): Uint8Array | undefined {
  if (item === undefined) return undefined
  item.leaf ??= fromHex(receiptLeafOf(turn.crypto, item.block))
  return item.leaf
}
