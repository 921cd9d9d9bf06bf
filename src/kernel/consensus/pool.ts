/**
 * Items that wait to be ordered, in fair shares: a queue for each client, bounded by count and
 * bytes.
 *
 * *Room.* A client may hold at most as much as stays free after it, in items and in bytes. So each
 * client at most halves what the others leave free, and k of them, whatever they send in whatever
 * order, leave at least 1/2^k. Whoever waits for nothing yet gets in with an item that fits twice
 * into what is free. What was taken is never thrown out: a refusal is said at once.
 *
 * *Turns.* Each client's first item, then each one's second, and so on; a client whose item was
 * executed goes behind the others. An item waits for at most one item of each other client, however
 * many those have.
 *
 * An item leaves when it was executed, never when it was merely proposed: a proposal may come to
 * nothing. Keys of executed items are remembered for a while, so that a copy which arrives late is
 * not ordered a second time; beyond that memory execution itself recognises repetitions.
 *
 * @pure
 */
import { type ConsensusLimits, itemOverheadBytes, itemsPerBlockMax } from './limits.ts'

export type Waiting = {
  readonly item: Uint8Array
  /** Of the item's bytes. */
  readonly hash: string
  /** Whose share it takes. */
  readonly client: string
}

type Queue = { readonly items: Map<string, Waiting>; bytes: number }

export class Pool {
  readonly #limits: ConsensusLimits
  /** Clients with items, in the order of their turns. */
  readonly #queues = new Map<string, Queue>()
  /** Key of an item → its client. */
  readonly #clients = new Map<string, string>()
  /** Hash of an item's bytes → its key. */
  readonly #hashes = new Map<string, string>()
  readonly #executed = new Set<string>()
  #bytes = 0

  constructor(limits: ConsensusLimits) {
    this.#limits = limits
  }

  get count(): number {
    return this.#clients.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** True if the item waits now, waited already or was executed. False when there is no room. */
  add(key: string, waiting: Waiting): boolean {
    const { item, hash, client } = waiting
    if (this.#clients.has(key) || this.#executed.has(key)) return true
    const queue = this.#queues.get(client) ?? { items: new Map<string, Waiting>(), bytes: 0 }
    if (!this.#hasRoom(queue, item.length)) return false
    queue.items.set(key, waiting)
    queue.bytes += item.length
    this.#queues.set(client, queue)
    this.#clients.set(key, client)
    this.#hashes.set(hash, key)
    this.#bytes += item.length
    return true
  }

  /** With one more item, the client holds no more than is left free. */
  #hasRoom(queue: Queue, itemBytes: number): boolean {
    const { poolBytesMax, poolCountMax } = this.#limits
    const freeCount = poolCountMax - this.#clients.size - 1
    const freeBytes = poolBytesMax - this.#bytes - itemBytes
    return queue.items.size + 1 <= freeCount && queue.bytes + itemBytes <= freeBytes
  }

  /** The key of an item whose bytes have this hash and wait here: they were checked already. */
  keyOfBytes(hash: string): string | undefined {
    return this.#hashes.get(hash)
  }

  /** The next items that fit into one block, but for those whose keys are in `except`. */
  take(except: ReadonlySet<string>): Uint8Array[] {
    const taken: Uint8Array[] = []
    let room = this.#limits.payloadBytesMax - itemOverheadBytes
    for (const [key, { item }] of this.#inTurn()) {
      if (taken.length >= itemsPerBlockMax) break
      if (except.has(key)) continue
      const cost = item.length + itemOverheadBytes
      // Strictly in turn: a large item must not be overtaken for ever by small ones.
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

  *#inTurn(): Generator<[string, Waiting]> {
    let lines: Iterator<[string, Waiting]>[] = []
    for (const { items } of this.#queues.values()) lines.push(items.entries())
    while (lines.length > 0) {
      const left: Iterator<[string, Waiting]>[] = []
      for (const line of lines) {
        const next = line.next()
        if (next.done === true) continue
        yield next.value
        left.push(line)
      }
      lines = left
    }
  }

  /** The item was executed. */
  executed(key: string): void {
    const client = this.#clients.get(key)
    if (client !== undefined) this.#leave(key, client)
    this.#executed.add(key)
    if (this.#executed.size <= this.#limits.executedKeysMax) return
    for (const oldest of this.#executed) {
      this.#executed.delete(oldest)
      return
    }
  }

  #leave(key: string, client: string): void {
    this.#clients.delete(key)
    const queue = this.#queues.get(client)
    const waiting = queue?.items.get(key)
    if (queue === undefined || waiting === undefined) return
    queue.items.delete(key)
    queue.bytes -= waiting.item.length
    this.#bytes -= waiting.item.length
    this.#hashes.delete(waiting.hash)
    // It has had its turn: behind the others.
    this.#queues.delete(client)
    if (queue.items.size > 0) this.#queues.set(client, queue)
  }
}
