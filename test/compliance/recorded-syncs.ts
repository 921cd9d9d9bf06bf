/**
 * What the real disk syncs, and when: both sync calls of `node:fs` are recorded as they end, a
 * while after they were asked for, so that a promise that does not wait for them resolves before.
 */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'

type Done = (error: NodeJS.ErrnoException | null) => void

/** Long enough for all that does not wait to go ahead. */
const delayMs = 20

export class RecordedSyncs {
  readonly #folder: string
  readonly #events: (string | { readonly inode: number; readonly sizeBytes: number })[] = []

  /** @param folder names are told relative to it. */
  constructor(context: TestContext, folder: string) {
    this.#folder = folder
    for (const name of ['fsync', 'fdatasync'] as const) {
      const real = fs[name]
      const recorded = (file: number, done: Done): void => {
        const { ino: inode, size: sizeBytes } = fs.fstatSync(file)
        const finish: Done = (error) => {
          if (error === null || error === undefined) this.#events.push({ inode, sizeBytes })
          setTimeout(() => done(error), delayMs)
        }
        setTimeout(() => real(file, finish), delayMs)
      }
      context.mock.method(fs, name, recorded)
    }
  }

  /** Await what must be durable, and note that it resolved. */
  async during(name: string, work: Promise<unknown>): Promise<void> {
    await work
    this.#events.push(name)
  }

  /** What happened since the last call: names of what was synced, and of what resolved. */
  take(): string[] {
    const names = new Map<number, string>()
    for (const below of ['', ...fs.readdirSync(this.#folder, { recursive: true })]) {
      const { ino } = fs.lstatSync(path.join(this.#folder, String(below)))
      names.set(ino, below === '' ? '.' : String(below))
    }
    return this.#events.splice(0).map((event) => {
      if (typeof event === 'string') return event
      const name = names.get(event.inode)
      assert(name !== undefined, 'what was synced is there')
      const isFile = fs.statSync(path.join(this.#folder, name)).isFile()
      return isFile ? `sync ${name} ${event.sizeBytes}` : `sync ${name}`
    })
  }
}
