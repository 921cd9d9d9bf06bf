/**
 * Items that wait to be ordered, oldest first, bounded by count and bytes.
 *
 * An item leaves when it was executed, never when it was merely proposed: a proposal may come to
 * nothing. Keys of executed items are remembered for a while, so that a copy which arrives late is
 * not ordered a second time; beyond that memory execution itself recognises repetitions.
 *
 * @pure
 */
import { type ConsensusLimits, itemOverheadBytes, itemsPerBlockMax } from './limits.ts'

type Waiting = { readonly item: Uint8Array; readonly hash: string }

export class Pool {
  readonly #limits: ConsensusLimits
  readonly #items = new Map<string, Waiting>()
  /** Hash of an item's bytes → its key. */
  readonly #hashes = new Map<string, string>()
  readonly #executed = new Set<string>()
  #bytes = 0

  constructor(limits: ConsensusLimits) {
    this.#limits = limits
  }

  get count(): number {
    return this.#items.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** True if the item waits now, waited already or was executed. False when there is no room. */
  add(key: string, waiting: Waiting): boolean {
    const { item, hash } = waiting
    if (this.#items.has(key) || this.#executed.has(key)) return true
    if (this.#items.size >= this.#limits.poolCountMax) return false
    if (this.#bytes + item.length > this.#limits.poolBytesMax) return false
    this.#items.set(key, waiting)
    this.#hashes.set(hash, key)
    this.#bytes += item.length
    return true
  }

  /** The key of an item whose bytes have this hash and wait here: they were checked already. */
  keyOfBytes(hash: string): string | undefined {
    return this.#hashes.get(hash)
  }

  /** The next items that fit into one block, but for those whose keys are in `except`. */
  take(except: ReadonlySet<string>): Uint8Array[] {
    const taken: Uint8Array[] = []
    let room = this.#limits.payloadBytesMax - itemOverheadBytes
    for (const [key, { item }] of this.#items) {
      if (taken.length >= itemsPerBlockMax) break
      if (except.has(key)) continue
      const cost = item.length + itemOverheadBytes
      // Strictly in order: a large item must not be overtaken for ever by small ones.
      if (cost > room) break
      taken.push(item)
      room -= cost
    }
    return taken
  }

  /** The item was taken to be executed and is not; without room its sender must ask again. */
  takeBack(key: string, waiting: Waiting): void {
    this.#executed.delete(key)
    this.add(key, waiting)
  }

  /** The item was executed. */
  executed(key: string): void {
    const waiting = this.#items.get(key)
    if (waiting !== undefined) {
      this.#items.delete(key)
      this.#hashes.delete(waiting.hash)
      this.#bytes -= waiting.item.length
    }
    this.#executed.add(key)
    if (this.#executed.size <= this.#limits.executedKeysMax) return
    for (const oldest of this.#executed) {
      this.#executed.delete(oldest)
      return
    }
  }
}
