/** What `npm test -- …` understands. */
import { parseArgs } from 'node:util'
import { stageNames } from './stages.ts'

export type TestOptions = {
  readonly help: boolean
  /** Stages to run; all when empty. */
  readonly only: readonly string[]
  /** Regular expression on test titles. */
  readonly grep: string | undefined
  /** Print every test, and what test files write. */
  readonly verbose: boolean
  /** Files or folders to restrict the tests to; all when empty. */
  readonly paths: readonly string[]
}

export class UsageError extends Error {}

// What people write for a stage's name.
const otherNames: Readonly<Record<string, string>> = { sim: 'simulator', cluster: 'simulator' }

export const helpText = `Usage: npm test -- [options] [file or folder …]

Runs, in this order: ${stageNames.join(', ')}.
The last line counts "N passed, N failed, N skipped". The types and the lint count as one check
each; every other number is a test. Exit code 0 when nothing failed, 1 when something did, 2 when
the command was not understood, 130 when it was interrupted.

  --only STAGE[,STAGE…]  only these stages (sim is short for simulator)
  --grep PATTERN         only tests whose title matches this regular expression
  --verbose              every test on a line, and what the tests write
  --help                 this

A test file that shows no sign of life for minutes is killed and counts as failed, and so does one
that holds no test or leaves a process running. Tests of what runs in a Processor run under its
flags (no code from strings, built-in objects frozen). Every skipped test is listed with its reason.

Examples: npm test -- --only unit,e2e
          npm test -- --grep 'C57'
          npm test -- src/base`

/** @throws UsageError an unknown option or stage; the message says which */
export function parseTestArguments(args: readonly string[]): TestOptions {
  const { values, positionals } = parse(args)
  const asked = (values.only ?? []).flatMap((list) => list.split(',')).filter((name) => name !== '')
  const only = asked.map((name) => otherNames[name] ?? name)
  for (const name of only) {
    if (!stageNames.includes(name)) {
      throw new UsageError(`there is no stage "${name}"; there are: ${stageNames.join(', ')}`)
    }
  }
  if (values.grep !== undefined) checkPattern(values.grep)
  return {
    help: values.help ?? false,
    only,
    grep: values.grep,
    verbose: values.verbose ?? false,
    paths: positionals.map((path) => path.replaceAll('\\', '/').replace(/^\.\/|\/$/g, '')),
  }
}

function parse(args: readonly string[]): {
  values: { help?: boolean; only?: string[]; grep?: string; verbose?: boolean }
  positionals: string[]
} {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        only: { type: 'string', multiple: true },
        grep: { type: 'string' },
        verbose: { type: 'boolean' },
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function checkPattern(pattern: string): void {
  try {
    new RegExp(pattern)
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}
