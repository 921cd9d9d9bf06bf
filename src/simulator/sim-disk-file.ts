/**
 * The bytes of one simulated file, and what a power cut does to them.
 *
 * Real disks promise little between two syncs: what was written may be there, may not, may be
 * there up to some point, or sector by sector; the length may have arrived without the bytes
 * (zeros then), and a file that was replaced may show pieces of both. What was synced is safe.
 */
import type { FileStat } from '../ports/disk.ts'
import type { SimRandom } from './sim-random.ts'

/** What a disk writes whole or not at all. */
const sectorBytes = 512
const smallestBuffer = 256

/** Bytes that only grow; replacing a file starts a new one. A prefix, once written, stays. */
class Growing {
  #buffer: Uint8Array
  #length = 0

  constructor(parts: readonly Uint8Array[]) {
    this.#buffer = new Uint8Array(0)
    this.append(parts)
  }

  get length(): number {
    return this.#length
  }

  append(parts: readonly Uint8Array[]): void {
    let length = this.#length
    for (const part of parts) length += part.length
    if (length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(length, this.#buffer.length * 2, smallestBuffer))
      grown.set(this.#buffer.subarray(0, this.#length))
      this.#buffer = grown
    }
    for (const part of parts) {
      this.#buffer.set(part, this.#length)
      this.#length += part.length
    }
  }

  /** A view of the first `length` bytes. */
  prefix(length: number): Uint8Array {
    return this.#buffer.subarray(0, length)
  }

  flip(offset: number, mask: number): void {
    this.#buffer[offset] = (this.#buffer[offset] ?? 0) ^ mask
  }
}

/** What a file held at some moment. */
export type SimSnapshot = {
  readonly content: Growing
  readonly lengthBytes: number
  readonly modifiedMs: number
}

export class SimFile {
  #content = new Growing([])
  #modifiedMs = 0
  #durable: SimSnapshot = this.snapshot()
  /** After a failed sync: what was dirty then is lost, and no later sync makes it durable. */
  #poisoned = false

  get sizeBytes(): number {
    return this.#content.length
  }

  stat(): FileStat {
    return { sizeBytes: this.#content.length, modifiedMs: this.#modifiedMs }
  }

  /** A copy. */
  read(): Uint8Array {
    return this.#content.prefix(this.#content.length).slice()
  }

  replace(parts: readonly Uint8Array[], modifiedMs: number): void {
    this.#content = new Growing(parts)
    this.#modifiedMs = modifiedMs
  }

  append(parts: readonly Uint8Array[], modifiedMs: number): void {
    this.#content.append(parts)
    this.#modifiedMs = modifiedMs
  }

  snapshot(): SimSnapshot {
    return {
      content: this.#content,
      lengthBytes: this.#content.length,
      modifiedMs: this.#modifiedMs,
    }
  }

  /** A sync that began at `snapshot` has ended well. */
  synced(snapshot: SimSnapshot): void {
    if (this.#poisoned) return
    const { content, lengthBytes } = this.#durable
    // Syncs may end in another order than they began.
    if (snapshot.content === content && snapshot.lengthBytes < lengthBytes) return
    this.#durable = snapshot
  }

  /** A sync has failed. The bytes still read as written; the disk may have dropped them. */
  poison(): void {
    this.#poisoned = true
  }

  /** The power is cut: what was not synced falls as the dice will have it. */
  crash(random: SimRandom): void {
    const survived = this.#survivor(random)
    this.#content = new Growing([survived])
    if (random.happens(0.5)) this.#modifiedMs = this.#durable.modifiedMs
    this.#poisoned = false
    this.#durable = this.snapshot()
  }

  #survivor(random: SimRandom): Uint8Array {
    const before = this.#durable.content.prefix(this.#durable.lengthBytes)
    const after = this.#content.prefix(this.#content.length)
    const grown = this.#content === this.#durable.content
    if (grown && after.length === before.length) return before
    const kind = random.pick(['before', 'after', 'prefix', 'sectors'] as const)
    if (kind === 'before') return before
    if (kind === 'after') return after
    const safeBytes = grown ? before.length : 0
    const lengthBytes = safeBytes + random.below(after.length - safeBytes + 1)
    if (kind === 'prefix') return after.subarray(0, lengthBytes)
    return sectorsOf(random, { before, after: after.subarray(0, lengthBytes), safeBytes })
  }

  /** One bit decays, at `offset` or anywhere; undefined in an empty file. */
  rot(random: SimRandom, offset: number | undefined): number | undefined {
    if (this.sizeBytes === 0) return undefined
    const at = offset ?? random.below(this.sizeBytes)
    const mask = 1 << random.below(8)
    this.#content.flip(at, mask)
    if (this.#durable.content !== this.#content && at < this.#durable.lengthBytes)
      this.#durable.content.flip(at, mask)
    return at
  }
}

/** Sector by sector: what was written, or what was there before, or zeros. */
function sectorsOf(
  random: SimRandom,
  input: { before: Uint8Array; after: Uint8Array; safeBytes: number },
): Uint8Array {
  const { before, after, safeBytes } = input
  const mixed = new Uint8Array(after.length)
  for (let start = 0; start < mixed.length; start += sectorBytes) {
    const end = Math.min(start + sectorBytes, mixed.length)
    const source = random.pick(['after', 'before', 'zeros'] as const)
    if (source === 'after') mixed.set(after.subarray(start, end), start)
    else if (source === 'before') mixed.set(before.subarray(start, end), start)
  }
  mixed.set(after.subarray(0, Math.min(safeBytes, after.length)))
  return mixed
}
