/** Encodings of blocks, receipts and bases. docs/spec/operations.md section 7. @pure */
import type { Reader, Writer } from '../../base/codec.ts'
import {
  type BlockId,
  blockIdBytes,
  type Digest,
  digestBytes,
  type NodeId,
  nodeIdBytes,
} from '../../base/ids.ts'
import { signatureBytes } from '../../ports/crypto.ts'
import type { Added, AddedBlock, BaseRoot, BlockRef, FreedBlock, Receipt } from './interface.ts'
import {
  addedPerStageMax,
  blockSealedBytesMax,
  blockVersionMax,
  leavesPerOperationMax,
  leavesPerReceiptMax,
  receiptsPerOperationMax,
  releaseTagBytes,
  sealedBaseBytesMax,
} from './limits.ts'

/** An `AddedBlock` on the wire. Bytes. */
export const addedBlockBytes = 74

/** A run of leaves is either consecutive indices or one foreign hash. */
const RunKind = { Indices: 0, Leaf: 1 } as const
const runKinds = Object.values(RunKind)

/** Bytes of variable length, copied: what is kept must not hold on to the message it came in. */
export const ownBlob = (reader: Reader, bytesMax: number): Uint8Array =>
  reader.blob(bytesMax).slice()

type BlockName = { readonly id: BlockId; readonly version: number; readonly hash: Digest }

function writeName(writer: Writer, { id, version, hash }: BlockName): void {
  writer.hex(id)
  writer.u16(Math.floor(version / 0x1_0000_0000)).u32(version % 0x1_0000_0000)
  writer.hex(hash)
}

function readName(reader: Reader): BlockName {
  const id = reader.hex(blockIdBytes) as BlockId
  const version = reader.u16() * 0x1_0000_0000 + reader.u32()
  if (version < 1 || version > blockVersionMax) reader.refuse('version of a block out of range')
  return { id, version, hash: reader.hex(digestBytes) as Digest }
}

function readSealedBytes(reader: Reader): number {
  const sealedBytes = reader.u32()
  if (sealedBytes > blockSealedBytesMax) reader.refuse('block larger than a block may be')
  return sealedBytes
}

export function writeAddedBlock(writer: Writer, block: AddedBlock): void {
  writeName(writer, block)
  writer.u32(block.sealedBytes).fixed(block.releaseTag)
}

/** @throws CodecError */
export function readAddedBlock(reader: Reader): AddedBlock {
  const name = readName(reader)
  const sealedBytes = readSealedBytes(reader)
  return { ...name, sealedBytes, releaseTag: reader.fixed(releaseTagBytes).slice() }
}

export function writeFreedBlock(writer: Writer, block: FreedBlock): void {
  writeName(writer, block)
  writer.u32(block.sealedBytes)
}

/** @throws CodecError */
export function readFreedBlock(reader: Reader): FreedBlock {
  return { ...readName(reader), sealedBytes: readSealedBytes(reader) }
}

export function writeBlockRef(writer: Writer, ref: BlockRef): void {
  writeName(writer, ref)
  writer.u32(ref.sealedBytes).u32(ref.keyEpoch)
}

/** @throws CodecError */
export function readBlockRef(reader: Reader): BlockRef {
  return { ...readName(reader), sealedBytes: readSealedBytes(reader), keyEpoch: reader.u32() }
}

export function writeBaseRoot(writer: Writer, base: BaseRoot): void {
  writer.option(base.root, writeBlockRef).blob(base.sealed)
}

/** @throws CodecError */
export const readBaseRoot = (reader: Reader): BaseRoot => ({
  root: reader.option(readBlockRef),
  sealed: ownBlob(reader, sealedBaseBytesMax),
})

export function writeReceipt(writer: Writer, receipt: Receipt): void {
  writer.hex(receipt.node).u32(receipt.placementEpoch).u64(receipt.putMs)
  writer.fixed(receipt.signature)
  writeLeaves(writer, receipt.leaves)
}

