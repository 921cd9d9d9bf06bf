/**
 * Proofs that a page of a Merkle map leaves nothing out. @pure
 *
 * A proof that each entry is in the tree is not enough: a lying member could leave entries out. The
 * proof is the tree itself, in preorder, with everything outside the page folded into hashes and
 * the one entry just before the page kept open. In key order it therefore reads: hashes, the entry
 * before, the entries of the page, hashes. Whoever agreed on the root agreed on a sorted tree; so
 * what is folded to the left is at or before the entry before, which is at or before the cursor;
 * and there is no hash between that entry and the last of the page. `more` holds exactly when a
 * hash follows.
 */
import { equalBytes, toHex } from '../../base/bytes.ts'
import { CodecError, Reader, Writer } from '../../base/codec.ts'
import type { Crypto } from '../../ports/crypto.ts'
import {
  countOf,
  emptyRoot,
  forkHash,
  hashOf,
  leafHash,
  type MerkleLeaf,
  type MerkleMap,
  type MerkleNode,
} from './merkle-map.ts'

const Part = { Fork: 0, Outside: 1, Entry: 2, Before: 3 } as const
const parts = Object.values(Part)
const hashBytes = 32

export type RangeRequest<Key> = { readonly after: Key | undefined; readonly countMax: number }

export type ProvedRange<Key, Value> = {
  readonly leaves: readonly MerkleLeaf<Key, Value>[]
  readonly more: boolean
  readonly proof: Uint8Array
}

/** The first `countMax` entries after `after`, with the proof. `countMax` is at least 1. */
export function proveRange<Key extends string, Value>(
  crypto: Crypto,
  map: MerkleMap<Key, Value>,
  request: RangeRequest<Key>,
): ProvedRange<Key, Value> {
  const { format, top } = map
  const start = request.after === undefined ? 0 : map.countUpTo(request.after)
  const end = Math.min(map.size, start + request.countMax)
  const writer = new Writer(4096)
  const leaves: MerkleLeaf<Key, Value>[] = []
  const write = (node: MerkleNode<Key, Value>, first: number): void => {
    const last = first + countOf(node) - 1
    if (last < start - 1 || first >= end) {
      writer.u8(Part.Outside).fixed(hashOf(node, format, crypto))
    } else if (!node.isLeaf) {
      writer.u8(Part.Fork)
      write(node.left, first)
      write(node.right, first + countOf(node.left))
    } else if (first >= start) {
      writer.u8(Part.Entry)
      leaves.push(node)
    } else {
      const value = new Writer(256)
      format.writeValue(value, node.value, crypto)
      writer.u8(Part.Before).hex(node.key).blob(value.finish())
    }
  }
  if (top !== undefined) write(top, 0)
  return { leaves, more: end < map.size, proof: writer.finish() }
}

export type RangeClaim = {
  readonly root: Uint8Array
  readonly keyBytes: number
  readonly valueBytesMax: number
  readonly after: string | undefined
  readonly countMax: number
  /** In key order, values encoded. */
  readonly entries: readonly { readonly key: string; readonly value: Uint8Array }[]
  readonly more: boolean
  readonly proof: Uint8Array
}

/**
 * True when, under `root`, the entries are exactly all those after `after` up to the last of them,
 * as many as `countMax` or all that there are, and `more` says which. Takes any bytes as a proof.
 */
export function verifyRange(crypto: Crypto, claim: RangeClaim): boolean {
  if (!fitsRequest(claim)) return false
  try {
    const checker = new RangeChecker(crypto, claim)
    return checker.holds()
  } catch (error) {
    if (error instanceof CodecError) return false
    throw error
  }
}

/** Everything that can be said without the proof. */
function fitsRequest({ entries, countMax, after, more, keyBytes }: RangeClaim): boolean {
  if (entries.length > countMax || (more && entries.length !== countMax)) return false
  let previous = after
  for (const { key } of entries) {
    if (key.length !== keyBytes * 2 || (previous !== undefined && key <= previous)) return false
    previous = key
  }
  return true
}

class RangeChecker {
  readonly #crypto: Crypto
  readonly #claim: RangeClaim
  readonly #reader: Reader
  #usedCount = 0
  #outsideBefore = false
  #outsideAfter = false
  #hasBefore = false

  constructor(crypto: Crypto, claim: RangeClaim) {
    this.#crypto = crypto
    this.#claim = claim
    this.#reader = new Reader(claim.proof)
  }

  holds(): boolean {
    const { proof, root, entries, more } = this.#claim
    const isEmpty = proof.length === 0
    const computed = isEmpty ? emptyRoot(this.#crypto) : this.#hash(this.#claim.keyBytes * 8)
    this.#reader.end()
    if (this.#outsideBefore && !this.#hasBefore) return false
    return (
      equalBytes(computed, root) &&
      this.#usedCount === entries.length &&
      more === this.#outsideAfter
    )
  }

  /** The hash of the next subtree of the proof, at most `depthMax` forks deep. */
  #hash(depthMax: number): Uint8Array {
    const reader = this.#reader
    switch (reader.oneOf(parts)) {
      case Part.Fork: {
        if (depthMax === 0) return reader.refuse('proof deeper than a key has bits')
        const left = this.#hash(depthMax - 1)
        return forkHash(this.#crypto, left, this.#hash(depthMax - 1))
      }
      case Part.Outside:
        // Left of the page while nothing of it came, which the entry before it must confirm.
        if (this.#hasBefore || this.#usedCount > 0) this.#outsideAfter = true
        else if (this.#claim.after === undefined) this.#outsideAfter = true
        else this.#outsideBefore = true
        return reader.fixed(hashBytes)
      case Part.Entry:
        return this.#entry()
      case Part.Before:
        return this.#before()
    }
  }

  #entry(): Uint8Array {
    const entry = this.#claim.entries[this.#usedCount++]
    if (entry === undefined || this.#outsideAfter)
      return this.#reader.refuse('entries that do not follow one another')
    return leafHash(this.#crypto, entry.key, entry.value)
  }

  #before(): Uint8Array {
    const { keyBytes, valueBytesMax, after } = this.#claim
    const key = toHex(this.#reader.fixed(keyBytes))
    if (this.#hasBefore || this.#usedCount > 0 || after === undefined || key > after)
      return this.#reader.refuse('no entry before the page')
    this.#hasBefore = true
    return leafHash(this.#crypto, key, this.#reader.blob(valueBytesMax))
  }
}
