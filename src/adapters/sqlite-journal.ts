/**
 * The journal port over SQLite (`node:sqlite`), one worker thread a store: the event loop never
 * waits for a disk.
 *
 * Commits asked for in one turn of the event loop leave in one message; those that reach the
 * worker while it syncs share the next transaction. So there is no timer and no batch size to
 * tune: alone, a commit goes at once; under load, the batches grow by themselves.
 */
import fs from 'node:fs'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import { messageOf } from '../base/error.ts'
import type { Journal, JournalEntry, JournalOpener, JournalWrite } from '../ports/journal.ts'
import { JournalCode, JournalError } from '../ports/journal.ts'
import type { Reply, Request, WorkerSettings } from './sqlite-journal-format.ts'
import { packWrites, unpackEntries } from './sqlite-journal-format.ts'

const codeOf = {
  full: JournalCode.Full,
  failed: JournalCode.Failed,
  damaged: JournalCode.Damaged,
  locked: JournalCode.Locked,
} as const

const nameShape = /^[a-z0-9][a-z0-9-]{0,63}$/

/**
 * Stores in `folder` (made if missing): `NAME.sqlite` and, while open, `NAME.sqlite-wal`.
 *
 * @param options.bytesMax a store that would grow beyond it fails with `journal/full`.
 * @param options.onSync told of each transaction: as many syncs, but for checkpoints.
 * @param options.workerUrl the worker's code, where it does not stand beside this file.
 */
export const createSqliteJournals = (
  folder: string,
  options: {
    readonly bytesMax?: number
    readonly onSync?: () => void
    readonly workerUrl?: URL
  } = {},
): JournalOpener => ({
  open: async (name) => {
    assert(nameShape.test(name), 'a store is named by lower-case letters, digits and hyphens')
    const home = path.resolve(folder)
    const file = path.join(home, `${name}.sqlite`)
    await makeFolder(home, file)
    const journal = new SqliteJournal(options.workerUrl ?? workerBesideThis(), {
      file,
      bytesMax: options.bytesMax ?? 0,
    })
    journal.onSync = options.onSync
    await journal.opened
    return journal
  },
})

/** `.ts` in the source tree, `.js` or `.mjs` once built. */
const workerBesideThis = (): URL =>
  new URL(`./sqlite-journal-worker${path.extname(import.meta.url)}`, import.meta.url)

async function makeFolder(folder: string, file: string): Promise<void> {
  try {
    const made = await fs.promises.mkdir(folder, { recursive: true, mode: 0o700 })
    if (made !== undefined)
      await syncNames({ from: path.dirname(folder), upTo: path.dirname(made) })
    // SQLite would make it readable by all.
    await (await fs.promises.open(file, 'a', 0o600)).close()
  } catch (error) {
    const message = `journal ${file}: ${messageOf(error)}`
    throw new JournalError(JournalCode.Failed, message, { path: file }, { cause: error })
  }
}

/** Make the names of new folders durable. SQLite does the same for the names of its files. */
async function syncNames({ from, upTo }: { from: string; upTo: string }): Promise<void> {
  // Windows has no handles on folders.
  if (process.platform === 'win32') return
  for (let folder = from; ; folder = path.dirname(folder)) {
    const handle = await fs.promises.open(folder, 'r')
    await handle.sync().finally(() => handle.close())
    if (folder === upTo || folder === path.dirname(folder)) return
  }
}

type Waiting<Value> = {
  readonly resolve: (value: Value) => void
  readonly reject: (error: JournalError) => void
}

class SqliteJournal implements Journal {
  readonly opened: Promise<void>
  onSync: (() => void) | undefined
  readonly #file: string
  readonly #worker: Worker
  #opening: Waiting<void> | undefined
  #closing: { readonly done: Promise<void>; waiting?: Waiting<void> } | undefined
  /** Not sent yet, and sent but not durable yet; oldest first. */
  #unsent: (readonly JournalWrite[])[] = []
  #uncommitted: Waiting<void>[] = []
  readonly #reads = new Map<number, Waiting<JournalEntry[]>>()
  #lastTicket = 0
  #failure: JournalError | undefined

