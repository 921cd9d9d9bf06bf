/**
 * `npm run tour`: a walk through the main job, on real input, with real faults. See `--help`.
 *
 * Every line that it prints was measured; the first promise that is not kept ends it with exit
 * code 1.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { messageOf } from '../src/base/error.ts'
import { realInput, shortInput } from './tour/input.ts'
import { Walk } from './tour/promises.ts'
import { jsonTeller, seconds, textTeller } from './tour/tellers.ts'
import { walkTour } from './tour/tour.ts'
import { makeTourWorld, type TourWorld } from './tour/world.ts'

const help = `Usage: npm run tour -- [options]

Makes a world of four Processors in a folder of its own, stores a large file and a folder of small
ones through one of them and reads them through another, looks at the disks, kills a Processor in
the middle of a write, damages block files, and brings the killed one back. Needs about 1.5 GB of
disk and takes about a minute.

  --data DIR   use this folder, which must be empty or not there (default: a temporary one)
  --quick      only the first 16 MB of the large file and 40 of the small ones
  --keep       leave the folder there, to look at
  --json       one line of JSON per event; the last one is {"event":"end","broken":0,…}
  --help       this

Exit codes: 0 all promises kept, 1 one was broken, 2 wrong use, 130 interrupted.`

const quickSize = { bytesMax: 16_000_000, fileCount: 40 }

const exitBroken = 1
const exitUsage = 2
const exitInterrupted = 130

type Options = {
  readonly data: string | undefined
  readonly quick: boolean
  readonly keep: boolean
  readonly json: boolean
}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      data: { type: 'string' },
      quick: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const { data, quick, keep, json } = values
  return { data, quick, keep, json }
}

async function main(args: readonly string[]): Promise<number> {
  let options: Options | undefined
  try {
    options = parseOptions(args)
  } catch (error) {
    process.stderr.write(`npm run tour: ${messageOf(error)}\nTry: npm run tour -- --help\n`)
    return exitUsage
  }
  if (options === undefined) {
    say(help)
    return 0
  }
  return walkIn(options)
}

async function walkIn({ data, quick, keep, json }: Options): Promise<number> {
  const base = data ?? mkdtempSync(join(tmpdir(), 'unosys-tour-'))
  const walk = new Walk(json ? jsonTeller(say) : textTeller(say))
  const startMs = performance.now()
  let world: TourWorld | undefined
  let broken: unknown
  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => resolve('interrupted'))
    }
  })
  const walking = (async () => {
    world = await makeTourWorld({ folder: join(base, 'world'), nodeCount: 4 })
    if (!json) say(`A tour of UnoSys. The world lies in ${world.folder}`)
    await walkTour({ world, walk, input: quick ? shortInput(quickSize) : realInput() })
  })().catch((error: unknown) => {
    broken = error
  })
  const how = await Promise.race([walking, interrupted])
  await world?.killAll()
  if (!keep) rmSync(base, { recursive: true, force: true })
  if (how === 'interrupted') return exitInterrupted
  tellEnd({
    walk,
    broken,
    json,
    tookMs: performance.now() - startMs,
    kept: keep ? base : undefined,
  })
  return broken === undefined ? 0 : exitBroken
}

function tellEnd(end: {
  readonly walk: Walk
  readonly broken: unknown
  readonly json: boolean
  readonly tookMs: number
  readonly kept: string | undefined
}): void {
  const { walk, broken, json, tookMs, kept } = end
  const keptCount = walk.promises.filter((promise) => promise.kept).length
  const reason = broken === undefined ? undefined : messageOf(broken)
  if (json) {
    const folder = kept === undefined ? {} : { folder: kept }
    const count = { kept: keptCount, broken: broken === undefined ? 0 : 1 }
    say(JSON.stringify({ event: 'end', ...count, reason, tookMs: Math.round(tookMs), ...folder }))
    return
  }
  if (kept !== undefined) say(`\nThe world was kept in ${kept}`)
  const steps = `${walk.results.length} steps, ${seconds(tookMs)}`
  if (reason === undefined) say(`\n${keptCount} promises, all kept (${steps})`)
  else say(`\nThe tour ended early (${steps}): ${reason}`)
}

process.exitCode = await main(process.argv.slice(2))
