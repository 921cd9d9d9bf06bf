/** Where blocks live: pure functions of a placement epoch. PROTOCOL D5, section 6.4. */
import type { BlockId, NodeId } from '../../base/ids.ts'

/** Buckets of block ids in a section; all blocks of one have the same holders. */
export const partitionCount = 16_384

export type PlacementMember = {
  readonly node: NodeId
  /**
   * Share of data, 1…8 virtual replicas (quantised so that no floating-point logarithm decides).
   */
  readonly weight: number
}

/** An agreed list of storing nodes. The world starts with epoch 1 from genesis. */
export type PlacementEpoch = {
  readonly epoch: number
  readonly members: readonly PlacementMember[]
}

export interface Placement {
  readonly epoch: number
  readonly members: readonly NodeId[]
  /** First 14 bits of SHA-256 over the domain-separated id. */
  partitionOf(id: BlockId): number
  /**
   * The `replicas` distinct holders of a block, best first. Equal on every node.
   * `replicas` must not exceed the number of members (asserted).
   */
  holdersOf(id: BlockId, replicas: number): readonly NodeId[]
  holdersOfPartition(partition: number, replicas: number): readonly NodeId[]
}

/** Receipts that a write needs before it counts: r for r < 3, else r − max(1, ⌊(r − 1)/3⌋). */
export const receiptsNeeded = (replicas: number): number =>
  replicas < 3 ? replicas : replicas - Math.max(1, Math.floor((replicas - 1) / 3))
