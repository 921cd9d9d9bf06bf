/**
 * The disk port over `node:fs`.
 *
 * Which calls wait for a thread and which run at once is measured (64 KiB files, 16 threads): every
 * hop to the thread pool costs 10–20 µs of CPU, so what only touches memory (open for creation,
 * time stamps, close) runs at once and what moves bytes or waits for the disk goes to a thread.
 * Files are 0600 and folders 0700. Symbolic links are never followed at the end of a path.
 */
import fs from 'node:fs'
import path from 'node:path'
import { assert } from '../base/assert.ts'
import { compareText } from '../base/bytes.ts'
import type { AppendFile, Disk, FileStat } from '../ports/disk.ts'
import { openNodeAppend } from './node-disk-append.ts'
import { called, openFile, stampFile, syncAll, writeParts } from './node-disk-calls.ts'
import { DirectWriter, directFlag } from './node-disk-direct.ts'
import { diskError, readError, renameError, syncError, systemCodeOf } from './node-disk-errors.ts'

type Stamp = { readonly modifiedMs?: number } | undefined

const { O_CREAT, O_EXCL, O_RDONLY, O_TRUNC, O_WRONLY } = fs.constants
const noFollow: number = fs.constants.O_NOFOLLOW ?? 0
/** Windows has no handles on folders; its file systems keep names in their own journal. */
const foldersSync = process.platform !== 'win32'

type NodeDiskOptions = {
  /** Told of each sync of a file or folder that was asked of the system. */
  readonly onSync?: () => void
}

/** A disk that is the folder `rootFolder` (absolute) and nothing outside it. */
export const createNodeDisk = (rootFolder: string, options: NodeDiskOptions = {}): Disk =>
  new NodeDisk(rootFolder, options.onSync ?? ((): void => undefined))

class NodeDisk implements Disk {
  readonly #root: string
  readonly #direct = new DirectWriter()
  readonly #onSync: () => void

  constructor(rootFolder: string, onSync: () => void) {
    this.#onSync = onSync
    assert(path.isAbsolute(rootFolder), 'the data folder is given as an absolute path')
    this.#root = path.resolve(rootFolder)
  }

