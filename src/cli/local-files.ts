/** Files and folders of this machine: walked, read and written in streams. */
import { createReadStream } from 'node:fs'
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolders } from '../main/world-files.ts'
import { CliCode, CliError, localError } from './failure.ts'

/** Read and written at once; larger pieces do not make it faster. */
const chunkBytes = 256 * 1024

export type LocalEntry = {
  /** Names below the folder that was walked; none for it itself. */
  readonly names: readonly string[]
  readonly path: string
} & (
  | { readonly kind: 'file'; readonly sizeBytes: number }
  | { readonly kind: 'folder' }
  /** A socket, device, or a link to a folder: cannot be copied. */
  | { readonly kind: 'other' }
)

/** What is at a path. @throws CliError */
export async function lookAt(path: string, names: readonly string[] = []): Promise<LocalEntry> {
  try {
    const found = await stat(path)
    if (found.isFile()) return { names, path, kind: 'file', sizeBytes: found.size }
    return { names, path, kind: found.isDirectory() ? 'folder' : 'other' }
  } catch (error) {
    throw localError(path, error)
  }
}

/** A folder and all below it, folders before what is in them, names in order. @throws CliError */
export async function* walk(
  path: string,
  names: readonly string[] = [],
): AsyncGenerator<LocalEntry, void, undefined> {
  yield { names, path, kind: 'folder' }
  let entries: { readonly name: string; readonly isLink: boolean; readonly isFolder: boolean }[]
  try {
    entries = (await readdir(path, { withFileTypes: true }))
      .map((entry) => ({
        name: entry.name,
        isLink: entry.isSymbolicLink(),
        isFolder: entry.isDirectory(),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch (error) {
    throw localError(path, error)
  }
  for (const { name, isLink, isFolder } of entries) {
    const inner = join(path, name)
    const innerNames = [...names, name]
    if (isFolder) yield* walk(inner, innerNames)
    else {
      const entry = await lookAt(inner, innerNames)
      // A link to a folder may lead back up.
      yield isLink && entry.kind === 'folder'
        ? { names: innerNames, path: inner, kind: 'other' }
        : entry
    }
  }
}

/** The bytes of a file; an error when it turns out shorter than it was. */
export async function* readChunks(
  path: string,
  sizeBytes: number,
  onBytes: (count: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let lengthBytes = 0
  try {
    const stream = createReadStream(path, { highWaterMark: chunkBytes, end: sizeBytes - 1 })
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      lengthBytes += chunk.length
      onBytes(chunk.length)
      yield chunk
    }
  } catch (error) {
    throw localError(path, error)
  }
  if (lengthBytes === sizeBytes) return
  const message = `${path} became shorter while it was read; nothing was changed`
  throw new CliError(CliCode.Local, message, { path })
}

/**
 * Write a file from a stream. It gets its name when all of it is there: what was there before stays
 * until then, and nobody sees a part.
 *
 * @throws CliError, and what the stream throws.
 */
export async function writeFileFrom(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  onBytes: (count: number) => void,
): Promise<void> {
  const part = `${path}.${process.pid}.part`
  let file: FileHandle
  try {
    file = await open(part, 'wx')
  } catch (error) {
    throw localError(path, error)
  }
  try {
    for await (const chunk of chunks) {
      await writeAll(file, chunk, path)
      onBytes(chunk.length)
    }
    await file.close()
    await rename(part, path)
  } catch (error) {
    await file.close()
    await rm(part, { force: true })
    const isSystem = error instanceof Error && 'syscall' in error
    throw isSystem ? localError(path, error) : error
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, path: string): Promise<void> {
  try {
    for (let offset = 0; offset < bytes.length; ) {
      offset += (await file.write(bytes, offset)).bytesWritten
    }
  } catch (error) {
    throw localError(path, error)
  }
}

/** Make a folder that may be there already. @throws CliError */
export async function makeLocalFolder(path: string): Promise<void> {
  try {
    await makeFolders(path)
  } catch (error) {
    throw localError(path, error)
  }
}

/** Whether a path leads to a folder; false when nothing is there. */
export async function isLocalFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw localError(path, error)
  }
}
