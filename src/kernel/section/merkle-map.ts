/**
 * A persistent Merkle map: ordered, immutable, equal contents give equal roots. @pure
 *
 * Problem: members must agree on one hash over a state of a million parts, change a few parts per
 * command, undo half a command, keep the last 256 states for readers, and prove to a reader with
 * nothing but the root that a page of a listing leaves nothing out.
 *
 * Not a hash over a sorted list (O(n) per change), not a balanced tree (its shape, and so its root,
 * depends on the order of insertions), not a B-tree with chunks cut by content (better on disk, but
 * all of this rests in memory).
 *
 * Chosen: a binary radix tree over the bits of the keys with one-way paths left out (crit-bit,
 * Patricia). The set of keys alone decides its shape. A change copies the path from the root, about
 * log2(n) forks, and shares the rest; hashes are computed when first asked for and kept in the
 * node, so that a thousand changes between two roots cost no more hashes than the forks they
 * touched. A hostile chooser of keys can make a path as long as a key has bits (512 at most), not
 * longer.
 *
 * Source: Morrison, "PATRICIA", 1968; Bernstein, crit-bit trees; hashes as in RFC 6962 (leaves and
 * inner nodes in different domains).
 */
import { assert } from '../../base/assert.ts'
import { fromHex, toHex } from '../../base/bytes.ts'
import { Writer } from '../../base/codec.ts'
import { domainPrefix, domains } from '../../base/domains.ts'
import type { Digest } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'

/** How a map's keys and values become bytes. One object per kind of map. */
export type MapFormat<Value> = {
  /** Length of every key; keys are lower-case hexadecimal of twice that many characters. */
  readonly keyBytes: number
  /** The canonical bytes of a value, as its leaf hashes them. */
  readonly writeValue: (writer: Writer, value: Value, crypto: Crypto) => void
}

export type MerkleLeaf<Key, Value> = {
  readonly isLeaf: true
  readonly key: Key
  readonly value: Value
}

export type MerkleFork<Key, Value> = {
  readonly isLeaf: false
  /** First bit in which keys of the two sides differ: 0 goes left. */
  readonly bit: number
  readonly left: MerkleNode<Key, Value>
  readonly right: MerkleNode<Key, Value>
  readonly count: number
  /** Computed when first asked for. Leaves keep none: it is needed again only beside a change. */
  hash: Uint8Array | undefined
}

export type MerkleNode<Key, Value> = MerkleLeaf<Key, Value> | MerkleFork<Key, Value>

const leafPrefix = domainPrefix(domains.stateLeaf)
const forkPrefix = domainPrefix(domains.stateNode)

export class MerkleMap<Key extends string, Value> {
  readonly format: MapFormat<Value>
  /** Undefined when empty. For proofs and comparison; nobody changes a node. */
  readonly top: MerkleNode<Key, Value> | undefined

  constructor(format: MapFormat<Value>, top?: MerkleNode<Key, Value>) {
    this.format = format
    this.top = top
  }

  get size(): number {
    return this.top === undefined ? 0 : countOf(this.top)
  }

  get(key: Key): Value | undefined {
    if (this.top === undefined) return undefined
    const leaf = nearestLeaf(this.top, key)
    return leaf.key === key ? leaf.value : undefined
  }

  has(key: Key): boolean {
    return this.top !== undefined && nearestLeaf(this.top, key).key === key
  }

  set(key: Key, value: Value): MerkleMap<Key, Value> {
    assert(key.length === this.format.keyBytes * 2, 'a key of the map’s length')
    const leaf: MerkleLeaf<Key, Value> = { isLeaf: true, key, value }
    if (this.top === undefined) return new MerkleMap(this.format, leaf)
    const bit = firstDifferentBit(key, nearestLeaf(this.top, key).key)
    const top = bit < 0 ? withReplaced(this.top, leaf) : withInserted(this.top, leaf, bit)
    return new MerkleMap(this.format, top)
  }

  /** The map without `key`; itself when the key is not there. */
  delete(key: Key): MerkleMap<Key, Value> {
    if (!this.has(key) || this.top === undefined) return this
    return new MerkleMap(this.format, without(this.top, key))
  }

  /** Leaves in key order: all, or those after a key (which need not be there). */
  *leaves(after?: Key): Generator<MerkleLeaf<Key, Value>> {
    if (this.top === undefined) return
    const waiting = after === undefined ? [this.top] : subtreesAfter(this.top, after)
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      while (!node.isLeaf) {
        waiting.push(node.right)
        node = node.left
      }
      yield node
    }
  }

  /** The leaf with the lowest key. */
  first(): MerkleLeaf<Key, Value> | undefined {
    let node = this.top
    while (node !== undefined && !node.isLeaf) node = node.left
    return node
  }

  /** How many keys are at or before `key`. */
  countUpTo(key: Key): number {
    if (this.top === undefined) return 0
    let after = 0
    for (const node of subtreesAfter(this.top, key)) after += countOf(node)
    return this.size - after
  }

  /** 32 bytes, kept: the caller must not change them. */
  rootBytes(crypto: Crypto): Uint8Array {
    return this.top === undefined ? emptyRoot(crypto) : hashOf(this.top, this.format, crypto)
  }

  root(crypto: Crypto): Digest {
    return toHex(this.rootBytes(crypto)) as Digest
  }
}

/** Key of a map by number (seq, sequence, effective time): order of keys is order of numbers. */
export type NumberKey = string & { readonly brand: 'NumberKey' }
export const numberKeyBytes = 8
export function numberKey(value: number): NumberKey {
  const digits = value.toString(16)
  return (zeros.slice(digits.length) + digits) as NumberKey
}
const zeros = '0'.repeat(numberKeyBytes * 2)

