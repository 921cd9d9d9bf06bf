/**
 * Bounded memory: whatever others send, a member keeps no more than its limits say. Looked at all
 * the time, from what members report of themselves.
 */
import type { ConsensusLimits } from '../kernel/consensus/index.ts'
import { Violation } from './consensus-failures.ts'
import type { ConsensusNode } from './consensus-node.ts'

/** Events between two looks. */
const everyEvents = 16
/** Beside the payload of the one block that comes last. */
const fetchedOverheadBytes = 2_048
/** A block, what it does, and what else is written with them. */
const unsyncedPerHeld = 4

export class MemoryWatch {
  readonly #nodes: readonly ConsensusNode[]
  readonly #limits: ConsensusLimits
  #eventCount = 0

  constructor(nodes: readonly ConsensusNode[], limits: ConsensusLimits) {
    this.#nodes = nodes
    this.#limits = limits
  }

  /** Called at every event. @throws Violation */
  look(): void {
    if (this.#eventCount++ % everyEvents === 0) for (const node of this.#nodes) this.#lookAt(node)
  }

  #lookAt(node: ConsensusNode): void {
    const status = node.isUp ? node.consensus?.status() : undefined
    if (status === undefined) return
    const limits = this.#limits
    const { finalView, pendingItemCount, view } = status
    // One view for each that is not final, and those of which votes are kept ahead of time.
    const viewsMax = view - finalView + limits.viewsAheadMax + 1
    // A range that was fetched comes beyond the limit.
    const heldMax = limits.heldBlocksBytesMax + limits.rangeBytesMax + limits.payloadBytesMax
    const fetchedMax = limits.heldBlocksBytesMax + fetchedOverheadBytes
    // What was held when the disk fell behind is executed: stored as blocks and what they do.
    const unsyncedMax = limits.unsyncedBytesMax + unsyncedPerHeld * (heldMax + fetchedMax)
    this.#holds(node, { what: 'items', count: pendingItemCount, max: limits.poolCountMax })
    const { gauges } = node
    const views = gauges.get('consensus.open_views') ?? 0
    this.#holds(node, { what: 'views', count: views, max: viewsMax })
    const pooledBytes = gauges.get('consensus.pooled_bytes') ?? 0
    this.#holds(node, { what: 'pooled bytes', count: pooledBytes, max: limits.poolBytesMax })
    const heldBytes = gauges.get('consensus.held_bytes') ?? 0
    this.#holds(node, { what: 'bytes of blocks', count: heldBytes, max: heldMax })
    const fetchedBytes = gauges.get('consensus.fetched_bytes') ?? 0
    this.#holds(node, { what: 'fetched bytes', count: fetchedBytes, max: fetchedMax })
    const unsyncedBytes = gauges.get('consensus.unsynced_bytes') ?? 0
    this.#holds(node, { what: 'unsynced bytes', count: unsyncedBytes, max: unsyncedMax })
  }

  #holds(
    node: ConsensusNode,
    kept: { readonly what: string; readonly count: number; readonly max: number },
  ): void {
    const { count, max, what } = kept
    if (count <= max) return
    throw new Violation(`node ${node.index} keeps ${count} ${what}, more than ${max}`)
  }
}
