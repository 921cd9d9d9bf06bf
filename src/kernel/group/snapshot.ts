/**
 * The state in the journal, whole, from time to time: a restart loads the newest and executes only
 * the log behind it, and members vouch for it, so that the log before it can go (decisions 0008,
 * 0013). Which heights have one follows from the log alone, so all members write the same.
 *
 * A snapshot is written chunk by chunk while the log goes on, since the state is immutable: each
 * chunk is made when the one before it is on the disk. It counts when its head is there, which is
 * written last.
 */
import { compareBytes, utf8 } from '../../base/bytes.ts'
import { CodecError, decode, encode } from '../../base/codec.ts'
import { type Digest, digestBytes } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import {
  type Journal,
  JournalCode,
  type JournalEntry,
  JournalError,
  type JournalWrite,
} from '../../ports/journal.ts'
import type { Snapshot } from '../consensus/interface.ts'
import { decodeState, type SectionState, stateChunks, stateRoot } from '../section/index.ts'
import type { MemberLimits } from './limits.ts'
import {
  chunkHashOf,
  decodeManifest,
  encodeManifest,
  type Manifest,
  stateNameOf,
} from './manifest.ts'

/** Numbers in keys: their order as text is their order. */
export const hexNumber = (value: number): string => value.toString(16).padStart(14, '0')

const headsFrom = utf8('group/snapshot-head/')
const headsTo = utf8('group/snapshot-head0')
const chunksFrom = utf8('group/snapshot-chunk/')
const headKey = (height: number): Uint8Array => utf8(`group/snapshot-head/${hexNumber(height)}`)
const chunkKey = (height: number, index: number): Uint8Array =>
  utf8(`group/snapshot-chunk/${hexNumber(height)}/${hexNumber(index)}`)
/** Of a directory of one state per few thousand heights there are never more. */
const headCountMax = 1_024

/** Where in the log a state stands. */
export type Place = Pick<Snapshot, 'height' | 'view' | 'digest'>

type Head = { readonly place: Place; readonly manifest: Uint8Array }

const encodeHead = ({ manifest, place }: Head): Uint8Array =>
  encode((writer) => writer.u64(place.height).u64(place.view).hex(place.digest).blob(manifest))

const decodeHead = (bytes: Uint8Array): Head =>
  decode(bytes, (reader) => {
    const height = reader.u64()
    const view = reader.u64()
    const digest = reader.hex(digestBytes) as Digest
    return { place: { height, view, digest }, manifest: reader.blob(bytes.length).slice() }
  })

type Options = {
  readonly crypto: Crypto
  readonly journal: Journal
  readonly limits: Pick<MemberLimits, 'snapshotHeights' | 'snapshotLogBytes'>
  /** The snapshot is on the disk. */
  readonly onSnapshot: (snapshot: Snapshot) => void
  /** The journal failed: this node must stop. */
  readonly onFailed: (error: unknown) => void
}

type Job = { readonly place: Place; readonly state: SectionState }

const damaged = (what: string, cause?: unknown): JournalError =>
  new JournalError(JournalCode.Damaged, what, { path: 'journal' }, { cause })

export class Snapshots {
  readonly #options: Options
  #logBytes = 0
  #height = 0
  #newest: Snapshot | undefined
  /** The stable one before the last: it and all after it are kept. */
  #floor = 0
  #stable = 0
  #waiting: Job | undefined
  #work: Promise<void> | undefined
  #closed = false
  /** Counts states that were replaced: snapshots of those before are not finished. */
  #replaced = 0

  constructor(options: Options) {
    this.#options = options
  }

  /** The newest on the disk. */
  get newest(): Snapshot | undefined {
    return this.#newest
  }

  /**
   * The last one; undefined when there is none yet. What a crash left of unfinished ones goes.
   *
   * @throws JournalError `journal/damaged`; CodecError `base/malformed` for a state of another
   *   version.
   */
  async load(): Promise<{ readonly height: number; readonly state: SectionState } | undefined> {
    const { crypto, journal } = this.#options
    const heads = await this.#heads()
    const head = heads.at(-1)
    await journal.commit(withoutUnfinished(heads.map(({ place }) => place.height)))
    if (head === undefined) return undefined
    const { height } = head.place
    const { chunks } = decodeManifest(head.manifest)
    const found: Uint8Array[] = []
    for (const index of chunks.keys()) {
      const chunk = await journal.get(chunkKey(height, index))
      if (chunk === undefined) {
        throw damaged('a chunk of the snapshot is gone')
      }
      found.push(chunk)
    }
    this.#height = height
    this.#newest = { ...head.place, state: stateNameOf(crypto, head.manifest) }
    return { height, state: decodeState(crypto, found) }
  }

