/**
 * `running.json` beside `world.json`: where the Processors of a world that is up answer. The
 * command line finds the API there; without the file it takes the ports of `world.json`.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { secretMode, systemCodeOf } from './world-files.ts'

export type RunningWorld = {
  /** Of the program that looks after the Processors. */
  readonly pid: number
  readonly processors: readonly { readonly n: number; readonly api: string }[]
}

const pathOf = (folder: string): string => join(folder, 'running.json')

/** Replace the file as a whole: whoever reads it never sees a part. */
export async function writeRunning(folder: string, running: RunningWorld): Promise<void> {
  const path = pathOf(folder)
  await writeFile(`${path}.new`, `${JSON.stringify(running, undefined, 2)}\n`, { mode: secretMode })
  await rename(`${path}.new`, path)
}

export const removeRunning = (folder: string): Promise<void> => rm(pathOf(folder), { force: true })

/** Undefined when the world is not up, as far as the file says. */
export async function readRunning(folder: string): Promise<RunningWorld | undefined> {
  try {
    return parse(JSON.parse(await readFile(pathOf(folder), 'utf8')))
  } catch (error) {
    const isAbsent = systemCodeOf(error) === 'ENOENT' || systemCodeOf(error) === 'ENOTDIR'
    if (isAbsent || error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Undefined for anything but what `writeRunning` writes. */
function parse(value: unknown): RunningWorld | undefined {
  const { pid, processors } = (value ?? {}) as { pid?: unknown; processors?: unknown }
  if (typeof pid !== 'number' || !Array.isArray(processors)) return undefined
  const isOne = (one: unknown): one is { n: number; api: string } => {
    const { n, api } = (one ?? {}) as { n?: unknown; api?: unknown }
    return typeof n === 'number' && typeof api === 'string'
  }
  return processors.every(isOne) ? { pid, processors } : undefined
}

/**
 * `curlrc` beside the token: `curl -K` takes the token from there, so that it stands in no command
 * line, which other users of the machine can see.
 */
export async function writeCurlConfig(folder: string, token: string): Promise<void> {
  const path = join(folder, 'curlrc')
  const line = `header = "Authorization: Bearer ${token}"\n`
  await writeFile(`${path}.new`, line, { mode: secretMode })
  await rename(`${path}.new`, path)
}
