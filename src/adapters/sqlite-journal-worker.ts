/**
 * The thread that owns one SQLite file.
 *
 * Group commit: whatever has arrived while the last transaction was being synced goes into the
 * next one, so that one sync serves all who wait. Order is the order of arrival. The first failure
 * ends the store: a sync that failed may have lost anything, and a commit that succeeds after one
 * that did not would break the promise that everything before a resolved commit is there.
 *
 * The write-ahead log is emptied into the database after an answer, when it has grown by about
 * 4 MiB, so that nobody waits for it who need not; SQLite does it by itself inside a commit at
 * 16 MiB, which is the bound (plus one transaction). Its file is written over from the start then,
 * not cut: overwriting costs no change of the file's length, which makes the syncs cheaper.
 */
import { existsSync, readFileSync } from 'node:fs'
import type { StatementSync } from 'node:sqlite'
import { DatabaseSync } from 'node:sqlite'
import type { MessagePort } from 'node:worker_threads'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { JournalEntry } from '../ports/journal.ts'
import type { FailureKind, Reply, Request, WorkerSettings } from './sqlite-journal-format.ts'
import { eachWrite, packEntries } from './sqlite-journal-format.ts'
import { damageOfLog } from './sqlite-log-check.ts'

const pageBytes = 4096
const checkpointPages = 1024
const checkpointPagesMax = 4096
const transactionBytesMax = 8 * 1024 * 1024
/** The log is synced with each transaction. */
const synchronousFull = 2
const busyCode = 5
const fullCode = 13
const corruptCode = 11
const notADatabaseCode = 26
const lowByte = 0xff

type Statements = Readonly<
  Record<
    'begin' | 'commit' | 'rollback' | 'put' | 'remove' | 'removeRange' | 'get' | 'range',
    StatementSync
  >
>

/** SQLite would take it for the end of its log, and forget what was committed behind it. */
class LogDamage extends Error {}

/** Before SQLite looks at the log: from then on it is written over. */
function checkLog(file: string): void {
  const log = `${file}-wal`
  const damage = existsSync(log) ? damageOfLog(readFileSync(log)) : undefined
  if (damage !== undefined) throw new LogDamage(damage)
}

/** @throws when the store is not as durable as `commit` promises, besides SQLite's own errors. */
export function openStore({ file, bytesMax }: WorkerSettings): DatabaseSync {
  const store = new DatabaseSync(file, { timeout: 0, allowExtension: false })
  store.exec(`PRAGMA page_size = ${pageBytes}`)
  // In exclusive mode the first access takes the lock for good and no shared memory is needed.
  store.exec('PRAGMA locking_mode = EXCLUSIVE')
  store.exec('PRAGMA journal_mode = WAL')
  store.exec('PRAGMA synchronous = FULL')
  store.exec('PRAGMA fullfsync = ON')
  // SQLite keeps what it had, without a word, where it cannot or does not know the value.
  expectSetting(store, 'journal_mode', 'wal')
  expectSetting(store, 'synchronous', synchronousFull)
  store.exec('PRAGMA trusted_schema = OFF')
  store.exec(`PRAGMA wal_autocheckpoint = ${checkpointPagesMax}`)
  if (bytesMax > 0) store.exec(`PRAGMA max_page_count = ${Math.ceil(bytesMax / pageBytes)}`)
  store.exec('CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID')
  return store
}

function expectSetting(store: DatabaseSync, name: string, wanted: string | number): void {
  const [value] = Object.values(store.prepare(`PRAGMA ${name}`).get() ?? {})
  if (value !== wanted) throw new Error(`${name} is ${String(value)}, not ${wanted}`)
}

const prepare = (store: DatabaseSync): Statements => ({
  begin: store.prepare('BEGIN IMMEDIATE'),
  commit: store.prepare('COMMIT'),
  rollback: store.prepare('ROLLBACK'),
  put: store.prepare('INSERT OR REPLACE INTO entries (key, value) VALUES (?, ?)'),
  remove: store.prepare('DELETE FROM entries WHERE key = ?'),
  removeRange: store.prepare('DELETE FROM entries WHERE key >= ? AND key < ?'),
  get: store.prepare('SELECT key, value FROM entries WHERE key = ?'),
  range: store.prepare(
    'SELECT key, value FROM entries WHERE key >= ? AND key < ? ORDER BY key LIMIT ?',
  ),
})

