/**
 * Which blocks this node holds: id, version and hash → where the file is. All in memory, rebuilt
 * from the names at start.
 *
 * A map of strings costs 300 bytes and several objects per block, and the collector walks them all.
 * Here a block is a row of 16 words in large typed arrays (64 bytes), found through a table of row
 * numbers with open addressing (5 to 11 bytes more), and chained with the others of its partition.
 * Rows live in chunks, so that growth copies only the table of numbers.
 *
 * Ids are the choice of clients: the hash of the table is salted, so that nobody can choose ids
 * that collide in it.
 *
 *   words 0–3 id │ 4–11 content hash │ 12 version, low │ 13 version, high 16; pages 16
 *   14 key epoch │ 15 next row of the partition, + 1; bit 31 proven
 */
import { assert } from '../../base/assert.ts'
import { compareText } from '../../base/bytes.ts'
import { type BlockId, blockIdOf, type Digest, digestOf } from '../../base/ids.ts'
import type { NameFields } from './block-name.ts'
import type { BlockKey } from './interface.ts'

const rowWords = 16
const chunkRows = 16_384
const chunkBits = 14
const rowsMax = 2 ** 31 - 2
const versionHighUnit = 2 ** 32
const idWords = 4
const keyWords = 14
const nextMask = 0x7fff_ffff
const provenBit = 0x8000_0000
const slotsAtFirst = 1_024

/** What the index knows of a block. */
export type IndexEntry = NameFields & {
  /**
   * Written by this process, and synced. False: known by its name. To have read it whole proves
   * nothing: what a former process could not sync may be in the page cache only.
   */
  readonly proven: boolean
}

export class BlockIndex {
  readonly #heads: Uint32Array
  readonly #partitionOf: (id: BlockId) => number
  readonly #salt: Uint32Array
  readonly #chunks: Uint32Array[] = []
  readonly #free: number[] = []
  /** Row + 1; 0 is empty. At most three quarters full. */
  #slots = new Uint32Array(slotsAtFirst)
  #rowCount = 0
  #count = 0
  #pageCount = 0
  /** The key being looked up, as words; reused, since every call is synchronous. */
  readonly #key = new Uint32Array(rowWords)

  /** Random bytes that a new index needs. */
  static readonly saltBytes = 20

  constructor(options: {
    readonly partitionCount: number
    readonly partitionOf: (id: BlockId) => number
    readonly salt: Uint8Array
  }) {
    this.#heads = new Uint32Array(options.partitionCount)
    this.#partitionOf = options.partitionOf
    assert(options.salt.length === BlockIndex.saltBytes, 'five words of salt')
    this.#salt = new Uint32Array(options.salt.slice().buffer)
  }

  get count(): number {
    return this.#count
  }

  /** Pages of all files together. */
  get pageCount(): number {
    return this.#pageCount
  }

  has(key: BlockKey): boolean {
    return this.#find(key) !== undefined
  }

  get(key: BlockKey): IndexEntry | undefined {
    const found = this.#find(key)
    if (found === undefined) return undefined
    const { words, at } = this.#rowAt(found.row)
    const { id, version, hash } = key
    return {
      id,
      version,
      hash,
      keyEpoch: words[at + 14] ?? 0,
      pageCount: (words[at + 13] ?? 0) & 0xffff,
      proven: ((words[at + 15] ?? 0) & provenBit) !== 0,
    }
  }

  /** Insert, or replace what is known of the same block. */
  set(entry: IndexEntry): void {
    const found = this.#find(entry)
    this.#fill(found?.row ?? this.#insert(entry.id), entry)
  }

  /** Insert what a name says, unless the same block is known under as new a storage key. */
  adopt(fields: NameFields): void {
    const found = this.#find(fields)
    if (found !== undefined) {
      const { words, at } = this.#rowAt(found.row)
      if ((words[at + 14] ?? 0) >= fields.keyEpoch) return
    }
    this.#fill(found?.row ?? this.#insert(fields.id), { ...fields, proven: false })
  }

