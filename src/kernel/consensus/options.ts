/** What a member is built from. */
import type { NodeId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Crypto, KeyPair } from '../../ports/crypto.ts'
import type { Journal } from '../../ports/journal.ts'
import type { Log } from '../../ports/log.ts'
import type { Metrics } from '../../ports/metrics.ts'
import type { Links } from '../links/interface.ts'
import type { Application, ConsensusConfig, ConsensusEvidence } from './interface.ts'
import type { ConsensusLimits } from './limits.ts'

export type ConsensusOptions = {
  readonly config: ConsensusConfig
  /** This node; a member of the group. Nodes that are not do not run consensus. */
  readonly self: NodeId
  readonly consensusKeyPair: KeyPair
  /**
   * True if this node may never have run in this group: an empty journal is a new one then.
   * Otherwise it is a lost one, and the member votes no more until it is readmitted.
   */
  readonly mayBeNew: boolean
  /** Not started yet: consensus takes its channel. */
  readonly links: Links
  /** The same store as the application's; see `Application.execute` for the keys. */
  readonly journal: Journal
  readonly clock: Clock
  readonly crypto: Crypto
  readonly log: Log
  readonly metrics: Metrics
  readonly application: Application
  /** Height that the application's own state has; blocks after it are executed again. */
  readonly restoredHeight: number
  readonly limits?: Partial<ConsensusLimits>
  /**
   * Time that a message and a sync take at most in good weather. A leader is given up after twice
   * this. Default 300 ms, for local networks.
   */
  readonly delta0Ms?: number
  /** This member must not go on: stop the process. Called once; nothing leaves it any more. */
  readonly onFatal: (error: Error) => void
  /** Proof that a member broke the rules; may come more than once. */
  readonly onEvidence?: (evidence: ConsensusEvidence) => void
}