/**
 * `blockCount`: how many blocks the indices may speak of. `leavesMax`: what the receipt may still
 * expand to, whatever a receipt may have otherwise.
 *
 * @throws CodecError
 */
export function readReceipt(
  reader: Reader,
  blockCount: number,
  leavesMax: number = leavesPerReceiptMax,
): Receipt {
  const node = reader.hex(nodeIdBytes) as NodeId
  const placementEpoch = reader.u32()
  const putMs = reader.u64()
  const signature = reader.fixed(signatureBytes).slice()
  const leaves = readLeaves(reader, blockCount, Math.min(leavesMax, leavesPerReceiptMax))
  return { node, placementEpoch, putMs, signature, leaves }
}

type Run = { readonly first: number; readonly count: number } | Digest

/** Consecutive indices joined as far as can be: the one way to write a list of leaves. */
function runsOf(leaves: Receipt['leaves']): Run[] {
  const runs: Run[] = []
  let open: { first: number; count: number } | undefined
  for (const leaf of leaves) {
    if (typeof leaf === 'string') {
      runs.push(leaf)
      open = undefined
    } else if (open !== undefined && leaf === open.first + open.count) {
      open.count++
    } else {
      open = { first: leaf, count: 1 }
      runs.push(open)
    }
  }
  return runs
}

function writeLeaves(writer: Writer, leaves: Receipt['leaves']): void {
  const runs = runsOf(leaves)
  writer.u16(runs.length)
  for (const run of runs) {
    if (typeof run === 'string') writer.u8(RunKind.Leaf).hex(run)
    else writer.u8(RunKind.Indices).u16(run.first).u16(run.count)
  }
}

function readLeaves(reader: Reader, blockCount: number, leavesMax: number): (number | Digest)[] {
  const leaves: (number | Digest)[] = []
  /** The index that a run must not begin with: it would belong to the run before. */
  let continuation = -1
  const runCount = reader.u16()
  const refuseMore = (count: number): void => {
    if (leaves.length + count > leavesMax) reader.refuse('too many leaves in receipts')
  }
  for (let index = 0; index < runCount; index++) {
    if (reader.oneOf(runKinds) === RunKind.Leaf) {
      refuseMore(1)
      leaves.push(reader.hex(digestBytes) as Digest)
      continuation = -1
    } else {
      const first = reader.u16()
      const count = reader.u16()
      if (count === 0 || first === continuation) reader.refuse('runs of leaves not joined')
      if (first + count > blockCount) reader.refuse('receipt for a block that is not there')
      refuseMore(count)
      for (let offset = 0; offset < count; offset++) leaves.push(first + offset)
      continuation = first + count
    }
  }
  return leaves
}

export function writeAdded(writer: Writer, added: Added): void {
  writer.list(added.blocks, writeAddedBlock).list(added.receipts, writeReceipt)
}

/** @throws CodecError */
export function readAdded(reader: Reader, blocksMax: number = addedPerStageMax): Added {
  const blocks = reader.list(blocksMax, readAddedBlock)
  let leavesLeft = leavesPerOperationMax
  const countOf = new Map<NodeId, number>()
  const receipts = reader.list(receiptsPerOperationMax, (inner) => {
    const receipt = readReceipt(inner, blocks.length, leavesLeft)
    leavesLeft -= receipt.leaves.length
    const count = (countOf.get(receipt.node) ?? 0) + 1
    // Each of a node's receipts names a block that none of its others does.
    if (count > Math.max(1, blocks.length)) inner.refuse('more receipts of a node than blocks')
    countOf.set(receipt.node, count)
    return receipt
  })
  return { blocks, receipts }
}

/** Leaves of all receipts of an operation: what its encoding expands to beyond its length. */
export const leafCountOf = ({ receipts }: Added): number =>
  receipts.reduce((sum, { leaves }) => sum + leaves.length, 0)
