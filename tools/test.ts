/** The whole test run: `npm test`. See `npm test -- --help`. */
import { availableParallelism } from 'node:os'
import { sourceCommit } from './sim/commit.ts'
import { projectRoot } from './source/tree.ts'
import { helpText, parseTestArguments, type TestOptions, UsageError } from './testing/arguments.ts'
import { runStages } from './testing/run-stages.ts'

const exitFailed = 1
const exitUsage = 2
const exitInterrupted = 130

process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  let options: TestOptions
  try {
    options = parseTestArguments(args)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(`npm test: ${error.message}\nTry: npm test -- --help`)
    return exitUsage
  }
  if (options.help) {
    console.log(helpText)
    return 0
  }
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => interrupted.abort())
  }
  const tally = await runStages(options, {
    root: projectRoot,
    signal: interrupted.signal,
    concurrencyMax: availableParallelism(),
    print: (line) => console.log(line),
  })
  // With the seed of a simulated run it is what sees that run again.
  if (tally.failed > 0) console.log(`commit: ${sourceCommit()}`)
  for (const line of tally.lines()) console.log(line)
  if (interrupted.signal.aborted) return exitInterrupted
  return tally.failed === 0 ? 0 : exitFailed
}
