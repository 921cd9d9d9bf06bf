/** Which Processor a command talks to, and with which token. */
import { access, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { isUnosysError } from '../base/error.ts'
import { readRunning } from '../main/running-world.ts'
import { worldFolderDefault, worldPaths } from '../main/world-layout.ts'
import { isApiError, UnosysClient } from '../sdk/index.ts'
import { CliCode, CliError, localError, usage } from './failure.ts'

export type ConnectOptions = {
  /** From `--api`; else `UNOSYS_API`, else the first Processor of the world. */
  readonly api?: string | undefined
  /** From `--world`; else `UNOSYS_WORLD`, else `.unosys` here or in a folder above. */
  readonly world?: string | undefined
  /** How long the Processor may wait for others before it answers. */
  readonly timeoutMs?: number | undefined
}

/** @throws CliError `cli/no-token`, `cli/usage`; WorldError when a world is named and not there. */
export async function connect(options: ConnectOptions): Promise<UnosysClient> {
  const world = await worldFolder(options.world)
  const api = options.api ?? process.env.UNOSYS_API ?? (await firstApi(world.folder))
  const token = await tokenOf(world)
  const { timeoutMs } = options
  const deadline = timeoutMs === undefined ? {} : { deadlineMs: timeoutMs }
  try {
    return new UnosysClient({ api, token, ...deadline })
  } catch (error) {
    throw isApiError(error, 'sdk/bad-answer') ? usage(error.message) : error
  }
}

type WorldFolder = { readonly folder: string; readonly isNamed: boolean }

/** The folder of the world: as told, or the nearest `.unosys` from here upwards. */
async function worldFolder(told: string | undefined): Promise<WorldFolder> {
  const named = told ?? process.env.UNOSYS_WORLD
  if (named !== undefined) return { folder: resolve(named), isNamed: true }
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    const candidate = join(folder, worldFolderDefault)
    if (await isThere(worldPaths(candidate).config)) return { folder: candidate, isNamed: false }
    if (folder === dirname(folder)) {
      return { folder: resolve(worldFolderDefault), isNamed: false }
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    // Whatever the reason: it is not to be found there.
    return false
  }
}

/** @throws WorldError */
async function firstApi(folder: string): Promise<string> {
  const running = await readRunning(folder)
  const [first] = running?.processors ?? []
  if (first !== undefined) return first.api
  // Loaded when it is needed: it brings much of the kernel along.
  const { readWorld } = await import('../main/read-world.ts')
  try {
    const { processors } = await readWorld(folder)
    return `http://127.0.0.1:${processors[0]?.httpPort ?? 0}`
  } catch (error) {
    if (!isUnosysError(error, 'world/missing')) throw error
    throw noWorld(folder)
  }
}

function noWorld(folder: string): CliError {
  const message =
    `there is no world in ${folder}: "npx unosys world up" makes one; to use another, give ` +
    '--world FOLDER, or --api URL and the environment variable UNOSYS_TOKEN'
  return new CliError(CliCode.LocalNotFound, message, { folder })
}

/** From `UNOSYS_TOKEN`, or the world's token file. Never from an option: others could see it. */
async function tokenOf({ folder, isNamed }: WorldFolder): Promise<string> {
  const told = process.env.UNOSYS_TOKEN?.trim()
  if (told !== undefined && told !== '') return told
  const path = worldPaths(folder).token
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    const failure = localError(path, error)
    if (failure.code !== CliCode.LocalNotFound) throw failure
    if (isNamed && !(await isThere(worldPaths(folder).config))) throw noWorld(folder)
    const message = `no token: set the environment variable UNOSYS_TOKEN, or name the folder of the world with --world (looked for ${path})`
    throw new CliError(CliCode.NoToken, message, { path })
  }
}

/** A whole small file of this machine. @throws CliError */
export async function readLocal(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    throw localError(path, error)
  }
}
