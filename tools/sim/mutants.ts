/**
 * Do the checkers see faults? A run without a violation means something only if a broken rule gives
 * one. Here all correct members of a group break one rule, and seeds run until somebody notices.
 */
import { createMutant } from '../../src/kernel/consensus/consensus.ts'
import type { Mutation } from '../../src/kernel/consensus/mutations.ts'
import type { LiarKind } from '../../src/simulator/byzantine/consensus-liars.ts'
import { type ClusterOptions, ConsensusCluster } from '../../src/simulator/consensus-cluster.ts'
import { ProductionStopped, Standstill, Violation } from '../../src/simulator/consensus-failures.ts'
import { groupParts } from './parts.ts'

/** A broken rule must be noticed within so many seeds. */
export const mutantSeedsMax = 400

export type Hunt = {
  /** The seed that noticed, or the last one. */
  readonly seed: number
  /** Seeds that ran, that one included. */
  readonly seedCount: number
  /** What was noticed; undefined if nothing was. */
  readonly message: string | undefined
}

/**
 * Seeds until a check sees a promise broken. That production stumbles over itself is no sight, and
 * that nothing gets done is one only for `isOfLiveness`.
 */
export async function hunt(
  options: Partial<ClusterOptions>,
  { first = 1, isOfLiveness = false }: { first?: number; isOfLiveness?: boolean } = {},
): Promise<Hunt> {
  let seed = first
  for (; seed <= mutantSeedsMax; seed++) {
    try {
      await new ConsensusCluster({ seed, nodeCount: 4, ...groupParts, ...options }).run()
    } catch (error) {
      if (error instanceof Violation || (isOfLiveness && error instanceof Standstill))
        return { seed, seedCount: seed - first + 1, message: error.message }
      if (!(error instanceof Standstill) && !(error instanceof ProductionStopped)) throw error
    }
  }
  return { seed: mutantSeedsMax, seedCount: mutantSeedsMax - first + 1, message: undefined }
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

/** Items that are ordered for ever: no check of safety sees that, and nobody comes to rest. */
const ofLiveness: readonly Mutation[] = ['executed-not-removed']

/** Where the hunt begins, to spend no time on seeds that saw nothing when it was last looked at. */
const firstSeeds: Partial<Record<Mutation, number>> = {
  'send-before-sync': 7,
  'votes-not-written': 2,
  'votes-not-restored': 2,
  'last-record-wins': 12,
  'answered-before-sync': 13,
  'range-unproved': 15,
  'executed-behind-epoch': 19,
}

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
  const options = {
    ...brokenBy(mutation),
    ...(liar === undefined ? {} : { liars: [liar] }),
    ...(needsForgetting.includes(mutation) ? { forget: true } : {}),
    // Items that are ordered for ever are a storm; a few of them are enough.
    ...(mutation === 'executed-not-removed' ? { itemCount: 3 } : {}),
  }
  const isOfLiveness = ofLiveness.includes(mutation)
  return hunt(options, { first: firstSeeds[mutation] ?? 1, isOfLiveness })
}

/** A group with one liar more than it survives. */
export const overTheBound = (seed: number, nodeCount: number): ConsensusCluster =>
  new ConsensusCluster({
    seed,
    nodeCount,
    liarCount: Math.floor((nodeCount - 1) / 3) + 1,
    ...groupParts,
  })
