/**
 * `npm run soak -- --minutes 10`: a real world, all kinds of faults at random, and a verdict. See
 * `--help` and docs/faults.md.
 */
import { appendFileSync } from 'node:fs'
import { whyNoSmallDisk } from './faults/small-disk.ts'
import { Soak, type SoakVerdict } from './faults/soak.ts'
import {
  openSoakFolder,
  parseSoakArguments,
  type SoakArguments,
  type SoakFolder,
  UsageError,
} from './faults/soak-arguments.ts'

const help = `Usage: npm run soak -- [options]

Makes a world of real Processors whose wires lead through fault proxies, lets applications work on
it, and meanwhile crashes, freezes, cuts off, slows down, misleads and damages Processors (never
more at once than the group survives) and wires (all of them, too). In the end everything is healed
and judged: nothing that was acknowledged is lost, the whole history is one that one computer could
give, all have caught up, nobody is accused who did nothing, nothing was overheard.

  --minutes N  how long (default 10)
  --seed N     which troubles, in which order (default: drawn, and printed)
  --nodes N    Processors: 4 (default) or 7
  --data DIR   use this folder, which must be empty or not there (default: a temporary one)
  --keep       leave there what was made, to look at; it is always left when something was wrong,
               or when the soak is interrupted
  --help       this

Ctrl-C ends it in order, and tells what was found until then.

Exit codes: 0 all promises kept, 1 one was broken, 2 wrong use, 130 interrupted before a verdict.`

const exitBroken = 1
const exitUsage = 2
const exitInterrupted = 130
const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

async function main(args: readonly string[]): Promise<number> {
  let options: SoakArguments | undefined
  let folder: SoakFolder | undefined
  try {
    options = parseSoakArguments(args)
    if (options !== undefined) folder = openSoakFolder(options.data)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`npm run soak: ${error.message}\nTry: npm run soak -- --help\n`)
    return exitUsage
  }
  if (options === undefined || folder === undefined) {
    say(help)
    return 0
  }
  return soakIn(folder, options)
}

async function soakIn(made: SoakFolder, options: SoakArguments): Promise<number> {
  const { seed, minutes, nodeCount, keep } = options
  const interrupt = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => interrupt.abort())
  }
  const startMs = performance.now()
  const tell = (line: string): void => {
    const told = `${((performance.now() - startMs) / 1_000).toFixed(1).padStart(7)} s  ${line}`
    say(told)
    appendFileSync(made.log, `${told}\n`)
  }
  const noDisk = whyNoSmallDisk()
  tell(`soak of ${nodeCount} Processors for ${minutes} minutes, seed ${seed}, in ${made.folder}`)
  if (noDisk !== undefined) tell(`without full disks: ${noDisk}`)
  const soak = new Soak({
    folder: made.world,
    ...{ seed, minutes, nodeCount, say: tell },
    hasSmallDisk: noDisk === undefined,
    signal: interrupt.signal,
  })
  const verdict = await soak.run()
  const isInterrupted = interrupt.signal.aborted
  const isBroken = verdict.faults.length > 0
  const isLeft = isBroken || isInterrupted || keep
  await soak.close(isLeft)
  if (isInterrupted && !isBroken) tell('interrupted, not judged')
  else tellVerdict(verdict, tell)
  if (isLeft) tell(`everything is left in ${made.folder}`)
  if (isBroken)
    tell(`again: npm run soak -- --minutes ${minutes} --seed ${seed} --nodes ${nodeCount}`)
  if (!isLeft) made.remove()
  return isBroken ? exitBroken : isInterrupted ? exitInterrupted : 0
}

function tellVerdict({ faults, summary }: SoakVerdict, tell: (line: string) => void): void {
  for (const line of summary) tell(line)
  for (const fault of faults) tell(`BROKEN: ${fault}`)
  const kept = 'all promises kept: nothing lost, one history, all caught up, nobody accused'
  tell(faults.length === 0 ? kept : `${faults.length} promises broken`)
}

process.exitCode = await main(process.argv.slice(2))
