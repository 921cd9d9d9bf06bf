/**
 * Proof that new blocks are stored: receipts of enough holders, or a live stage. @pure
 * PROTOCOL 1.2(d). A verified signature is remembered for one block of the log: a batch of puts is
 * often spread over several operations, and verifying is the dearest thing that execution does.
 */
import { fromHex, toHex } from '../../base/bytes.ts'
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

const none: ReadonlySet<Pending> = new Set()

type Pending = { readonly block: AddedBlock; readonly leaf: Uint8Array; readonly by: NodeId[] }

/**
 * Check `added` of an operation on an object with `replicas`; blocks of `stages` need no receipts.
 */
export function proveBlocks(
  turn: Turn,
  added: Added,
  input: { readonly replicas: number; readonly stages: readonly Stage[] },
): ProvedBlocks | Reject {
  if (hasTwice(added.blocks)) return reject(RejectCode.Invalid)
  const pending = added.blocks.map((block): Pending => {
    return { block, leaf: fromHex(receiptLeafOf(turn.crypto, block)), by: [] }
  })
  const needed = receiptsNeeded(input.replicas)
  for (const receipt of added.receipts) {
    const helped = helpedBy(turn, { receipt, pending, needed, replicas: input.replicas })
    if (helped.size === 0) continue
    if (!isSigned(turn, receipt, pending)) return reject(RejectCode.Receipts)
    for (const item of helped) item.by.push(receipt.node)
  }
  const fresh: AddedBlock[] = []
  let freshBytes = 0
  for (const { block, by } of pending) {
    if (by.length >= needed) {
      fresh.push(block)
      freshBytes += block.sealedBytes
    } else if (!input.stages.some((stage) => findStaged(stage, block))) {
      return reject(RejectCode.Receipts)
    }
  }
  return { fresh, freshBytes }
}

function hasTwice(blocks: readonly AddedBlock[]): boolean {
  const names = new Set<string>()
  for (const { id, version } of blocks) names.add(`${id}.${version}`)
  return names.size !== blocks.length
}

/**
 * The blocks that lack receipts, of which the receipt's signer is a holder that has not counted.
 */
function helpedBy(
  turn: Turn,
  input: {
    readonly receipt: Receipt
    readonly pending: readonly Pending[]
    readonly needed: number
    readonly replicas: number
  },
): ReadonlySet<Pending> {
  const { receipt, pending, needed, replicas } = input
  const { node, placementEpoch, putMs } = receipt
  if (putMs < turn.state.effectiveMs - receiptAgeMaxMs) return none
  const placement = placementOf(turn, placementEpoch)
  if (placement === undefined || replicas > placement.members.length) return none
  const helped = new Set<Pending>()
  for (const leaf of receipt.leaves) {
    const item = typeof leaf === 'number' ? pending[leaf] : undefined
    if (item === undefined || item.by.length >= needed || item.by.includes(node)) continue
    if (placement.holdersOf(item.block.id, replicas).includes(node)) helped.add(item)
  }
  return helped
}

const placementOf = (turn: Turn, epoch: number): Placement | undefined =>
  turn.state.placements.find((placement) => placement.epoch === epoch)

function isSigned(turn: Turn, receipt: Receipt, pending: readonly Pending[]): boolean {
  const { crypto, state } = turn
  const leaves: Uint8Array[] = []
  for (const leaf of receipt.leaves) {
    const hash = typeof leaf === 'number' ? pending[leaf]?.leaf : fromHex(leaf)
    if (hash === undefined) return false
    leaves.push(hash)
  }
  const { node, placementEpoch, putMs, signature } = receipt
  const bytes = receiptBytesToSign(crypto, {
    world: state.world,
    placementEpoch,
    node,
    putMs,
    leaves,
  })
  const name = `${toHex(crypto.sha256(bytes))}.${toHex(signature)}`
  const known = turn.verifiedReceipts.get(name)
  if (known !== undefined) return known
  const verified = crypto.verify(fromHex(node), bytes, signature)
  turn.verifiedReceipts.set(name, verified)
  return verified
}
