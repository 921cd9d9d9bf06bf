/** Goes through the stages in order and prints how each one went. */
import { posix } from 'node:path'
import type { TestOptions } from './arguments.ts'
import type { TestReport } from './reporter.ts'
import { type FileResult, runFile } from './run-file.ts'
import { runProgram } from './run-program.ts'
import { type ProgramStage, stages, type TestStage, testFiles } from './stages.ts'
import { Tally } from './tally.ts'

export type RunContext = {
  readonly root: string
  readonly signal: AbortSignal
  readonly concurrencyMax: number
  readonly print: (line: string) => void
}

/** Run what `options` ask for. Later stages run although earlier ones failed. */
export async function runStages(options: TestOptions, context: RunContext): Promise<Tally> {
  const tally = new Tally()
  const narrowed = options.grep !== undefined || options.paths.length > 0
  for (const stage of stages) {
    if (context.signal.aborted) break
    const asked = options.only.includes(stage.name)
    if (options.only.length > 0 && !asked) continue
    if (stage.kind === 'tests') await runTestStage(stage, { options, context, tally })
    else if (asked || !narrowed) await runProgramStage(stage, { context, tally })
  }
  if (context.signal.aborted) tally.addFault('interrupted')
  else if (tally.count === 0) tally.addFault('no test matches what was asked for')
  return tally
}

async function runProgramStage(
  stage: ProgramStage,
  run: { context: RunContext; tally: Tally },
): Promise<void> {
  const { context, tally } = run
  const result = await runProgram(stage, context)
  tally.addProgram(stage.name, result)
  const outcome = result.passed ? 'in order' : 'FAILED'
  context.print(stageLine(stage.name, outcome, result.durationMs))
  if (!result.passed) context.print(indent(result.output.trim()))
}

async function runTestStage(
  stage: TestStage,
  run: { options: TestOptions; context: RunContext; tally: Tally },
): Promise<void> {
  const { options, context, tally } = run
  const files = testFiles(context.root, stage).filter((path) => isAskedFor(path, options.paths))
  if (files.length === 0) return
  const startedMs = performance.now()
  const before = { passed: tally.passed, failed: tally.failed, skipped: tally.skipped }
  const concurrency = Math.min(stage.concurrency, context.concurrencyMax, files.length)
  const queue = [...files]
  const work = async (): Promise<void> => {
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
      if (context.signal.aborted) return
      const result = await runFile(path, {
        root: context.root,
        silenceMsMax: stage.silenceMsMax,
        grep: options.grep,
        signal: context.signal,
        // Of files that run beside each other, each line says whose it is.
        ...(stage.live
          ? { onReport: (report) => context.print(`${testLine(report)}  ${posix.basename(path)}`) }
          : {}),
      })
      tally.addFile(result)
      printFile(result, { options, context, shown: stage.live })
    }
  }
  await Promise.all(Array.from({ length: concurrency }, () => work()))
  const [passed, failed, skipped] = [
    tally.passed - before.passed,
    tally.failed - before.failed,
    tally.skipped - before.skipped,
  ]
  if (passed + failed + skipped === 0) return
  const outcome = `${passed} passed, ${failed} failed, ${skipped} skipped`
  context.print(stageLine(stage.name, outcome, performance.now() - startedMs))
}

function isAskedFor(path: string, asked: readonly string[]): boolean {
  return asked.length === 0 || asked.some((part) => path === part || path.startsWith(`${part}/`))
}

function printFile(
  result: FileResult,
  run: { options: TestOptions; context: RunContext; shown: boolean },
): void {
  const { print } = run.context
  const count = (outcome: string): number =>
    result.reports.filter((report) => report.outcome === outcome).length
  const failed = count('failed') + result.faults.length
  // Nothing in it matches the pattern.
  if (result.reports.length === 0 && failed === 0) return
  const parts = [`${count('passed')} passed`]
  if (failed > 0) parts.push(`${failed} failed`)
  if (count('skipped') > 0) parts.push(`${count('skipped')} skipped`)
  const mark = failed > 0 ? '✗' : '✓'
  print(`  ${mark} ${result.path}  ${parts.join(', ')}  ${seconds(result.durationMs)}`)
  for (const report of run.shown ? [] : result.reports) {
    if (run.options.verbose || report.outcome === 'failed') print(testLine(report))
  }
  for (const fault of result.faults) print(`      ✗ ${fault}`)
  if (run.options.verbose && result.output.trim() !== '') print(indent(result.output.trim()))
}

function testLine(report: TestReport): string {
  const marks = { passed: '✓', failed: '✗', skipped: '-' }
  const indentation = '  '.repeat(report.nesting)
  return `      ${indentation}${marks[report.outcome]} ${report.name}  ${seconds(report.durationMs)}`
}

function stageLine(name: string, outcome: string, durationMs: number): string {
  return `${name.padEnd(12)} ${outcome}  ${seconds(durationMs)}`
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `      ${line}`)
    .join('\n')
}
