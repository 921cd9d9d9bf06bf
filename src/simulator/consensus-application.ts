/**
 * The smallest application that shows what consensus promises: it counts items. Its state is a
 * height, the list of items in the order of their first execution, and a chain of hashes over both;
 * all of it rests in the journal, written by `execute`.
 */
import { Reader, Writer } from '../base/codec.ts'
import type { Application, CommittedBlock } from '../kernel/consensus/interface.ts'
import type { Journal, JournalWrite } from '../ports/journal.ts'

/** First byte of its keys; 0x01 belongs to consensus. */
const prefix = 0x02
export const itemMark = 0x75

const heightKey = Uint8Array.of(prefix, 1)
const itemKey = (place: number): Uint8Array => new Writer().u8(prefix).u8(2).u32(place).finish()

/** Where items by their place in the order stand in the journal. */
export const itemKeys = { from: itemKey(0), to: Uint8Array.of(prefix, 3) }

export const itemWrite = (place: number, id: number): JournalWrite => ({
  kind: 'put',
  key: itemKey(place),
  value: new Writer().u32(id).finish(),
})

/** Key of another part of the application, from 3 on; `of` orders records of one part. */
export const partKey = (part: number, of = 0): Uint8Array =>
  new Writer().u8(prefix).u8(part).u64(of).finish()

/** Item number `id`, padded to a size. */
export function makeItem(id: number, sizeBytes: number): Uint8Array {
  const item = new Uint8Array(Math.max(5, sizeBytes))
  item.set(new Writer().u8(itemMark).u32(id).finish(), 0)
  return item
}

export const itemIdOf = (item: Uint8Array): number => new Reader(item.subarray(1)).u32()

export type ApplicationEvents = {
  readonly onExecuted: (block: CommittedBlock) => void
  readonly onDurable: (height: number) => void
}

export class CountingApplication implements Application {
  readonly #events: ApplicationEvents
  height = 0
  /** Items in the order of their first execution. */
  readonly order: number[] = []
  readonly #seen = new Set<number>()

  constructor(events: ApplicationEvents) {
    this.#events = events
  }

  /** Take up what the journal holds. */
  async restore(journal: Journal): Promise<void> {
    const height = await journal.get(heightKey)
    if (height === undefined) return
    this.height = new Reader(height).u64()
    const entries = await journal.range({ ...itemKeys, countMax: 1_000_000 })
    for (const entry of entries) this.#count(new Reader(entry.value).u32())
  }

  /** Put another state in place of this one. */
  protected become(height: number, order: readonly number[]): void {
    this.height = height
    this.order.length = 0
    this.#seen.clear()
    for (const id of order) this.#count(id)
  }

  #count(id: number): boolean {
    if (this.#seen.has(id)) return false
    this.#seen.add(id)
    this.order.push(id)
    return true
  }

  isValid(item: Uint8Array): boolean {
    return item.length >= 5 && item[0] === itemMark
  }

  keyOf(item: Uint8Array): string {
    return String(itemIdOf(item))
  }

  clientOf(item: Uint8Array): string {
    return `client ${itemIdOf(item) % 4}`
  }

  execute(block: CommittedBlock): readonly JournalWrite[] {
    this.#events.onExecuted(block)
    this.height = block.height
    const height = new Writer().u64(block.height).finish()
    const writes: JournalWrite[] = [{ kind: 'put', key: heightKey, value: height }]
    for (const item of block.items) {
      if (item[0] !== itemMark) continue
      const id = itemIdOf(item)
      if (this.#count(id)) writes.push(itemWrite(this.order.length - 1, id))
    }
    return writes
  }

  onDurable(height: number): void {
    this.#events.onDurable(height)
  }
}
