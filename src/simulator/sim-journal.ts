/**
 * A simulated embedded store, over memory: what stays when a process goes.
 *
 * Commits are answered after a delay, those that wait sharing the next sync. When the process is
 * killed or the power is cut, of the commits not yet answered the first few are there, as the dice
 * will have it, each whole; none after one that is not. That is what a write-ahead log gives.
 */
import { assert } from '../base/assert.ts'
import { compareText, fromHex, toHex } from '../base/bytes.ts'
import type { Clock } from '../ports/clock.ts'
import type { Journal, JournalEntry, JournalOpener, JournalWrite } from '../ports/journal.ts'
import { JournalCode, JournalError } from '../ports/journal.ts'
import type { Range, SimRandom } from './sim-random.ts'

/** What is wrong with the stores now. All off at first; set and unset at any time. */
export type JournalFaults = {
  /** The next commit that would add bytes fails for want of room. */
  full: boolean
  /** The next commit fails as by a failed sync. */
  failing: boolean
  /** How long a sync takes, and a read; needs an opener with a clock. */
  commitMs: Range
  readMs: Range
}

type Waiting = {
  readonly writes: readonly JournalWrite[]
  readonly resolve: () => void
  readonly reject: (error: JournalError) => void
}

/** All that was on a disk at some time. */
export type JournalImage = ReadonlyMap<string, SimStore>

/** All stores of one node. */
export class SimJournals {
  readonly faults: JournalFaults = {
    full: false,
    failing: false,
    commitMs: { min: 0.1, max: 1 },
    readMs: { min: 0.01, max: 0.1 },
  }
  readonly #random: SimRandom
  readonly #stores = new Map<string, SimStore>()
  readonly #open = new Map<string, SimJournal>()

  constructor(options: { readonly random: SimRandom }) {
    this.#random = options.random.fork('journal')
  }

  /** Records of a store that are on the disk. */
  countOf(name: string): number {
    return this.#stores.get(name)?.size ?? 0
  }

