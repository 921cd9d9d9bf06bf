/**
 * Rules that a test can break, to see that the checkers notice.
 *
 * A checker that never saw a fault proves nothing. So each rule that safety rests on can be turned
 * off by name, in tests alone: `createConsensus` takes no mutation, and `createMutant`, which does,
 * is not exported by the layer's door.
 *
 * @pure
 */
export const mutations = [
  // Voting.
  /** F(v) although X(v) was voted. */
  'finalize-after-nullify',
  /** X of a view that was left, perhaps with an F vote, and not of the current view alone. */
  'nullify-left-view',
  /** A second N vote in a view, for another proposal of its leader. */
  'second-notarize',
  // Judging proposals.
  /** A proposal's parent need not be certified, nor skipped views nullified. */
  'justification-unchecked',
  /** The parent must be certified, but skipped views need not be nullified. */
  'skipped-views-unchecked',
  /** The parent's view has a certificate, but of another block than the one named. */
  'parent-digest-unchecked',
  /** Anybody may propose in any view. */
  'leader-unchecked',
  /** Items need not be those that the header's hash names. */
  'payload-unchecked',
  // Counting and believing.
  /** A certificate needs one vote less. */
  'quorum-too-small',
  /** A vote that comes twice counts twice. */
  'duplicates-counted',
  /** Certificates are believed without looking at signatures. */
  'certificates-unchecked',
  /** Votes are believed without looking at signatures. */
  'votes-unchecked',
  /** Votes are signed without their epoch. */
  'epoch-not-signed',
  // Remembering.
  /** Votes leave before they are on the disk. */
  'send-before-sync',
  /** Own votes are not written at all. */
  'votes-not-written',
  /** Own votes are written, but not read back. */
  'votes-not-restored',
  /** A member whose disk is gone votes as a new one would. */
  'amnesia-ignored',
  /** At a restart the last record of the journal decides on the view, not the highest. */
  'last-record-wins',
  // Executing.
  /** A notarized block is executed, final or not. */
  'executed-before-final',
  /** Clients are answered before the execution is on the disk. */
  'answered-before-sync',
  /** Fetched blocks are executed, whatever the certificate behind them names. */
  'range-unproved',
  /** Blocks that were agreed on behind the end of an epoch are executed. */
  'executed-behind-epoch',
  // Checkpoints.
  /** Certificates of checkpoints are believed, whoever signed and how many. */
  'checkpoint-unchecked',
  /** The log goes when this member has a snapshot, not when a quorum has. */
  'pruned-before-stable',
  /** The application takes a state without looking at its name; see the simulator's. */
  'state-unchecked',
  /** Executed items stay in the pool, to be ordered again. */
  'executed-not-removed',
] as const

/**
 * No broken rule but a liar's tool: a member that does not fall silent when it meets votes of its
 * own key that it never gave. Half of a pair of twins.
 */
export const twinMutation = 'memory-unchecked'

export type Mutation = (typeof mutations)[number] | typeof twinMutation
