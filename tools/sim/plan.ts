/**
 * What the large runs run: fixed ranges of seeds, so that everybody runs the same ones (PROTOCOL
 * 7.5). A task is one seed of one batch.
 */
import { mutations } from '../../src/kernel/consensus/mutations.ts'

export type BatchKind =
  /** A consensus group in trouble: no violation. */
  | 'consensus'
  /** Whole Processors in trouble: no violation. */
  | 'world'
  /** One liar more than the group survives: at least one violation in the batch must be seen. */
  | 'over'
  /** One broken rule for each task: noticed within `mutantSeedsMax` seeds. */
  | 'mutation'
  /** A member dies at one effect and comes back, for each effect of a scripted run. */
  | 'boundary'

export type Batch = {
  readonly kind: BatchKind
  /** Members of the group, or Processors of the world. */
  readonly nodeCount: number
  readonly first: number
  readonly count: number
}

export type Task = Pick<Batch, 'kind' | 'nodeCount'> & { readonly seed: number }

export type PlanName = 'ci' | 'accept'

/** For people, and as a key in records: `consensus n=4`. */
export const batchName = ({ kind, nodeCount }: Pick<Batch, 'kind' | 'nodeCount'>): string =>
  `${kind} n=${nodeCount}`

const from1 = (kind: BatchKind, nodeCount: number, count: number): Batch => ({
  kind,
  nodeCount,
  first: 1,
  count,
})

const mutationBatch: Batch = { kind: 'mutation', nodeCount: 4, first: 0, count: mutations.length }

/** The mutations are the plan's own seeds: task i breaks rule i. */
export const mutationOf = (seed: number): (typeof mutations)[number] | undefined => mutations[seed]

/** @param boundaryCount effects of the scripted run, see `boundary.ts`. */
export function planOf(name: PlanName, boundaryCount: number): readonly Batch[] {
  const boundaries: Batch = { kind: 'boundary', nodeCount: 4, first: 0, count: boundaryCount }
  if (name === 'ci')
    return [
      mutationBatch,
      ...[from1('consensus', 31, 5), from1('consensus', 13, 25), from1('consensus', 10, 70)],
      ...[from1('consensus', 7, 200), from1('consensus', 4, 700)],
      ...[from1('world', 7, 20), from1('world', 5, 30), from1('world', 4, 250)],
      // Last: what a run with `--minutes` leaves out first, `npm test` has a twelfth of.
      boundaries,
    ]
  return [
    mutationBatch,
    boundaries,
    from1('over', 4, 100),
    ...[from1('consensus', 31, 100), from1('consensus', 13, 400), from1('consensus', 10, 1_000)],
    ...[from1('consensus', 7, 2_500), from1('consensus', 4, 6_000)],
    ...[from1('world', 7, 100), from1('world', 5, 300), from1('world', 4, 1_600)],
  ]
}

/** Divide all counts, for a quick look; no batch vanishes. */
export const scaled = (plan: readonly Batch[], divisor: number): readonly Batch[] =>
  plan.map((batch) => ({ ...batch, count: Math.max(1, Math.ceil(batch.count / divisor)) }))

export const tasksOf = (batch: Batch): Task[] =>
  Array.from({ length: batch.count }, (_, index) => ({
    kind: batch.kind,
    nodeCount: batch.nodeCount,
    seed: batch.first + index,
  }))