  /** What is on the disk now. */
  image(): JournalImage {
    return new Map([...this.#stores].map(([name, store]) => [name, store.copy()]))
  }

  /** An old disk takes the place of the newer one. Nothing is open. */
  putBack(image: JournalImage): void {
    this.wipe()
    for (const [name, store] of image) this.#stores.set(name, store.copy())
  }

  /** The disk is gone, with all that was on it. Nothing is open. */
  wipe(): void {
    this.#open.clear()
    this.#stores.clear()
  }

  /** @param clock makes operations take time; without it they are answered at once. */
  opener(clock?: Clock): JournalOpener {
    return {
      open: async (name) => {
        if (this.#open.has(name))
          throw new JournalError(JournalCode.Locked, `journal ${name}: open already`, {
            path: name,
          })
        const store = this.#stores.get(name) ?? new SimStore()
        this.#stores.set(name, store)
        const journal: SimJournal = new SimJournal({
          name,
          store,
          clock,
          random: this.#random,
          faults: this.faults,
          onClose: () => {
            if (this.#open.get(name) === journal) this.#open.delete(name)
          },
        })
        this.#open.set(name, journal)
        return journal
      },
    }
  }

  /** The process is gone, by a kill or with the power: the same for a write-ahead log. */
  crash(): void {
    for (const journal of [...this.#open.values()]) journal.crash()
    this.#open.clear()
  }
}

/** The committed entries, by key (as hexadecimal text, which keeps the order of bytes). */
class SimStore {
  readonly #values = new Map<string, Uint8Array>()
  #keys: string[] = []

  apply(writes: readonly JournalWrite[]): void {
    for (const write of writes) {
      if (write.kind === 'put') this.#put(toHex(write.key), write.value)
      else if (write.kind === 'delete') this.#remove(toHex(write.key))
      else this.#removeRange(toHex(write.from), toHex(write.to))
    }
  }

  get size(): number {
    return this.#keys.length
  }

  copy(): SimStore {
    const other = new SimStore()
    for (const [key, value] of this.#values) other.#values.set(key, value)
    other.#keys = [...this.#keys]
    return other
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#values.get(toHex(key))?.slice()
  }

  range(from: Uint8Array, to: Uint8Array, countMax: number): JournalEntry[] {
    const start = this.#indexOf(toHex(from))
    const end = Math.min(this.#indexOf(toHex(to)), start + countMax)
    return this.#keys.slice(start, Math.max(start, end)).map((key) => {
      const value = this.#values.get(key)
      assert(value !== undefined, 'each key has its value')
      return { key: fromHex(key), value: value.slice() }
    })
  }

  /** Index of the first key that is not below `key`. */
  #indexOf(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareText(this.#keys[middle] ?? '', key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #put(key: string, value: Uint8Array): void {
    if (!this.#values.has(key)) this.#keys.splice(this.#indexOf(key), 0, key)
    this.#values.set(key, value)
  }

  #remove(key: string): void {
    if (this.#values.delete(key)) this.#keys.splice(this.#indexOf(key), 1)
  }

  #removeRange(from: string, to: string): void {
    const start = this.#indexOf(from)
    const end = this.#indexOf(to)
    if (end <= start) return
    for (const key of this.#keys.splice(start, end - start)) this.#values.delete(key)
  }
}

type JournalParts = {
  readonly name: string
  readonly store: SimStore
  readonly clock: Clock | undefined
  readonly random: SimRandom
  readonly faults: JournalFaults
  readonly onClose: () => void
}

class SimJournal implements Journal {
  readonly #parts: JournalParts
  #waiting: Waiting[] = []
  #syncingCount = 0
  #running: Promise<void> | undefined
  #closed: Promise<void> | undefined
  #failure: JournalError | undefined

  constructor(parts: JournalParts) {
    this.#parts = parts
  }

  commit(writes: readonly JournalWrite[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure)
        return
      }
      this.#waiting.push({ writes: writes.map(copyOf), resolve, reject })
      this.#running ??= this.#run()
    })
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    const wanted = key.slice()
    await this.#readDelay()
    return this.#parts.store.get(wanted)
  }

  async range(input: {
    readonly from: Uint8Array
    readonly to: Uint8Array
    readonly countMax: number
  }): Promise<readonly JournalEntry[]> {
    const from = input.from.slice()
    const to = input.to.slice()
    await this.#readDelay()
    return this.#parts.store.range(from, to, input.countMax)
  }

  /** What was asked for before is done first. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#running
    this.#parts.onClose()
    this.#failure ??= this.#error(JournalCode.Failed, 'the store is closed')
  }

  /** Of the commits not answered, the first few are there. Everybody who waits is told to stop. */
  crash(): void {
    this.#stop('the store is gone')
  }

  #stop(why: string): void {
    if (this.#failure !== undefined) return
    const survivingCount = this.#parts.random.below(this.#waiting.length + 1)
    for (const { writes } of this.#waiting.slice(0, survivingCount)) this.#parts.store.apply(writes)
    this.#fail(this.#error(JournalCode.Failed, why))
  }

  async #run(): Promise<void> {
    // One microtask later, so that all commits of this turn share the first sync.
    await Promise.resolve()
    while (this.#waiting.length > 0 && this.#failure === undefined) {
      this.#syncingCount = this.#waiting.length
      await this.#delay(this.#parts.faults.commitMs)
      if (this.#failure === undefined) this.#finishSync()
    }
    this.#running = undefined
  }

  #finishSync(): void {
    const { faults, store } = this.#parts
    const batch = this.#waiting.slice(0, this.#syncingCount)
    const adds = batch.some(({ writes }) => writes.some((write) => write.kind === 'put'))
    if (faults.failing) this.#stop('sync failed')
    else if (faults.full && adds) this.#fail(this.#error(JournalCode.Full, 'no space left'))
    else {
      this.#waiting.splice(0, this.#syncingCount)
      for (const { writes, resolve } of batch) {
        store.apply(writes)
        resolve()
      }
    }
  }

  async #readDelay(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    await this.#delay(this.#parts.faults.readMs)
    if (this.#failure !== undefined) throw this.#failure
  }

  #delay(range: Range): Promise<void> {
    const { clock, random } = this.#parts
    if (clock === undefined) return Promise.resolve()
    return new Promise((resolve) => clock.after(random.skewed(range), resolve))
  }

  #error(code: JournalCode, message: string): JournalError {
    const { name } = this.#parts
    return new JournalError(code, `journal ${name}: ${message}`, { path: name })
  }

  #fail(failure: JournalError): void {
    this.#failure ??= failure
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure)
  }
}

function copyOf(write: JournalWrite): JournalWrite {
  if (write.kind === 'put')
    return { kind: 'put', key: write.key.slice(), value: write.value.slice() }
  if (write.kind === 'delete') return { kind: 'delete', key: write.key.slice() }
  return { kind: 'deleteRange', from: write.from.slice(), to: write.to.slice() }
}
