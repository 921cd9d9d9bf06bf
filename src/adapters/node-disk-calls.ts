/**
 * Single file-system calls as promises, over the callback interface: measured, it costs half the
 * CPU of `fs/promises` for small files, which matters where a block is a file.
 */
import fs from 'node:fs'

type Done<Value> = (error: NodeJS.ErrnoException | null, value: Value) => void

/** Run one call that ends in a callback. */
export const called = <Value>(start: (done: Done<Value>) => void): Promise<Value> =>
  new Promise((resolve, reject) => {
    start((error, value) => {
      if (error === null || error === undefined) resolve(value)
      else reject(error)
    })
  })

export const openFile = (path: string, flags: number): Promise<number> =>
  called((done) => fs.open(path, flags, 0o600, done))

export const syncData = (file: number): Promise<void> => called((done) => fs.fdatasync(file, done))

export const syncAll = (file: number): Promise<void> => called((done) => fs.fsync(file, done))

/** Write all of `parts` at the file's position, by one system call if the disk has room. */
export async function writeParts(file: number, parts: readonly Uint8Array[]): Promise<number> {
  let left = parts.filter((part) => part.length > 0)
  let total = 0
  while (left.length > 0) {
    const views = left
    const written = await called<number>((done) =>
      views.length === 1
        ? fs.write(file, views[0] as Uint8Array, done)
        : fs.writev(file, views, done),
    )
    total += written
    left = rest(views, written)
  }
  return total
}

/** What of `parts` remains after their first `count` bytes. */
function rest(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  const left: Uint8Array[] = []
  let skip = count
  for (const part of parts) {
    if (skip >= part.length) skip -= part.length
    else {
      left.push(skip === 0 ? part : part.subarray(skip))
      skip = 0
    }
  }
  return left
}

/** Set both time stamps; a call in memory, so not worth a thread. */
export function stampFile(file: number, modifiedMs: number): void {
  fs.futimesSync(file, modifiedMs / 1000, modifiedMs / 1000)
}