function failureOf(error: unknown): FailureKind {
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & lowByte : 0
  if (code === busyCode) return 'locked'
  if (code === fullCode) return 'full'
  const isDamage = code === corruptCode || code === notADatabaseCode
  return isDamage || error instanceof LogDamage ? 'damaged' : 'failed'
}

class StoreThread {
  readonly #port: MessagePort
  readonly #store: DatabaseSync
  readonly #run: Statements
  #pagesLogged = 0

  constructor(port: MessagePort, settings: WorkerSettings) {
    this.#port = port
    checkLog(settings.file)
    this.#store = openStore(settings)
    // What a crash left behind the end of the log would be taken for damage after the next one.
    this.#store.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    this.#run = prepare(this.#store)
  }

  /** Everything that waits, in order; commits that follow each other share a transaction. */
  serve(first: Request): void {
    let next: Request | undefined = first
    while (next !== undefined) {
      if (next.kind === 'commit') next = this.#commit(next)
      else {
        this.#answer(next)
        next = this.#receive()
      }
    }
    if (this.#pagesLogged >= checkpointPages) this.#checkpoint()
  }

  #receive(): Request | undefined {
    return receiveMessageOnPort(this.#port)?.message as Request | undefined
  }

  /** One transaction over this and the commits behind it. Returns the first other request. */
  #commit(first: Request & { kind: 'commit' }): Request | undefined {
    let commits = 0
    let bytes = 0
    let next: Request | undefined = first
    this.#run.begin.run()
    try {
      while (next?.kind === 'commit' && bytes < transactionBytesMax) {
        this.#apply(next.writes)
        commits += next.commits
        bytes += next.writes.length
        next = this.#receive()
      }
      this.#run.commit.run()
    } catch (error) {
      if (this.#store.isTransaction) this.#run.rollback.run()
      throw error
    }
    this.#reply({ kind: 'committed', commits })
    return next
  }

  #apply(packed: Uint8Array): void {
    eachWrite(packed, (kind, first, second) => {
      // The pages that a row touches: its own and the path to it. An estimate is enough.
      this.#pagesLogged += 2 + Math.ceil(second.length / pageBytes)
      if (kind === 'put') this.#run.put.run(first, second)
      else if (kind === 'delete') this.#run.remove.run(first)
      else this.#run.removeRange.run(first, second)
    })
  }

  #answer(request: Exclude<Request, { kind: 'commit' }>): void {
    if (request.kind === 'close') {
      this.#store.close()
      this.#reply({ kind: 'closed' })
      this.#port.close()
      return
    }
    const rows =
      request.kind === 'get'
        ? this.#run.get.all(request.key)
        : this.#run.range.all(request.from, request.to, request.countMax)
    const entries = packEntries(rows as JournalEntry[])
    this.#reply({ kind: 'entries', ticket: request.ticket, entries }, [entries.buffer])
  }

  #checkpoint(): void {
    this.#store.exec('PRAGMA wal_checkpoint(PASSIVE)')
    this.#pagesLogged = 0
  }

  #reply(reply: Reply, transfer: readonly ArrayBuffer[] = []): void {
    this.#port.postMessage(reply, transfer)
  }
}

function start(port: MessagePort): void {
  const fail = (error: unknown): void => {
    const message = error instanceof Error ? error.message : String(error)
    port.postMessage({ kind: 'failed', failure: failureOf(error), message } satisfies Reply)
    port.close()
  }
  try {
    const thread = new StoreThread(port, workerData as WorkerSettings)
    port.on('message', (request: Request) => {
      try {
        thread.serve(request)
      } catch (error) {
        fail(error)
      }
    })
    port.postMessage({ kind: 'opened' } satisfies Reply)
  } catch (error) {
    fail(error)
  }
}

if (parentPort !== null) start(parentPort)
