/** What `npm run sim:ci` and `npm run sim:accept` understand. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { UsageError, wholeNumber } from './numbers.ts'
import type { PlanName } from './plan.ts'

export type ManyOptions = {
  readonly plan: PlanName
  readonly jobs: number
  readonly record: string
  /** Begin anew, whatever the record holds. */
  readonly fresh: boolean
  /** Go on although the record is of another commit. */
  readonly anyCommit: boolean
  /** Run what failed once more. */
  readonly failedAgain: boolean
  readonly divisor: number
  /** No task is begun any more after so many minutes; undefined: to the end. */
  readonly minutes: number | undefined
  readonly help: boolean
}

export const manyHelp = `Usage: npm run sim:ci -- [options]
       npm run sim:accept -- [options]

Runs fixed ranges of seeds of consensus groups and of whole worlds, in one process for each core.
sim:ci takes about ten minutes on two cores, sim:accept about an hour and a half.

  --jobs N       processes at once (default: one for each core)
  --record FILE  where results are kept (default .unosys/sim/<plan>.jsonl)
  --fresh        begin anew; otherwise a run that was stopped goes on where it was
  --any-commit   go on although the recorded results are of another commit
  --failed-again run what failed once more, when its cause is mended; with --any-commit
  --divide N     only an N-th of each batch, for a quick look
  --minutes N    end after N minutes, whatever is left, and say how much that is
  --help         this

A failing seed is printed with the commit and the command that replays it, and the run goes on. It
ends with a summary. Exit code 0 when every promise was kept (of those that --minutes left time for),
1 when one was not, 2 when the command was not understood, 130 when it was stopped: the same command
then goes on.`

/** @throws UsageError */
export function parseManyArguments(args: readonly string[]): ManyOptions {
  const { values, positionals } = parse(args)
  const plan = positionals[0]
  if ((plan !== 'ci' && plan !== 'accept') || positionals.length > 1)
    throw new UsageError('there are two plans: ci and accept')
  const defaultJobs = String(availableParallelism())
  return {
    plan,
    jobs: wholeNumber(values.jobs ?? defaultJobs, 'jobs', { min: 1, max: 256 }),
    record: values.record ?? `.unosys/sim/${plan}.jsonl`,
    fresh: values.fresh ?? false,
    anyCommit: values['any-commit'] ?? false,
    failedAgain: values['failed-again'] ?? false,
    divisor: wholeNumber(values.divide ?? '1', 'divide', { min: 1, max: 100_000 }),
    minutes:
      values.minutes === undefined
        ? undefined
        : wholeNumber(values.minutes, 'minutes', { min: 1, max: 10_000 }),
    help: values.help ?? false,
  }
}

type Parsed = {
  values: {
    jobs?: string
    record?: string
    fresh?: boolean
    'any-commit'?: boolean
    'failed-again'?: boolean
    divide?: string
    minutes?: string
    help?: boolean
  }
  positionals: string[]
}

function parse(args: readonly string[]): Parsed {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        jobs: { type: 'string' },
        record: { type: 'string' },
        fresh: { type: 'boolean' },
        'any-commit': { type: 'boolean' },
        'failed-again': { type: 'boolean' },
        divide: { type: 'string' },
        minutes: { type: 'string' },
        help: { type: 'boolean' },
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}
