/** Files written once, durably, and read with a bound. */
import { constants } from 'node:fs'
import { mkdir, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemReason } from '../adapters/system-reason.ts'
import { WorldCode, WorldError } from './world-errors.ts'

/** For their owner only. */
export const secretMode = 0o600
export const plainMode = 0o644
const folderMode = 0o700

/** Windows cannot sync a folder, and needs not. */
const canSyncFolders = process.platform !== 'win32'

/** What the system said, as a code like `ENOENT`. */
export const systemCodeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined

export function worldError(
  code: WorldCode,
  path: string,
  cause: { readonly message: string } | unknown,
): WorldError {
  const options = cause instanceof Error ? { cause } : undefined
  const text = typeof cause === 'string' ? cause : systemReason(cause)
  return new WorldError(code, `${path}: ${text}`, { path }, options)
}

/**
 * A folder and those above it, one by one: where the system says that something is missing although
 * all above is there (`/proc`), Node's own way of making them never comes to an end.
 *
 * @throws the system's error.
 */
export async function makeFolders(path: string, mode?: number): Promise<void> {
  try {
    await mkdir(path, { mode })
  } catch (error) {
    const parent = dirname(path)
    const isThere = systemCodeOf(error) === 'EEXIST' && (await isFolder(path))
    if (isThere) return
    if (systemCodeOf(error) !== 'ENOENT' || parent === path) throw error
    if (await isFolder(parent)) throw new Error('no folder can be made there', { cause: error })
    await makeFolders(parent, mode)
    await mkdir(path, { mode })
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return false
    throw error
  }
}

/** @throws WorldError `world/unwritable` */
export async function makeFolder(path: string): Promise<void> {
  try {
    await makeFolders(path, folderMode)
  } catch (error) {
    throw worldError(WorldCode.Unwritable, path, error)
  }
}

/** Make the entries of a folder durable. @throws WorldError `world/unwritable` */
export async function syncFolder(path: string): Promise<void> {
  if (!canSyncFolders) return
  try {
    const folder = await open(path, constants.O_RDONLY)
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  } catch (error) {
    throw worldError(WorldCode.Unwritable, path, error)
  }
}

/**
 * A file that was not there; its content is durable (its name is after `syncFolder`).
 *
 * @throws WorldError `world/exists`, `world/unwritable`
 */
export async function writeNew(
  path: string,
  content: Uint8Array | string,
  mode: number = plainMode,
): Promise<void> {
  try {
    const file = await open(path, 'wx', mode)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    const isThere = systemCodeOf(error) === 'EEXIST'
    throw worldError(isThere ? WorldCode.Exists : WorldCode.Unwritable, path, error)
  }
}

/**
 * A whole file of at most `bytesMax`.
 *
 * @throws WorldError `world/missing`, `world/unreadable`, `world/malformed` (too large).
 */
export async function readBounded(path: string, bytesMax: number): Promise<Uint8Array> {
  try {
    const file = await open(path, constants.O_RDONLY)
    try {
      const { size } = await file.stat()
      if (size > bytesMax)
        throw worldError(WorldCode.Malformed, path, `larger than ${bytesMax} bytes`)
      const { buffer, byteOffset, byteLength } = await file.readFile()
      return new Uint8Array(buffer, byteOffset, byteLength)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof WorldError) throw error
    const isGone = systemCodeOf(error) === 'ENOENT' || systemCodeOf(error) === 'ENOTDIR'
    throw worldError(isGone ? WorldCode.Missing : WorldCode.Unreadable, path, error)
  }
}
