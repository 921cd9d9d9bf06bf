/** What `npm run soak -- …` understands, and the folder that it works in. */
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { messageOf } from '../../src/base/error.ts'

export type SoakArguments = {
  readonly minutes: number
  readonly seed: number
  readonly nodeCount: number
  /** The folder that the user named. */
  readonly data: string | undefined
  readonly keep: boolean
}

/** Wrong use: nothing was started, and nothing changed. */
export class UsageError extends Error {}

const minutesMax = 24 * 60
const refuse = (message: string): never => {
  throw new UsageError(message)
}

/** @returns undefined when help is wanted. @throws UsageError */
export function parseSoakArguments(args: readonly string[]): SoakArguments | undefined {
  const values = parse(args)
  if (values.help) return undefined
  const minutes = Number(values.minutes)
  if (!(minutes > 0 && minutes <= minutesMax)) {
    refuse(`--minutes is more than 0 and at most ${minutesMax}`)
  }
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1e6) : Number(values.seed)
  const isSeed = Number.isSafeInteger(seed) && /^\d+$/.test(values.seed ?? '0')
  if (!isSeed) refuse('--seed is a whole number')
  if (values.nodes !== '4' && values.nodes !== '7') refuse('--nodes is 4 or 7')
  const { data, keep } = values
  return { minutes, seed, nodeCount: Number(values.nodes), data, keep }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        minutes: { type: 'string', default: '10' },
        seed: { type: 'string' },
        nodes: { type: 'string', default: '4' },
        data: { type: 'string' },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    return refuse(messageOf(error))
  }
}

export type SoakFolder = {
  readonly folder: string
  /** For the world; not there yet. */
  readonly world: string
  /** The log file, empty at first. */
  readonly log: string
  /** What the soak made is gone, and nothing else: a folder that the user named stays. */
  readonly remove: () => void
}

/**
 * The folder of a soak, with nothing in it but an empty log.
 *
 * @param data named by the user, which must be empty or not there; else a temporary one is made.
 * @throws UsageError it is not empty, no folder, or cannot be written to; it is as it was
 */
export function openSoakFolder(data: string | undefined): SoakFolder {
  const folder = data ?? mkdtempSync(join(tmpdir(), 'unosys-soak-'))
  const world = join(folder, 'world')
  const log = join(folder, 'soak.log')
  if (namesIn(folder).length > 0) {
    refuse(`${folder} is not empty: --data takes a folder that is empty or not there`)
  }
  try {
    writeFileSync(log, '', { flag: 'wx' })
  } catch (error) {
    refuse(`nothing can be written to ${folder}: ${messageOf(error)}`)
  }
  const remove = (): void => {
    rmSync(world, { recursive: true, force: true, maxRetries: 5 })
    rmSync(log, { force: true })
    if (data === undefined) rmdirSync(folder)
  }
  return { folder, world, log, remove }
}

/** What is in a folder, which is made if it is not there. @throws UsageError */
function namesIn(folder: string): readonly string[] {
  try {
    mkdirSync(folder, { recursive: true })
    return readdirSync(folder)
  } catch (error) {
    return refuse(`${folder} is no folder and cannot be made one: ${messageOf(error)}`)
  }
}
