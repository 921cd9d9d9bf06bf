/**
 * Do the checkers see faults? A run without a violation means something only if a broken rule gives
 * one. Here all correct members of a group break one rule, and seeds run until somebody notices.
 */
import { createMutant } from '../../src/kernel/consensus/consensus.ts'
import type { Mutation } from '../../src/kernel/consensus/mutations.ts'
import type { LiarKind } from '../../src/simulator/byzantine/consensus-liars.ts'
import { Violation } from '../../src/simulator/consensus-checks.ts'
import { type ClusterOptions, ConsensusCluster } from '../../src/simulator/consensus-cluster.ts'
import { groupParts } from './parts.ts'

/** A broken rule must be noticed within so many seeds. */
export const mutantSeedsMax = 400

export type Hunt = {
  /** Seeds that ran, the one that noticed included. */
  readonly seedCount: number
  /** What was noticed; undefined if nothing was. */
  readonly message: string | undefined
}

/** Seeds from 1 on until one breaks. `counts` says which violations are meant. */
export async function hunt(
  options: Partial<ClusterOptions>,
  counts: (message: string) => boolean = (): boolean => true,
): Promise<Hunt> {
  for (let seed = 1; seed <= mutantSeedsMax; seed++) {
    try {
      await new ConsensusCluster({ seed, nodeCount: 4, ...groupParts, ...options }).run()
    } catch (error) {
      // A checker must have seen it: that production stumbles over itself is no sight.
      if (!(error instanceof Violation) || !(error.cause instanceof Violation)) throw error
      if (counts(error.message)) return { seedCount: seed, message: error.message }
    }
  }
  return { seedCount: mutantSeedsMax, message: undefined }
}

/**
 * Who finds a rule broken, where that needs a liar of one kind: other seeds would find it too, but
 * most of them draw another liar or none.
 */
const liarFor: Partial<Record<Mutation, LiarKind>> = {
  'second-notarize': 'equivocator',
  'justification-unchecked': 'liar',
  'skipped-views-unchecked': 'liar',
  'parent-digest-unchecked': 'liar',
  'leader-unchecked': 'forger',
  'payload-unchecked': 'liar',
  'certificates-unchecked': 'forger',
  'votes-unchecked': 'liar',
  'epoch-not-signed': 'forger',
  'range-unproved': 'liar',
  'checkpoint-unchecked': 'forger',
  'pruned-before-stable': 'nuller',
}

/** Rules that matter when disks are lost, or when few heights are kept. */
const needsForgetting: readonly Mutation[] = [
  'amnesia-ignored',
  'executed-behind-epoch',
  'checkpoint-unchecked',
  'pruned-before-stable',
  'state-unchecked',
]

/** Correct members that break a rule. */
export const brokenBy = (
  mutation: Mutation,
): Pick<ClusterOptions, 'createMember' | 'replaySuffix' | 'stateUnchecked'> => ({
  createMember: (options) => createMutant(options, mutation),
  stateUnchecked: mutation === 'state-unchecked',
  replaySuffix: `--mutant ${mutation}`,
})

/** All correct members of four break this rule. */
export function huntMutation(mutation: Mutation): Promise<Hunt> {
  const liar = liarFor[mutation]
  return hunt({
    ...brokenBy(mutation),
    ...(liar === undefined ? {} : { liars: [liar] }),
    ...(needsForgetting.includes(mutation) ? { forget: true } : {}),
    // Items that are ordered for ever are a storm; a few of them are enough.
    ...(mutation === 'executed-not-removed' ? { itemCount: 3 } : {}),
  })
}

/** A group over its bound may stand still or be loud. Two truths are what must be seen. */
const isLiveness = /ms without trouble|does not fall silent|messages|a storm/
export const isSafety = (message: string): boolean => !isLiveness.test(message)

/** A group with one liar more than it survives. */
export const overTheBound = (seed: number, nodeCount: number): ConsensusCluster =>
  new ConsensusCluster({
    seed,
    nodeCount,
    liarCount: Math.floor((nodeCount - 1) / 3) + 1,
    ...groupParts,
  })
