/** Paths of the world, as commands get them. */
import { basename } from 'node:path'
import { type FileInfo, isApiError, type UnosysClient } from '../sdk/index.ts'
import { usage } from './failure.ts'

/** A path as given, without a slash at its end. @throws CliError for one that is not absolute. */
export function worldPath(text: string): string {
  if (!text.startsWith('/')) throw usage(`${text}: a path of the world begins with /`)
  return text === '/' ? text : text.replace(/\/$/, '')
}

export const joinPath = (folder: string, name: string): string =>
  folder === '/' ? `/${name}` : `${folder}/${name}`

/** The last name of a path; empty for the root. */
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

export const isFolder = ({ kind }: FileInfo): boolean => kind !== 'file'

/** What is at a path, undefined for nothing. */
export async function find(
  client: UnosysClient,
  path: string,
  signal: AbortSignal,
): Promise<FileInfo | undefined> {
  try {
    return await client.stat(path, { signal })
  } catch (error) {
    if (isApiError(error, 'filesystem/not-found')) return undefined
    throw error
  }
}

/**
 * Where several things go: into the folder that `target` names, or to `target` itself when it is
 * not there and there is only one thing.
 */
export async function destination(
  client: UnosysClient,
  target: { readonly path: string; readonly sourceCount: number },
  signal: AbortSignal,
): Promise<(name: string) => string> {
  const path = worldPath(target.path)
  const found = await find(client, path, signal)
  if (found !== undefined && isFolder(found)) return (name) => joinPath(path, name)
  if (found !== undefined && target.path.endsWith('/')) throw usage(`${path} is a file`)
  if (target.path.endsWith('/') || target.sourceCount > 1) {
    throw usage(`${path} is not a directory; make it first (unosys mkdir)`)
  }
  return () => path
}

/**
 * A name of the world as a file name here.
 * @throws CliError for one that would lead elsewhere on this system.
 */
export function localName(name: string): string {
  if (name !== '' && name !== '.' && name !== '..' && basename(name) === name) return name
  throw usage(`${name}: this name cannot be a file name here; get it alone, under another name`)
}
