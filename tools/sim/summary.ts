/** What a large run came to, as lines that can be pasted into docs/SIMULATION.md. */
import { type Batch, batchName, tasksOf } from './plan.ts'
import { type Recorded, type RunRecord, taskKey } from './record.ts'
import type { Outcome } from './run-task.ts'

export type BatchResult = {
  readonly batch: Batch
  readonly outcomes: readonly Recorded[]
  readonly failures: readonly string[]
}

const sum = (outcomes: readonly Outcome[], of: (outcome: Outcome) => number): number =>
  outcomes.reduce((total, outcome) => total + of(outcome), 0)

const largest = (outcomes: readonly Outcome[], of: (outcome: Outcome) => number): number =>
  outcomes.reduce((most, outcome) => Math.max(most, of(outcome)), 0)

/** A number with its thousands apart. */
export const grouped = (value: number): string =>
  String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, ',')

/** The outcomes of one batch; a batch over the bound in which nothing was seen fails as a whole. */
export function resultOf(batch: Batch, record: RunRecord): BatchResult {
  const outcomes = tasksOf(batch).flatMap((task) => record.outcomes.get(taskKey(task)) ?? [])
  const failures = outcomes.flatMap(({ commit, failure }) =>
    failure === undefined ? [] : [`${failure}\ncommit: ${commit}`],
  )
  const isWhole = outcomes.length === batch.count
  if (batch.kind === 'over' && isWhole && !outcomes.some(({ seen }) => seen !== undefined))
    failures.push(`${batchName(batch)}: ${batch.count} seeds with a liar too many saw nothing`)
  return { batch, outcomes, failures }
}

/** One sentence for what is special about a batch. */
function remarkOf({ batch, outcomes }: BatchResult): string {
  const seenCount = outcomes.filter(({ seen }) => seen !== undefined).length
  if (batch.kind === 'over') return `violations seen in ${seenCount}, as they must be`
  if (batch.kind === 'mutation') return `${seenCount} of ${batch.count} broken rules noticed`
  return ''
}

function row(result: BatchResult): string {
  const { batch, failures, outcomes } = result
  const cells = [
    batchName(batch),
    `${grouped(outcomes.length)} of ${grouped(batch.count)}`,
    grouped(sum(outcomes, ({ runCount }) => runCount)),
    grouped(failures.length),
    grouped(sum(outcomes, ({ crashCount }) => crashCount)),
    grouped(sum(outcomes, ({ height }) => height)),
    grouped(sum(outcomes, ({ eventCount }) => eventCount)),
    `${grouped(largest(outcomes, ({ healedInMs }) => healedInMs))} ms`,
    remarkOf(result),
  ]
  return `| ${cells.join(' | ')} |`
}

const commitsText = (commits: readonly string[]): string =>
  commits.length === 1 ? `commit ${commits[0]}` : `mixed commits ${commits.join(', ')}`

/** The whole summary. */
export function summaryLines(
  results: readonly BatchResult[],
  run: {
    readonly plan: string
    readonly commits: readonly string[]
    readonly startedAt: string
  },
): string[] {
  const all = results.flatMap(({ outcomes }) => outcomes)
  const failureCount = results.reduce((total, { failures }) => total + failures.length, 0)
  const hours = sum(all, ({ wallMs }) => wallMs) / 3_600_000
  const names =
    '| batch | seeds | runs | violations | crashes | heights | events | longest healing | |'
  return [
    `Plan ${run.plan}, ${commitsText(run.commits)}, begun ${run.startedAt}.`,
    '',
    names,
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...results.map(row),
    '',
    `${grouped(all.length)} tasks, ${grouped(failureCount)} failed, ` +
      `${hours.toFixed(2)} hours of one core.`,
  ]
}