  constructor(workerUrl: URL, settings: WorkerSettings) {
    this.#file = settings.file
    this.#worker = new Worker(workerUrl, { workerData: settings, name: path.basename(this.#file) })
    this.opened = new Promise((resolve, reject) => {
      this.#opening = { resolve, reject }
    })
    this.#worker.on('message', (reply: Reply) => this.#onReply(reply))
    this.#worker.on('error', (error) => this.#fail(JournalCode.Failed, messageOf(error)))
    this.#worker.on('exit', () => this.#fail(JournalCode.Failed, 'the store is closed'))
  }

  commit(writes: readonly JournalWrite[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure)
        return
      }
      this.#uncommitted.push({ resolve, reject })
      this.#unsent.push(writes)
      if (this.#unsent.length === 1) queueMicrotask(() => this.#flush())
    })
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    const [entry] = await this.#read((ticket) => ({ kind: 'get', ticket, key: key.slice() }))
    return entry?.value
  }

  range(input: {
    readonly from: Uint8Array
    readonly to: Uint8Array
    readonly countMax: number
  }): Promise<readonly JournalEntry[]> {
    const from = input.from.slice()
    const to = input.to.slice()
    const { countMax } = input
    return this.#read((ticket) => ({ kind: 'range', ticket, from, to, countMax }))
  }

  /** What was asked for before is done first. A second call waits for the first. */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      let waiting: Waiting<void> | undefined
      const done = new Promise<void>((resolve, reject) => {
        waiting = { resolve, reject }
      })
      this.#closing = { done, ...(waiting && { waiting }) }
      this.#flush()
      if (this.#failure === undefined) this.#send({ kind: 'close' })
      else waiting?.resolve()
      this.#failure ??= this.#error(JournalCode.Failed, 'the store is closed')
    }
    return this.#closing.done
  }

  #read(request: (ticket: number) => Request): Promise<JournalEntry[]> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure)
        return
      }
      this.#flush()
      const ticket = ++this.#lastTicket
      this.#reads.set(ticket, { resolve, reject })
      this.#send(request(ticket))
    })
  }

  #flush(): void {
    if (this.#unsent.length === 0) return
    const writes = packWrites(this.#unsent)
    this.#send({ kind: 'commit', commits: this.#unsent.length, writes }, [writes.buffer])
    this.#unsent = []
  }

  #send(request: Request, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, transfer)
  }

  #onReply(reply: Reply): void {
    if (reply.kind === 'committed') {
      this.onSync?.()
      for (const waiting of this.#uncommitted.splice(0, reply.commits)) waiting.resolve()
    } else if (reply.kind === 'entries') {
      this.#reads.get(reply.ticket)?.resolve(unpackEntries(reply.entries))
      this.#reads.delete(reply.ticket)
    } else if (reply.kind === 'opened') this.#opening?.resolve()
    else if (reply.kind === 'closed') this.#closing?.waiting?.resolve()
    else this.#fail(codeOf[reply.failure], reply.message)
  }

  #error(code: JournalCode, message: string): JournalError {
    return new JournalError(code, `journal ${this.#file}: ${message}`, { path: this.#file })
  }

  /** The end of the store: everybody who waits learns of it, and everybody who comes later. */
  #fail(code: JournalCode, message: string): void {
    this.#failure ??= this.#error(code, message)
    const failure = this.#failure
    this.#opening?.reject(failure)
    for (const waiting of this.#uncommitted.splice(0)) waiting.reject(failure)
    for (const waiting of this.#reads.values()) waiting.reject(failure)
    this.#reads.clear()
    this.#unsent = []
    this.#closing?.waiting?.resolve()
  }
}
