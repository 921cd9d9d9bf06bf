/**
 * Do the checkers see faults? A run without a violation means something only if a broken rule gives
 * one. Here all correct members of a group break one rule, and seeds run until somebody notices.
 */
import { createMutant } from '../../src/kernel/consensus/consensus.ts'
import type { Mutation } from '../../src/kernel/consensus/mutations.ts'
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
      const message = error instanceof Error ? error.message : String(error)
      if (counts(message)) return { seedCount: seed, message }
    }
  }
  return { seedCount: mutantSeedsMax, message: undefined }
}

/** All correct members of four break this rule. */
export const huntMutation = (mutation: Mutation): Promise<Hunt> =>
  hunt({ createMember: (options) => createMutant(options, mutation) })

/** Standing still is what a group over its bound may do; two truths are what must be seen. */
export const isSafety = (message: string): boolean => !message.includes('ms without trouble')

/** A group with one liar more than it survives. */
export const overTheBound = (seed: number, nodeCount: number): ConsensusCluster =>
  new ConsensusCluster({
    seed,
    nodeCount,
    liarCount: Math.floor((nodeCount - 1) / 3) + 1,
    ...groupParts,
  })
