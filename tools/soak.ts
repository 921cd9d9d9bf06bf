/**
 * `npm run soak -- --minutes 10`: a real world, all kinds of faults at random, and a verdict. See
 * `--help` and docs/faults.md.
 */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { messageOf } from '../src/base/error.ts'
import { whyNoSmallDisk } from './faults/small-disk.ts'
import { Soak, type SoakVerdict } from './faults/soak.ts'

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
  --keep       leave the folder there, to look at; it is always left when something was wrong
  --help       this

Exit codes: 0 all promises kept, 1 one was broken, 2 wrong use, 130 interrupted.`

const exitBroken = 1
const exitUsage = 2
const exitInterrupted = 130
const minutesMax = 24 * 60

type Options = {
  readonly minutes: number
  readonly seed: number
  readonly nodeCount: number
  readonly data: string | undefined
  readonly keep: boolean
}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

/** @throws Error with what is wrong. */
function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string' },
      nodes: { type: 'string', default: '4' },
      data: { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const minutes = Number(values.minutes)
  if (!(minutes > 0 && minutes <= minutesMax)) {
    throw new Error(`--minutes is more than 0 and at most ${minutesMax}`)
  }
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1e6) : Number(values.seed)
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error('--seed is a whole number')
  if (values.nodes !== '4' && values.nodes !== '7') throw new Error('--nodes is 4 or 7')
  const { data, keep } = values
  return { minutes, seed, nodeCount: Number(values.nodes), data, keep }
}

async function main(args: readonly string[]): Promise<number> {
  let options: Options | undefined
  try {
    options = parseOptions(args)
  } catch (error) {
    process.stderr.write(`npm run soak: ${messageOf(error)}\nTry: npm run soak -- --help\n`)
    return exitUsage
  }
  if (options === undefined) {
    say(help)
    return 0
  }
  return soakIn(options)
}

async function soakIn(options: Options): Promise<number> {
  const { data, seed, minutes, nodeCount, keep } = options
  const base = data ?? mkdtempSync(join(tmpdir(), 'unosys-soak-'))
  mkdirSync(base, { recursive: true })
  const interrupt = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => interrupt.abort())
  }
  const startMs = performance.now()
  const tell = (line: string): void => {
    const told = `${((performance.now() - startMs) / 1_000).toFixed(1).padStart(7)} s  ${line}`
    say(told)
    appendFileSync(join(base, 'soak.log'), `${told}\n`)
  }
  const noDisk = whyNoSmallDisk()
  tell(`soak of ${nodeCount} Processors for ${minutes} minutes, seed ${seed}, in ${base}`)
  if (noDisk !== undefined) tell(`without full disks: ${noDisk}`)
  const soak = new Soak({
    folder: join(base, 'world'),
    ...{ seed, minutes, nodeCount, say: tell },
    hasSmallDisk: noDisk === undefined,
    signal: interrupt.signal,
  })
  const verdict = await soak.run().catch((error: unknown): SoakVerdict => {
    return { faults: [messageOf(error)], summary: [] }
  })
  const isInterrupted = interrupt.signal.aborted
  const isBroken = verdict.faults.length > 0 && !isInterrupted
  await soak.close(isBroken || keep)
  if (!isInterrupted) tellVerdict(verdict, tell)
  if (isBroken || keep) tell(`everything is left in ${base}`)
  else rmSync(base, { recursive: true, force: true, maxRetries: 5 })
  if (isBroken)
    tell(`again: npm run soak -- --minutes ${minutes} --seed ${seed} --nodes ${nodeCount}`)
  return isInterrupted ? exitInterrupted : isBroken ? exitBroken : 0
}

function tellVerdict({ faults, summary }: SoakVerdict, tell: (line: string) => void): void {
  for (const line of summary) tell(line)
  for (const fault of faults) tell(`BROKEN: ${fault}`)
  const kept = 'all promises kept: nothing lost, one history, all caught up, nobody accused'
  tell(faults.length === 0 ? kept : `${faults.length} promises broken`)
}

process.exitCode = await main(process.argv.slice(2))
