/** Sealed blocks across nodes: written to r holders, read from one. */
import type { BlockId, NodeId } from '../../base/ids.ts'
import type { ObjectKeys } from '../keys/interface.ts'
import type { Added, BlockRef } from '../section/interface.ts'

export type PlainBlock = {
  readonly id: BlockId
  readonly version: number
  /** Not kept after sealing. At most `plainBytesMax`. */
  readonly plain: Uint8Array
}

export type WriteOptions = {
  /** Keys of the object that the blocks belong to; the newest content key seals. */
  readonly keys: ObjectKeys
  readonly replicas: number
  readonly deadlineMs: number
  readonly signal?: AbortSignal
}

export type ReadOptions = {
  readonly keys: ObjectKeys
  readonly replicas: number
  readonly deadlineMs: number
  readonly signal?: AbortSignal
}

export type HolderReport = {
  readonly holder: NodeId
  /** What the holder, or the check of its answer, said. */
  readonly code: string
}

export interface Blocks {
  start(): Promise<void>
  stop(): Promise<void>

  /**
   * Seal and store new block versions; resolves when each has w durable receipts. The remaining
   * replicas are completed in the background (bounded memory; what stays undone is repaired by the
   * holder itself from the added lists). At most `batchBlocksMax` blocks.
   *
   * @throws BlockError `blocks/too-few-holders`, `blocks/unconfirmed`, `blocks/full`,
   * `blocks/cancelled`.
   */
  write(
    blocks: readonly PlainBlock[],
    options: WriteOptions,
  ): Promise<{ readonly added: Added; readonly refs: readonly BlockRef[] }>

  /**
   * One block's plain bytes: one message to one holder, verified, opened. A wrong, missing or late
   * answer goes to the next holder at once; a wrong one is reported with the holder's signature.
   *
   * @throws BlockError `blocks/lost` (every holder answered, none had it intact),
   *   `blocks/unreachable` (some did not answer: retry later), `blocks/cancelled`.
   */
  read(ref: BlockRef, options: ReadOptions): Promise<Uint8Array>

  /** Where a block lies, best holder first. */
  holdersOf(id: BlockId, replicas: number): readonly NodeId[]

  /** How far this node has checked that it holds all it should, and what it lacks. */
  status(): { readonly checkedHeight: number; readonly missingCount: number }
}
