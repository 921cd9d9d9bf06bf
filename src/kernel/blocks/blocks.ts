import type { NodeId, WorldId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Journal } from '../../ports/journal.ts'
import type { Log } from '../../ports/log.ts'
import type { Metrics } from '../../ports/metrics.ts'
import type { Random } from '../../ports/random.ts'
import type { Group } from '../group/interface.ts'
import { channels, type Links } from '../links/index.ts'
import type { Placement } from '../placement/index.ts'
import type { Trust } from '../trust/index.ts'
import type { Vault } from '../vault/interface.ts'
import { Gate } from './gate.ts'
import { Holder } from './holder.ts'
import type { Blocks } from './interface.ts'
import { inFlightBytesMax, readsInFlightMax } from './limits.ts'
import { BlockReader } from './reader.ts'
import { Repair } from './repair.ts'
import { Scrub } from './scrub.ts'
import { BlockWriter } from './writer.ts'

export type BlocksOptions = {
  readonly self: NodeId
  readonly world: WorldId
  /** This node's Ed25519 secret key: signs receipts. */
  readonly nodeSecretKey: Uint8Array
  readonly clock: Clock
  readonly crypto: Crypto
  readonly random: Random
  readonly log: Log
  readonly metrics: Metrics
  readonly links: Links
  readonly placement: Placement
  readonly vault: Vault
  readonly group: Group
  readonly trust: Trust
  /** Keeps how far this holder has checked the added lists. */
  readonly journal: Journal
  /** The disk failed: this node must stop. */
  readonly onFatal: (error: Error) => void
}

/** Blocks across nodes; answers the links' channel `blocks` from the moment it is made. */
export function createBlocks(options: BlocksOptions): Blocks {
  const { links, placement } = options
  const log = options.log.for('blocks')
  const holder = new Holder({ ...options, onDamaged: (key) => repair.damaged(key) })
  const reader = new BlockReader({ ...options, holder, inFlight: new Gate(readsInFlightMax) })
  const writer = new BlockWriter({ ...options, log, holder, inFlight: new Gate(inFlightBytesMax) })
  const repair = new Repair({ ...options, log, reader })
  const scrub = new Scrub({ ...options, log, holder })
  links.handle(channels.blocks, holder.handler())
  return {
    start: async () => {
      await repair.start()
      scrub.start()
    },
    stop: async () => {
      await scrub.stop()
      await repair.stop()
    },
    write: (blocks, call) => writer.write(blocks, call),
    read: (ref, call) => reader.read(ref, call),
    holdersOf: (id, replicas) => placement.holdersOf(id, replicas),
    status: () => ({ checkedHeight: repair.checkedHeight, missingCount: repair.missingCount }),
  }
}
