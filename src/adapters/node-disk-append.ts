/**
 * A file that only grows.
 *
 * Calls are queued. All appends that wait go out as one `writev`, all syncs that wait behind them
 * as one `fdatasync`: with many writers the cost per record falls as load rises. An append that
 * fails (a full disk) is taken back by cutting the file to its former length, so that no torn
 * record stays between good ones; should that fail too, or a sync, the file refuses everything
 * from then on, since nobody knows what it holds.
 */
import fs from 'node:fs'
import type { AppendFile } from '../ports/disk.ts'
import { DiskCode, DiskError } from '../ports/disk.ts'
import { called, openFile, syncData, writeParts } from './node-disk-calls.ts'
import { diskError, syncError } from './node-disk-errors.ts'

type Job = {
  readonly kind: 'append' | 'sync' | 'close'
  readonly parts: readonly Uint8Array[]
  readonly resolve: () => void
  readonly reject: (error: DiskError) => void
}

const { O_APPEND, O_CREAT, O_WRONLY } = fs.constants
const noFollow: number = fs.constants.O_NOFOLLOW ?? 0

/**
 * @param path absolute.
 * @param what `name`: what errors call it. `onSync`: told of each sync that the system is asked
 *   for.
 * @throws DiskError
 */
export async function openNodeAppend(
  path: string,
  what: { readonly name: string; readonly onSync: () => void },
): Promise<AppendFile> {
  const { name } = what
  try {
    const file = await openFile(path, O_WRONLY | O_APPEND | O_CREAT | noFollow)
    return new NodeAppendFile(file, fs.fstatSync(file).size, what)
  } catch (error) {
    throw diskError(name, error)
  }
}

class NodeAppendFile implements AppendFile {
  readonly #file: number
  readonly #name: string
  #sizeBytes: number
  #jobs: Job[] = []
  #running = false
  readonly #onSync: () => void
  #failed: DiskError | undefined

  constructor(
    file: number,
    sizeBytes: number,
    what: { readonly name: string; readonly onSync: () => void },
  ) {
    this.#file = file
    this.#sizeBytes = sizeBytes
    this.#name = what.name
    this.#onSync = what.onSync
  }

  append(parts: readonly Uint8Array[]): Promise<void> {
    return this.#queue('append', parts)
  }

  sync(): Promise<void> {
    return this.#queue('sync', [])
  }

  close(): Promise<void> {
    return this.#queue('close', [])
  }

  #queue(kind: Job['kind'], parts: readonly Uint8Array[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({ kind, parts, resolve, reject })
      if (!this.#running) this.#start()
    })
  }

  #start(): void {
    this.#running = true
    // One microtask later, so that all calls of this turn share the first write.
    queueMicrotask(() => {
      void this.#run()
    })
  }

  async #run(): Promise<void> {
    for (let first = this.#jobs[0]; first !== undefined; first = this.#jobs[0]) {
      const kind = first.kind
      const end = this.#jobs.findIndex((job) => job.kind !== kind)
      const batch = this.#jobs.splice(0, end < 0 ? this.#jobs.length : end)
      try {
        if (this.#failed !== undefined && kind !== 'close') throw this.#failed
        await this.#perform(kind, batch)
        for (const job of batch) job.resolve()
      } catch (error) {
        const failure = diskError(this.#name, error)
        for (const job of batch) job.reject(failure)
      }
    }
    this.#running = false
  }

  #perform(kind: Job['kind'], batch: readonly Job[]): Promise<void> {
    if (kind === 'append') return this.#append(batch.flatMap((job) => job.parts))
    return kind === 'sync' ? this.#sync() : this.#close()
  }

  async #append(parts: readonly Uint8Array[]): Promise<void> {
    try {
      this.#sizeBytes += await writeParts(this.#file, parts)
    } catch (error) {
      await called<void>((done) => fs.ftruncate(this.#file, this.#sizeBytes, done)).catch(
        (second: unknown) => {
          this.#failed = syncError(this.#name, second)
        },
      )
      throw error
    }
  }

  async #sync(): Promise<void> {
    this.#onSync()
    try {
      await syncData(this.#file)
    } catch (error) {
      this.#failed = syncError(this.#name, error)
      throw this.#failed
    }
  }

  async #close(): Promise<void> {
    this.#failed = new DiskError(DiskCode.Failed, `${this.#name}: closed`, { path: this.#name })
    await called<void>((done) => fs.close(this.#file, done))
  }
}
