/**
 * `npm run sim:ci` and `npm run sim:accept`: thousands of seeds, with a record that a stopped run
 * goes on from, and a summary. See `--help`.
 */
import { resolve } from 'node:path'
import { projectRoot } from '../source/tree.ts'
import { countBoundaries } from './boundary.ts'
import { isClean, sourceCommit } from './commit.ts'
import { runTasks } from './crew.ts'
import { type ManyOptions, manyHelp, parseManyArguments } from './many-arguments.ts'
import { UsageError } from './numbers.ts'
import { type Batch, planOf, scaled, tasksOf } from './plan.ts'
import { Progress } from './progress.ts'
import { RecordError, RunRecord } from './record.ts'
import { resultOf, summaryLines } from './summary.ts'

const exitFailed = 1
const exitUsage = 2
const exitInterrupted = 130

/** Why a run with `--minutes` ended before its plan. */
const outOfTime = Symbol('out of time')

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

/** The record to go on with, or a new one. @throws RecordError for one of another plan or commit */
function openRecord(options: ManyOptions, commit: string): RunRecord {
  const path = resolve(projectRoot, options.record)
  const begin = (): RunRecord =>
    RunRecord.begin(path, { plan: options.plan, commit, startedAt: new Date().toISOString() })
  if (options.fresh) return begin()
  const found = RunRecord.read(path)
  if (found === undefined) return begin()
  if (found.head.plan !== options.plan)
    throw new RecordError(`${options.record} is of the plan ${found.head.plan}: name another file`)
  const isSame = found.commits.every((one) => one === commit) && isClean(commit)
  if (isSame || options.anyCommit) return found
  throw new RecordError(
    `${options.record} holds ${found.outcomes.size} results of ${found.commits.join(' and ')}, ` +
      `and this is ${commit}.\nBegin anew with --fresh, or mix them with --any-commit.`,
  )
}

async function run(options: ManyOptions): Promise<number> {
  const commit = sourceCommit()
  const record = openRecord(options, commit)
  const plan = scaled(planOf(options.plan, await countBoundaries()), options.divisor)
  const tasks = plan.flatMap(tasksOf)
  const left = tasks.filter((task) => !record.has(task, options))
  const { jobs, minutes } = options
  say(`Plan ${options.plan}: ${tasks.length} tasks, ${left.length} to do, ${jobs} at once.`)
  say(`Commit ${commit}. Record: ${record.path}`)
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => stop.abort())
  const clock = setTimeout(() => stop.abort(outOfTime), (minutes ?? 0) * 60_000)
  if (minutes === undefined) clearTimeout(clock)
  const progress = new Progress(tasks.length, tasks.length - left.length, say)
  await runTasks(left, {
    jobs,
    signal: stop.signal,
    onOutcome: (outcome) => {
      record.add({ ...outcome, commit })
      if (outcome.failure !== undefined) say(`\nFAILED at commit ${commit}: ${outcome.failure}\n`)
      progress.done(outcome)
    },
  })
  clearTimeout(clock)
  progress.stop()
  return end(plan, record, stop.signal)
}

function end(plan: readonly Batch[], record: RunRecord, stop: AbortSignal): number {
  const results = plan.map((batch) => resultOf(batch, record))
  say('')
  for (const line of summaryLines(results, { ...record.head, commits: record.commits })) say(line)
  const failures = results.flatMap((result) => result.failures)
  if (failures.length > 0) {
    say(`\nBroken promises: ${failures.length}`)
    for (const failure of failures) say(`\n${failure}`)
  }
  const isOutOfTime = stop.reason === outOfTime
  if (stop.aborted && !isOutOfTime) {
    say('\nStopped. The same command goes on from here.')
    return exitInterrupted
  }
  const left = plan.flatMap(tasksOf).filter((task) => !record.has(task)).length
  if (isOutOfTime)
    say(`\nOut of time, with ${left} tasks left. The same command goes on from here.`)
  if (failures.length > 0) return exitFailed
  say(left > 0 ? '\nEvery promise looked at was kept.' : '\nEvery promise was kept.')
  return 0
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseManyArguments(args)
    if (!options.help) return await run(options)
    say(manyHelp)
    return 0
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof RecordError)) throw error
    process.stderr.write(`${error.message}\n`)
    if (error instanceof UsageError) process.stderr.write(`\n${manyHelp}\n`)
    return exitUsage
  }
}

process.exitCode = await main(process.argv.slice(2))