export const countOf = (node: MerkleNode<unknown, unknown>): number =>
  node.isLeaf ? 1 : node.count

const emptyRoots = new WeakMap<Crypto, Uint8Array>()

/** The hash of an empty map. Most maps of the state are empty: computed once. */
export function emptyRoot(crypto: Crypto): Uint8Array {
  let hash = emptyRoots.get(crypto)
  if (hash === undefined) {
    hash = crypto.sha256(forkPrefix)
    emptyRoots.set(crypto, hash)
  }
  return hash
}

/** The hash of a leaf from its encoded value, as `hashOf` makes it from the value. */
export function leafHash(crypto: Crypto, key: string, value: Uint8Array): Uint8Array {
  const input = new Uint8Array(leafPrefix.length + key.length / 2 + value.length)
  input.set(leafPrefix)
  input.set(fromHex(key), leafPrefix.length)
  input.set(value, leafPrefix.length + key.length / 2)
  return crypto.sha256(input)
}

export function forkHash(crypto: Crypto, left: Uint8Array, right: Uint8Array): Uint8Array {
  const input = new Uint8Array(forkPrefix.length + left.length + right.length)
  input.set(forkPrefix)
  input.set(left, forkPrefix.length)
  input.set(right, forkPrefix.length + left.length)
  return crypto.sha256(input)
}

/** The hash of a subtree, computed where it is not known yet. */
export function hashOf<Value>(
  node: MerkleNode<string, Value>,
  format: MapFormat<Value>,
  crypto: Crypto,
): Uint8Array {
  if (node.isLeaf) {
    const writer = new Writer(256).fixed(leafPrefix).hex(node.key)
    format.writeValue(writer, node.value, crypto)
    return crypto.sha256(writer.finish())
  }
  if (node.hash === undefined) {
    const left = hashOf(node.left, format, crypto)
    // A copy of our own: 32 bytes on the heap weigh less than a view of the adapter's buffer.
    node.hash = forkHash(crypto, left, hashOf(node.right, format, crypto)).slice()
  }
  return node.hash
}

function bitAt(key: string, bit: number): 0 | 1 {
  const code = key.charCodeAt(bit >> 2)
  const nibble = code < 58 ? code - 48 : code - 87
  return ((nibble >> (3 - (bit & 3))) & 1) as 0 | 1
}

/** −1 for equal keys. */
function firstDifferentBit(a: string, b: string): number {
  // Most keys that are set are there already, and the engine compares whole texts faster.
  if (a === b) return -1
  for (let index = 0; index < a.length; index++) {
    const left = a.charCodeAt(index)
    const right = b.charCodeAt(index)
    if (left === right) continue
    const different = (left < 58 ? left - 48 : left - 87) ^ (right < 58 ? right - 48 : right - 87)
    return index * 4 + Math.clz32(different) - 28
  }
  return -1
}

/** Some leaf that shares with `key` as much as any leaf does. */
function nearestLeaf<Key extends string, Value>(
  top: MerkleNode<Key, Value>,
  key: Key,
): MerkleLeaf<Key, Value> {
  let node = top
  while (!node.isLeaf) node = bitAt(key, node.bit) === 0 ? node.left : node.right
  return node
}

function fork<Key, Value>(
  bit: number,
  left: MerkleNode<Key, Value>,
  right: MerkleNode<Key, Value>,
): MerkleFork<Key, Value> {
  const count = countOf(left) + countOf(right)
  return { isLeaf: false, bit, left, right, count, hash: undefined }
}

function withReplaced<Key extends string, Value>(
  node: MerkleNode<Key, Value>,
  leaf: MerkleLeaf<Key, Value>,
): MerkleNode<Key, Value> {
  if (node.isLeaf) return leaf
  return bitAt(leaf.key, node.bit) === 0
    ? fork(node.bit, withReplaced(node.left, leaf), node.right)
    : fork(node.bit, node.left, withReplaced(node.right, leaf))
}

function withInserted<Key extends string, Value>(
  node: MerkleNode<Key, Value>,
  leaf: MerkleLeaf<Key, Value>,
  bit: number,
): MerkleNode<Key, Value> {
  if (node.isLeaf || node.bit > bit)
    return bitAt(leaf.key, bit) === 0 ? fork(bit, leaf, node) : fork(bit, node, leaf)
  return bitAt(leaf.key, node.bit) === 0
    ? fork(node.bit, withInserted(node.left, leaf, bit), node.right)
    : fork(node.bit, node.left, withInserted(node.right, leaf, bit))
}

/** `key` is there. */
function without<Key extends string, Value>(
  node: MerkleNode<Key, Value>,
  key: Key,
): MerkleNode<Key, Value> | undefined {
  if (node.isLeaf) return undefined
  if (bitAt(key, node.bit) === 0) {
    const left = without(node.left, key)
    return left === undefined ? node.right : fork(node.bit, left, node.right)
  }
  const right = without(node.right, key)
  return right === undefined ? node.left : fork(node.bit, node.left, right)
}

/** The subtrees that hold exactly the keys after `after`, last first. */
function subtreesAfter<Key extends string, Value>(
  top: MerkleNode<Key, Value>,
  after: Key,
): MerkleNode<Key, Value>[] {
  const bit = firstDifferentBit(after, nearestLeaf(top, after).key)
  const found: MerkleNode<Key, Value>[] = []
  let node = top
  while (!node.isLeaf && (bit < 0 || node.bit < bit)) {
    if (bitAt(after, node.bit) === 0) {
      found.push(node.right)
      node = node.left
    } else node = node.right
  }
  // All keys of `node` agree with `after` before `bit`, and among themselves at it.
  if (bit >= 0 && bitAt(after, bit) === 0) found.push(node)
  return found
}
