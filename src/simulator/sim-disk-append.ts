/** A file open for appending on a simulated disk. Calls queue; neighbours of a kind go together. */
import type { AppendFile } from '../ports/disk.ts'
import { DiskCode, DiskError } from '../ports/disk.ts'
import type { SimFile } from './sim-disk-file.ts'
import type { SimMount } from './sim-disk-mount.ts'
import { diskFault, lengthOf } from './sim-disk-path.ts'

type Job = {
  readonly kind: 'append' | 'sync' | 'close'
  readonly parts: readonly Uint8Array[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class SimAppendFile implements AppendFile {
  readonly #mount: SimMount
  readonly #path: string
  readonly #file: SimFile
  #jobs: Job[] = []
  #running = false
  #failure: DiskError | undefined

  constructor(mount: SimMount, path: string, file: SimFile) {
    this.#mount = mount
    this.#path = path
    this.#file = file
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
      if (this.#running) return
      this.#running = true
      void Promise.resolve().then(() => this.#run())
    })
  }

  async #run(): Promise<void> {
    for (let first = this.#jobs[0]; first !== undefined; first = this.#jobs[0]) {
      const { kind } = first
      const end = this.#jobs.findIndex((job) => job.kind !== kind)
      const batch = this.#jobs.splice(0, end < 0 ? this.#jobs.length : end)
      try {
        await this.#perform(kind, batch)
        for (const job of batch) job.resolve()
      } catch (error) {
        for (const job of batch) job.reject(error)
      }
    }
    this.#running = false
  }

  async #perform(kind: Job['kind'], batch: readonly Job[]): Promise<void> {
    if (kind === 'close') {
      this.#failure = diskFault(DiskCode.Failed, this.#path, 'closed')
      return
    }
    if (this.#failure !== undefined) throw this.#failure
    this.#mount.admit(this.#path)
    if (kind === 'append') await this.#append(batch.flatMap((job) => job.parts))
    else await this.#sync()
  }

  async #append(parts: readonly Uint8Array[]): Promise<void> {
    const lengthBytes = lengthOf(parts)
    const fits = lengthBytes <= this.#mount.disk.freeBytes
    if (fits) {
      this.#file.append(parts, this.#mount.nowMs())
      this.#mount.disk.use(lengthBytes)
    }
    await this.#mount.wait(this.#path, { sync: false })
    if (!fits) throw this.#mount.full(this.#path)
  }

  async #sync(): Promise<void> {
    const snapshot = this.#file.snapshot()
    try {
      await this.#mount.finishSync(this.#path, {
        done: () => this.#file.synced(snapshot),
        lost: () => this.#file.poison(),
      })
    } catch (error) {
      if (error instanceof DiskError) this.#failure = error
      throw error
    }
  }
}
