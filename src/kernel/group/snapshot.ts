/**
 * The state in the journal, whole, from time to time: a restart loads it and executes only the log
 * behind it. docs/decisions/0008. The writes go into one commit with the record of the height, so
 * that the state is never ahead of the log.
 */
import { assert } from '../../base/assert.ts'
import { utf8 } from '../../base/bytes.ts'
import { decode, encode } from '../../base/codec.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Journal, JournalWrite } from '../../ports/journal.ts'
import { decodeState, encodeState, SectionError, type SectionState } from '../section/index.ts'
import type { MemberLimits } from './limits.ts'

const headKey = utf8('group/snapshot-head')
const chunkKey = (index: number): Uint8Array => utf8(`group/snapshot/${hexNumber(index)}`)
const chunkCountMax = 65_536

/** Numbers in keys: their order as text is their order. */
export const hexNumber = (value: number): string => value.toString(16).padStart(14, '0')

type Limits = Pick<MemberLimits, 'snapshotHeights' | 'snapshotLogBytes'>

export class Snapshots {
  readonly #crypto: Crypto
  readonly #journal: Journal
  readonly #limits: Limits
  #logBytes = 0
  #height = 0
  #chunkCount = 0

  constructor(options: {
    readonly crypto: Crypto
    readonly journal: Journal
    readonly limits: Limits
  }) {
    this.#crypto = options.crypto
    this.#journal = options.journal
    this.#limits = options.limits
  }

  /**
   * The last one; undefined when there is none yet.
   *
   * @throws SectionError `section/malformed`, JournalError: the journal is damaged.
   */
  async load(): Promise<{ readonly height: number; readonly state: SectionState } | undefined> {
    const head = await this.#journal.get(headKey)
    if (head === undefined) return undefined
    const { height, count } = decode(head, (reader) => ({
      height: reader.u64(),
      count: reader.u32(),
    }))
    assert(count <= chunkCountMax, 'snapshots are written within their limit')
    const chunks: Uint8Array[] = []
    for (let index = 0; index < count; index++) {
      const chunk = await this.#journal.get(chunkKey(index))
      if (chunk === undefined) {
        const what = 'a chunk of the snapshot is gone'
        throw new SectionError('section/malformed', what, { what })
      }
      chunks.push(chunk)
    }
    this.#height = height
    this.#chunkCount = count
    return { height, state: decodeState(this.#crypto, chunks) }
  }

  /** The writes of a snapshot, when one is due after this height; else none. */
  writesAt(height: number, state: SectionState, logBytes: number): JournalWrite[] {
    this.#logBytes += logBytes
    const { snapshotHeights, snapshotLogBytes } = this.#limits
    const isDue = this.#logBytes >= snapshotLogBytes || height - this.#height >= snapshotHeights
    if (!isDue) return []
    const chunks = encodeState(state)
    assert(chunks.length <= chunkCountMax, 'a state is bounded by the limits of the section')
    const writes: JournalWrite[] = chunks.map((value, index) => {
      return { kind: 'put', key: chunkKey(index), value }
    })
    if (this.#chunkCount > chunks.length) {
      const [from, to] = [chunkKey(chunks.length), chunkKey(this.#chunkCount)]
      writes.push({ kind: 'deleteRange', from, to })
    }
    const value = encode((writer) => writer.u64(height).u32(chunks.length))
    writes.push({ kind: 'put', key: headKey, value })
    this.#logBytes = 0
    this.#height = height
    this.#chunkCount = chunks.length
    return writes
  }
}
