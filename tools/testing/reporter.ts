/**
 * Runs inside each test file's process (as --test-reporter) and tells the runner what happened,
 * test by test, over the channel between the two; so what a test writes cannot be mistaken for it.
 */
import { inspect } from 'node:util'

/** What becomes of one test. Sent as it ends, subtests before their parent. */
export type TestReport = {
  readonly name: string
  readonly nesting: number
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** Why it was skipped, or what went wrong. */
  readonly detail: string
  readonly line: number
  readonly durationMs: number
  /** A group of tests: not a test by itself, reported only when it failed by itself. */
  readonly isSuite: boolean
}

type TestEvent = {
  readonly type: string
  readonly data: {
    readonly name: string
    readonly nesting: number
    readonly line?: number
    readonly skip?: string | boolean
    readonly todo?: string | boolean
    readonly details: {
      readonly duration_ms: number
      readonly type?: string
      readonly error?: Error & { failureType?: string }
    }
  }
}

// When the runner is killed, nobody waits for the result: end too. The listener alone would keep
// this process alive, so the channel is told not to count.
process.on('disconnect', () => process.exit(1))
process.channel?.unref()

// biome-ignore lint/style/noDefaultExport: node:test loads a reporter by its default export
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    const told = reportOf(event)
    if (told !== undefined) process.send?.(told)
  }
  yield ''
}

/** Undefined for what is not the end of a test, and for a parent that only hands up a failure. */
export function reportOf(event: TestEvent): TestReport | undefined {
  if (event.type !== 'test:pass' && event.type !== 'test:fail') return undefined
  const { data } = event
  const isSuite = data.details.type === 'suite'
  const failed = event.type === 'test:fail'
  const skipped = given(data.skip) || given(data.todo)
  if (isSuite && !failed && !skipped) return undefined
  if (data.details.error?.failureType === 'subtestsFailed') return undefined
  return {
    name: data.name,
    nesting: data.nesting,
    outcome: skipped ? 'skipped' : failed ? 'failed' : 'passed',
    detail: skipped ? reasonOf(data) : failed ? explain(data.details.error) : '',
    line: data.line ?? 0,
    durationMs: data.details.duration_ms,
    isSuite,
  }
}

function given(mark: string | boolean | undefined): boolean {
  return mark !== undefined && mark !== false
}

function reasonOf(data: TestEvent['data']): string {
  const mark = given(data.skip) ? data.skip : data.todo
  return typeof mark === 'string' && mark !== '' ? mark : 'no reason given'
}

function explain(error: (Error & { failureType?: string }) | undefined): string {
  if (error === undefined) return 'failed without an error'
  const cause = error.cause instanceof Error ? error.cause : error
  const text = inspect(cause, { depth: 4, breakLength: 100 })
  return text
    .split('\n')
    .filter((line) => !/^\s+at .*\(?node:internal\//.test(line))
    .join('\n')
}
