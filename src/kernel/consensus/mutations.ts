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
  /** F(v) although X(v) was voted. */
  'finalize-after-nullify',
  /** A proposal's parent need not be certified, nor skipped views nullified. */
  'justification-unchecked',
  /** A certificate needs one vote less. */
  'quorum-too-small',
  /** Votes leave before they are on the disk. */
  'send-before-sync',
  /** Own votes are not written at all. */
  'votes-not-written',
  /** Certificates are believed without looking at signatures. */
  'certificates-unchecked',
  /** Votes are believed without looking at signatures. */
  'votes-unchecked',
] as const

export type Mutation = (typeof mutations)[number]