  #fill(row: number, entry: IndexEntry): void {
    const { words, at } = this.#rowAt(row)
    const high = words[at + 13] ?? 0
    this.#pageCount += entry.pageCount - (high & 0xffff)
    words[at + 13] = (high & 0xffff_0000) | entry.pageCount
    words[at + 14] = entry.keyEpoch
    const next = (words[at + 15] ?? 0) & nextMask
    words[at + 15] = entry.proven ? next | provenBit : next
  }

  /** False when the block was not known. */
  delete(key: BlockKey): boolean {
    const found = this.#find(key)
    if (found === undefined) return false
    const { words, at } = this.#rowAt(found.row)
    this.#pageCount -= (words[at + 13] ?? 0) & 0xffff
    this.#unchain(this.#partitionOf(key.id), found.row)
    this.#emptySlot(found.slot)
    this.#free.push(found.row)
    this.#count -= 1
    return true
  }

  /** Keys of a partition, or the unproven ones of them, sorted by id, version, hash. */
  list(partition: number, only: { readonly unproven?: true } = {}): readonly BlockKey[] {
    const keys: BlockKey[] = []
    for (let next = this.#heads[partition] ?? 0; next !== 0; ) {
      const { words, at } = this.#rowAt(next - 1)
      const link = words[at + 15] ?? 0
      if (only.unproven !== true || (link & provenBit) === 0) keys.push(keyAt(words, at))
      next = link & nextMask
    }
    return keys.sort(
      (a, b) => compareText(a.id, b.id) || a.version - b.version || compareText(a.hash, b.hash),
    )
  }

  #rowAt(row: number): { words: Uint32Array; at: number } {
    const words = this.#chunks[row >>> chunkBits]
    assert(words !== undefined, 'a row lies in its chunk')
    return { words, at: (row & (chunkRows - 1)) * rowWords }
  }

  #find(key: BlockKey): { row: number; slot: number } | undefined {
    writeKey(this.#key, key)
    const mask = this.#slots.length - 1
    for (let slot = this.#hash(this.#key, 0) & mask; ; slot = (slot + 1) & mask) {
      const next = this.#slots[slot] ?? 0
      if (next === 0) return undefined
      if (this.#holdsKey(next - 1)) return { row: next - 1, slot }
    }
  }

  #holdsKey(row: number): boolean {
    const { words, at } = this.#rowAt(row)
    for (let word = 0; word < keyWords - 1; word++)
      if (words[at + word] !== this.#key[word]) return false
    return (words[at + 13] ?? 0) >>> 16 === (this.#key[13] ?? 0) >>> 16
  }

  /** A row for the key that was just looked for, and not found. */
  #insert(id: BlockId): number {
    if ((this.#count + 1) * 4 > this.#slots.length * 3) this.#grow()
    const row = this.#free.pop() ?? this.#addRow()
    const { words, at } = this.#rowAt(row)
    words.set(this.#key, at)
    const partition = this.#partitionOf(id)
    words[at + 15] = this.#heads[partition] ?? 0
    this.#heads[partition] = row + 1
    this.#place(row)
    this.#count += 1
    return row
  }

  #addRow(): number {
    const row = this.#rowCount++
    assert(row < rowsMax, 'rows are numbered with 31 bits')
    if (row >>> chunkBits === this.#chunks.length)
      this.#chunks.push(new Uint32Array(chunkRows * rowWords))
    return row
  }

  #place(row: number): void {
    const { words, at } = this.#rowAt(row)
    const mask = this.#slots.length - 1
    let slot = this.#hash(words, at) & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = row + 1
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(old.length * 2)
    for (const next of old) if (next !== 0) this.#place(next - 1)
  }

  /** Close the gap: entries behind it that could not be found across an empty slot move up. */
  #emptySlot(emptied: number): void {
    const mask = this.#slots.length - 1
    let gap = emptied
    for (let slot = (gap + 1) & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const { words, at } = this.#rowAt((this.#slots[slot] ?? 0) - 1)
      const home = this.#hash(words, at) & mask
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue
      this.#slots[gap] = this.#slots[slot] ?? 0
      gap = slot
    }
    this.#slots[gap] = 0
  }

  #unchain(partition: number, row: number): void {
    const rest = (this.#rowLink(row) ?? 0) & nextMask
    let previous: number | undefined
    for (let next = this.#heads[partition] ?? 0; next !== 0; ) {
      if (next - 1 === row) {
        if (previous === undefined) this.#heads[partition] = rest
        else {
          const { words, at } = this.#rowAt(previous)
          words[at + 15] = (((words[at + 15] ?? 0) & provenBit) | rest) >>> 0
        }
        return
      }
      previous = next - 1
      next = this.#rowLink(previous) & nextMask
    }
    assert(false, 'a row is in the chain of its partition')
  }

  #rowLink(row: number): number {
    const { words, at } = this.#rowAt(row)
    return words[at + 15] ?? 0
  }

  /** Salted; over id, version and the first word of the content hash. */
  #hash(words: Uint32Array, at: number): number {
    let mixed = this.#salt[0] ?? 0
    for (let word = 0; word <= idWords; word++)
      mixed = mix(mixed ^ (words[at + word] ?? 0), (this.#salt[1 + (word & 3)] ?? 0) | 1)
    return mix(mixed ^ (words[at + 12] ?? 0), 0x85ebca6b)
  }
}

function mix(value: number, odd: number): number {
  const product = Math.imul(value ^ (value >>> 15), odd)
  return Math.imul(product ^ (product >>> 13), 0xc2b2ae35) ^ (product >>> 16)
}

function writeKey(words: Uint32Array, { id, version, hash }: BlockKey): void {
  for (let word = 0; word < 4; word++) words[word] = wordOf(id, word)
  for (let word = 0; word < 8; word++) words[idWords + word] = wordOf(hash, word)
  words[12] = version % versionHighUnit
  words[13] = Math.floor(version / versionHighUnit) << 16
  words[14] = 0
  words[15] = 0
}

const wordOf = (hex: string, word: number): number =>
  Number.parseInt(hex.slice(word * 8, word * 8 + 8), 16)

function keyAt(words: Uint32Array, at: number): BlockKey {
  const version = ((words[at + 13] ?? 0) >>> 16) * versionHighUnit + (words[at + 12] ?? 0)
  return { id: idAt(words, at), version, hash: hashAt(words, at) }
}

const idAt = (words: Uint32Array, at: number): BlockId => blockIdOf(hexOf(words, at, 4))
const hashAt = (words: Uint32Array, at: number): Digest => digestOf(hexOf(words, at + idWords, 8))

function hexOf(words: Uint32Array, from: number, count: number): string {
  let text = ''
  for (let word = 0; word < count; word++)
    text += (words[from + word] ?? 0).toString(16).padStart(8, '0')
  return text
}