  /** Our own paths only: a path that leaves the root is a mistake of ours. Empty is the root. */
  #locate(name: string): string {
    if (name === '') return this.#root
    for (const part of name.split('/'))
      assert(isSafePart(part), `not a path inside the data folder: ${JSON.stringify(name)}`)
    return `${this.#root}${path.sep}${path.sep === '/' ? name : name.replaceAll('/', path.sep)}`
  }

  async #mapped<Value>(
    name: string,
    run: (located: string) => Promise<Value>,
    errorOf = diskError,
  ): Promise<Value> {
    const located = this.#locate(name)
    try {
      return await run(located)
    } catch (error) {
      throw errorOf(name, error)
    }
  }

  makeFolder(name: string): Promise<void> {
    return this.#mapped(name, async (located) => {
      await called((done) => fs.mkdir(located, { recursive: true, mode: 0o700 }, done))
    })
  }

  list(name: string): Promise<readonly string[]> {
    return this.#mapped(name, async (located) => {
      const names = await called<string[]>((done) => fs.readdir(located, done)).catch(ifMissing([]))
      return names.sort(compareText)
    })
  }

  read(name: string): Promise<Uint8Array> {
    return this.#mapped(
      name,
      async (located) => {
        const file = await openFile(located, O_RDONLY | noFollow)
        try {
          return await readAll(file, fs.fstatSync(file).size)
        } finally {
          fs.closeSync(file)
        }
      },
      readError,
    )
  }

  stat(name: string): Promise<FileStat | undefined> {
    return this.#mapped(name, async (located) => {
      const found = await called<fs.Stats | undefined>((done) => fs.lstat(located, done)).catch(
        ifMissing(undefined),
      )
      return found && { sizeBytes: found.size, modifiedMs: found.mtimeMs }
    })
  }

  write(name: string, parts: readonly Uint8Array[], options?: Stamp): Promise<void> {
    return this.#mapped(name, async (located) => {
      const file = fs.openSync(located, O_WRONLY | O_CREAT | O_TRUNC | noFollow, 0o600)
      try {
        await writeParts(file, parts)
        if (options?.modifiedMs !== undefined) stampFile(file, options.modifiedMs)
      } finally {
        fs.closeSync(file)
      }
    })
  }

  writeSynced(name: string, parts: readonly Uint8Array[], options?: Stamp): Promise<void> {
    return this.#mapped(name, async (located) => {
      let lengthBytes = 0
      for (const part of parts) lengthBytes += part.length
      if (this.#direct.fits(lengthBytes)) {
        try {
          await this.#create({ name, located, parts, direct: true, options })
          return
        } catch (error) {
          if (systemCodeOf(error) !== 'EINVAL') throw error
          this.#direct.refuse()
        }
      }
      await this.#create({ name, located, parts, direct: false, options })
    })
  }

  async #create(input: {
    readonly name: string
    readonly located: string
    readonly parts: readonly Uint8Array[]
    readonly direct: boolean
    readonly options: Stamp
  }): Promise<void> {
    const { name, located, parts, direct, options } = input
    const flags = O_WRONLY | O_CREAT | O_EXCL | noFollow | (direct ? directFlag : 0)
    let file: number | undefined
    try {
      file = fs.openSync(located, flags, 0o600)
      await (direct ? this.#direct.write(file, parts) : writeParts(file, parts))
      if (options?.modifiedMs !== undefined) stampFile(file, options.modifiedMs)
      this.#onSync()
      await syncAll(file).catch((error: unknown) => {
        throw syncError(name, error)
      })
    } catch (error) {
      // A half-written file would make the next try fail with `disk/exists`. (Linux makes the file
      // before it finds that the file system refuses the direct flag.)
      if (file !== undefined || systemCodeOf(error) === 'EINVAL') await discard(located)
      throw error
    } finally {
      if (file !== undefined) fs.closeSync(file)
    }
  }

  syncFile(name: string): Promise<void> {
    return this.#sync(name, (located) => openFile(located, O_RDONLY | noFollow))
  }

  async syncFolder(name: string): Promise<void> {
    if (foldersSync) await this.#sync(name, (located) => openFile(located, O_RDONLY))
  }

  #sync(name: string, open: (located: string) => Promise<number>): Promise<void> {
    return this.#mapped(name, async (located) => {
      const file = await open(located)
      this.#onSync()
      try {
        await syncAll(file).catch((error: unknown) => {
          throw syncError(name, error)
        })
      } finally {
        fs.closeSync(file)
      }
    })
  }

  openAppend(name: string): Promise<AppendFile> {
    return openNodeAppend(this.#locate(name), name)
  }

  rename(from: string, to: string): Promise<void> {
    const target = this.#locate(to)
    const move = (located: string): Promise<void> =>
      called((done) => fs.rename(located, target, done))
    return this.#mapped(from, move, renameError)
  }

  remove(name: string): Promise<void> {
    return this.#mapped(name, (located) =>
      called<void>((done) => fs.unlink(located, done)).catch(ifMissing(undefined)),
    )
  }

  freeBytes(): Promise<number> {
    return this.#mapped('', async (located) => {
      const stats = await called<fs.StatsFs>((done) => fs.statfs(located, done))
      return stats.bavail * stats.bsize
    })
  }
}

function isSafePart(part: string): boolean {
  return part !== '' && part !== '.' && part !== '..' && !/[\\\0:]/.test(part)
}

/** For calls to which a missing name is an answer. */
function ifMissing<Value>(value: Value): (error: unknown) => Value {
  return (error) => {
    if (systemCodeOf(error) === 'ENOENT') return value
    throw error
  }
}

/** Remove what a failed write left. Its own failure adds nothing to the one being reported. */
const discard = (located: string): Promise<void> =>
  new Promise((resolve) => fs.unlink(located, () => resolve()))

async function readAll(file: number, sizeBytes: number): Promise<Uint8Array> {
  // Not zeroed first: every byte is read into, or cut off below.
  const bytes = new Uint8Array(Buffer.allocUnsafeSlow(sizeBytes).buffer)
  let length = 0
  while (length < sizeBytes) {
    const from = length
    const count = await called<number>((done) =>
      fs.read(file, bytes, from, sizeBytes - from, null, done),
    )
    if (count === 0) break
    length += count
  }
  return length === sizeBytes ? bytes : bytes.subarray(0, length)
}