  async #heads(): Promise<Head[]> {
    const range = { from: headsFrom, to: headsTo, countMax: headCountMax }
    const entries = await this.#options.journal.range(range)
    return entries.map(({ value }: JournalEntry) => {
      try {
        return decodeHead(value)
      } catch (error) {
        throw error instanceof CodecError
          ? damaged('the head of a snapshot cannot be read', error)
          : error
      }
    })
  }

  /** True if the state after this height is to be written; `endsEpoch` says so in any case. */
  isDue(
    height: number,
    executed: { readonly logBytes: number; readonly endsEpoch: boolean },
  ): boolean {
    this.#logBytes += executed.logBytes
    const { snapshotHeights, snapshotLogBytes } = this.#options.limits
    const isLong = this.#logBytes >= snapshotLogBytes || height - this.#height >= snapshotHeights
    if (!isLong && !executed.endsEpoch) return false
    this.#logBytes = 0
    this.#height = height
    return true
  }

  /** Begin to write one, after the one that is under way; of two that wait, only the newer. */
  write(place: Place, state: SectionState): void {
    if (this.#closed) return
    this.#waiting = { place, state }
    this.#work ??= this.#writeAll().catch((error: unknown) => {
      if (!this.#closed) this.#options.onFailed(error)
    })
  }

  async #writeAll(): Promise<void> {
    for (;;) {
      const job = this.#waiting
      if (job === undefined) {
        // In the same turn in which nothing waited: what comes now begins anew.
        this.#work = undefined
        return
      }
      this.#waiting = undefined
      await this.#writeOne(job)
    }
  }

  async #writeOne({ place, state }: Job): Promise<void> {
    const { crypto, journal, onSnapshot } = this.#options
    const { height } = place
    const chunks: Digest[] = []
    const replaced = this.#replaced
    const isOver = (): boolean => this.#closed || this.#replaced !== replaced
    for (const chunk of stateChunks(state)) {
      const key = chunkKey(height, chunks.length)
      chunks.push(chunkHashOf(crypto, chunk))
      await journal.commit([{ kind: 'put', key, value: chunk }])
      if (isOver()) return
    }
    const manifest = encodeManifest({ height, stateRoot: stateRoot(crypto, state), chunks })
    await journal.commit([headWrite({ place, manifest })])
    if (isOver()) return
    this.#newest = { ...place, state: stateNameOf(crypto, manifest) }
    onSnapshot(this.#newest)
    await this.#clear()
  }

  /** A quorum vouches for this height: what is older than the stable one before is not needed. */
  onStable(height: number): void {
    if (height <= this.#stable) return
    this.#floor = this.#stable
    this.#stable = height
  }

  async #clear(): Promise<void> {
    const newest = this.#newest?.height ?? 0
    const upTo = Math.min(this.#floor, newest)
    const old = (await this.#heads()).map(({ place }) => place.height).filter((one) => one < upTo)
    if (old.length > 0 && !this.#closed) await this.#options.journal.commit(old.flatMap(removal))
  }

  /** The encoded manifest of a kept snapshot. */
  async manifest(height: number): Promise<Uint8Array | undefined> {
    const head = await this.#options.journal.get(headKey(height))
    return head === undefined ? undefined : decodeHead(head).manifest
  }

  /** A chunk of a kept snapshot. */
  async chunk(height: number, index: number): Promise<Uint8Array | undefined> {
    return this.#options.journal.get(chunkKey(height, index))
  }

  /**
   * The chunks of this height are about to be fetched: one of our own that stands there, and
   * differs, must not look whole in between.
   */
  async begin(height: number): Promise<void> {
    await this.#options.journal.commit(removal(height))
  }

  /** Keep a chunk of a snapshot that is being fetched. */
  async keep(height: number, index: number, chunk: Uint8Array): Promise<void> {
    await this.#options.journal.commit([
      { kind: 'put', key: chunkKey(height, index), value: chunk },
    ])
  }

  /**
   * Writes that make fetched chunks the newest snapshot, and all others go. Our state is about to
   * be replaced: what is being written of it ends first, since its head would outlive these writes.
   */
  async install(place: Place, manifest: Manifest): Promise<JournalWrite[]> {
    this.#replaced++
    this.#waiting = undefined
    await this.#work
    const others = (await this.#heads()).map((head) => head.place.height)
    const old = others.filter((height) => height !== place.height)
    return [...old.flatMap(removal), headWrite({ place, manifest: encodeManifest(manifest) })]
  }

  /** The writes of `install` are durable. */
  installed(snapshot: Snapshot): void {
    this.#newest = snapshot
    this.#height = snapshot.height
    this.#logBytes = 0
    this.#waiting = undefined
    this.#floor = snapshot.height
    this.#stable = snapshot.height
  }

  /** Nothing is begun any more; resolves when what is under way has ended. */
  async close(): Promise<void> {
    this.#closed = true
    this.#waiting = undefined
    await this.#work
  }
}

const headWrite = (head: Head): JournalWrite => ({
  kind: 'put',
  key: headKey(head.place.height),
  value: encodeHead(head),
})

/** A head goes with its chunks, in one commit. */
const removal = (height: number): JournalWrite[] => [
  { kind: 'delete', key: headKey(height) },
  { kind: 'deleteRange', from: chunkKey(height, 0), to: chunkKey(height + 1, 0) },
]

/** Chunks between those of finished snapshots. */
function withoutUnfinished(heights: readonly number[]): JournalWrite[] {
  const writes: JournalWrite[] = []
  let from = chunksFrom
  for (const height of heights) {
    const to = chunkKey(height, 0)
    if (compareBytes(from, to) < 0) writes.push({ kind: 'deleteRange', from, to })
    from = chunkKey(height + 1, 0)
  }
  writes.push({ kind: 'deleteRange', from, to: utf8('group/snapshot-chunk0') })
  return writes
}
