/** What a lying member is made from, and what the cluster asks of it. */
import type { Message } from '../../kernel/consensus/index.ts'
import type { KeyPair } from '../../ports/crypto.ts'
import type { ConsensusWorld } from '../consensus-node.ts'
import type { SimRandom } from '../sim-random.ts'

export type LiarParts = {
  readonly world: ConsensusWorld
  /** Place in the configuration. */
  readonly index: number
  readonly keys: KeyPair
  readonly random: SimRandom
  /** What the members said, with the same keys, in another epoch or group. */
  readonly foreign: readonly Message[]
}

/** A Byzantine member. It may do anything but sign with another member's key. */
export interface LyingMember {
  start(): void
  stop(): void
  /** A client's item; most liars do not care. */
  submit?(item: Uint8Array): void
}
