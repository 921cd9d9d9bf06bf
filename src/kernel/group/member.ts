/**
 * The member's side: executes the log with the pure section, keeps recent states, answers
 * submitters when what they submitted is durable, and answers reads.
 *
 * A read may ask for the state after one exact block, because members that execute at different
 * speeds give different answers although nothing is wrong: the reader then settles on the newest
 * block that was proved to it, and a member answers from its kept state of that block's height.
 */
import { assert } from '../../base/assert.ts'
import { fromUtf8, toHex, utf8 } from '../../base/bytes.ts'
import { isUnosysError, UnosysError } from '../../base/error.ts'
import type { Digest, WorldId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Journal, JournalWrite } from '../../ports/journal.ts'
import type { Application, CommittedBlock } from '../consensus/interface.ts'
import {
  type Answer,
  answer,
  decodedBytesOf,
  decodeSignedBatch,
  earliestExpiryMs,
  encodeAnswers,
  encodePage,
  encodeResults,
  execute,
  isBatchSigned,
  openerOf,
  type PageRequest,
  page,
  type Query,
  recallResults,
  type SectionState,
  type SignedBatch,
  sessionOfBatch,
} from '../section/index.ts'
import {
  answerBytesMax,
  blockWaitMs,
  decodedBytesMax,
  listBytesMax,
  type MemberLimits,
  memberLimits,
  recentBatchesMax,
  recentBytesMax,
  waitedBatchesMax,
  waitersPerBatchMax,
} from './limits.ts'
import { hexNumber, Snapshots } from './snapshot.ts'
import { type AddedReply, encodeAddedList, type ReadReply } from './wire.ts'

export type MemberOptions = {
  readonly world: WorldId
  readonly crypto: Crypto
  readonly clock: Clock
  readonly journal: Journal
  readonly initialState: SectionState
  /** Puts an item into the consensus pool; false when it is full. */
  readonly pool: (item: Uint8Array) => boolean
  /** Others than `memberLimits`: equal on all members of a world. */
  readonly limits?: MemberLimits
  /** Told of each height as it is executed, before it is durable; for those who compare members. */
  readonly onExecuted?: (executed: Executed) => void
}

export type Executed = {
  readonly state: SectionState
  /** A snapshot of it is about to be written. */
  readonly isSnapshot: boolean
}

/** A member refuses; the asker sees the code as `peerCode`. */
export class MemberRefused extends UnosysError<
  'group/overloaded' | 'group/awaited' | 'group/root-gone' | 'group/behind' | 'group/too-large',
  Record<string, never>
> {}

/** An executed state, with the digest of its block if that was executed in this process. */
type Kept = { readonly state: SectionState; readonly digest: Digest | undefined }

type Waiter = { readonly resolve: (results: Uint8Array) => void }

const addedPrefix = 'group/added/'
const addedKey = (height: number): Uint8Array => utf8(addedPrefix + hexNumber(height))
const heightOf = (key: Uint8Array): number =>
  Number.parseInt((fromUtf8(key) ?? '').slice(addedPrefix.length), 16)

export class Member implements Application {
  readonly #options: MemberOptions
  readonly #limits: MemberLimits
  #state: SectionState
  #height = 0
  /** Executed and durable: what readers may see. */
  #durableHeight = 0
  readonly #history = new Map<number, Kept>()
  readonly #heights = new Map<Digest, number>()
  #finality: { readonly height: number; readonly bytes: Uint8Array } | undefined
  readonly #executed = new Map<number, readonly (readonly [string, Uint8Array])[]>()
  readonly #waiters = new Map<string, Waiter[]>()
  readonly #blockWaiters = new Set<{ readonly digest: Digest; readonly wake: () => void }>()
  readonly #decoded = new Map<string, { readonly batch: SignedBatch; readonly bytes: number }>()
  #decodedBytes = 0
  /** Encoded results of the newest durable batches, oldest first. */
  readonly #recent = new Map<string, Uint8Array>()
  #recentBytes = 0
  #oldestKept = 0
  #isOpen = false
  readonly #snapshots: Snapshots

  constructor(options: MemberOptions) {
    this.#options = options
    this.#state = options.initialState
    this.#limits = options.limits ?? memberLimits
    this.#snapshots = new Snapshots({ ...options, limits: this.#limits })
    this.#history.set(0, { state: this.#state, digest: undefined })
  }

  /**
   * The log is replayed: from now on, what this member answers is as new as what it acknowledged
   * before it stopped. A read answered earlier could miss a write that is done.
   */
  open(): void {
    this.#isOpen = true
  }

  get height(): number {
    return this.#durableHeight
  }

  get freedBytes(): number {
    return this.#state.freedBytes
  }

  /** Memory of what is kept decoded until it is executed, as it is reckoned. */
  get decodedBytes(): number {
    return this.#decodedBytes
  }

  /** Load the last snapshot; consensus then replays from the height after the returned one. */
  async restore(): Promise<number> {
    const kept = await this.#snapshots.load()
    if (kept === undefined) return 0
    this.#state = kept.state
    this.#height = kept.height
    this.#durableHeight = kept.height
    this.#oldestKept = kept.height
    this.#history.clear()
    this.#history.set(kept.height, { state: kept.state, digest: undefined })
    return kept.height
  }

  isValid(item: Uint8Array): boolean {
    try {
      const batch = decodeSignedBatch(item)
      if (!isBatchSigned(this.#options.crypto, this.#options.world, batch)) return false
      // Anybody can sign for a session that does not exist: nothing of it is kept.
      if (this.#state.sessions.has(batch.session)) {
        this.#remember(this.keyOf(item), batch, decodedBytesOf(batch, item.length))
      }
      return true
    } catch (error) {
      if (isUnosysError(error, 'base/malformed')) return false
      throw error
    }
  }

  keyOf(item: Uint8Array): string {
    return toHex(this.#options.crypto.sha256(item))
  }

  /**
   * The session; for one that does not exist here yet, whoever opens it. All batches that nobody
   * vouches for share one place: anybody can draw session keys.
   */
  clientOf(item: Uint8Array): string {
    const session = sessionOfBatch(item)
    if (this.#state.sessions.has(session)) return session
    return openerOf(this.#options.crypto, this.#state, decodeSignedBatch(item)) ?? 'nobody'
  }

  /** Keep what validation decoded until it is executed, so that it is decoded once. */
  #remember(key: string, batch: SignedBatch, bytes: number): void {
    this.#takeDecoded(key)
    this.#decoded.set(key, { batch, bytes })
    this.#decodedBytes += bytes
    while (this.#decodedBytes > decodedBytesMax) {
      const oldest = this.#decoded.keys().next()
      if (oldest.done === true) return
      this.#takeDecoded(oldest.value)
    }
  }

  #takeDecoded(key: string): SignedBatch | undefined {
    const kept = this.#decoded.get(key)
    if (kept === undefined) return undefined
    this.#decoded.delete(key)
    this.#decodedBytes -= kept.bytes
    return kept.batch
  }

  execute(block: CommittedBlock): readonly JournalWrite[] {
    assert(block.height === this.#height + 1, 'blocks are executed once, in order')
    const keys = block.items.map((item) => this.keyOf(item))
    const batches = block.items.map((item, index) => {
      const key = keys[index] ?? ''
      return this.#takeDecoded(key) ?? decodeSignedBatch(item)
    })
    const outcome = execute(
      { crypto: this.#options.crypto, world: this.#options.world },
      this.#state,
      { height: block.height, timeMs: block.timeMs, batches },
    )
    this.#state = outcome.state
    this.#height = block.height
    this.#history.set(block.height, { state: outcome.state, digest: block.digest })
    this.#heights.set(block.digest, block.height)
    const answers = outcome.results.map((results, index) => {
      return [keys[index] ?? '', encodeResults(results)] as const
    })
    this.#executed.set(block.height, answers)
    const writes: JournalWrite[] = []
    if (outcome.added.length > 0) {
      const value = encodeAddedList({ height: block.height, blocks: outcome.added })
      writes.push({ kind: 'put', key: addedKey(block.height), value })
    }
    const logBytes = block.items.reduce((sum, item) => sum + item.length, 0)
    const snapshot = this.#snapshots.writesAt(block.height, outcome.state, logBytes)
    this.#options.onExecuted?.({ state: outcome.state, isSnapshot: snapshot.length > 0 })
    return [...writes, ...snapshot]
  }

  nextExpiryMs(): number | undefined {
    return earliestExpiryMs(this.#state)
  }

  onDurable(height: number, finality?: Uint8Array): void {
    if (finality !== undefined) this.#finality = { height, bytes: finality }
    for (let done = this.#durableHeight + 1; done <= height; done++) {
      for (const [key, results] of this.#executed.get(done) ?? []) {
        this.#keepRecent(key, results)
        for (const waiter of this.#waiters.get(key) ?? []) waiter.resolve(results)
        this.#waiters.delete(key)
      }
      this.#executed.delete(done)
    }
    this.#durableHeight = Math.max(this.#durableHeight, height)
    while (this.#oldestKept <= this.#durableHeight - this.#limits.historyHeights) {
      this.#forget(this.#oldestKept++)
    }
    for (const waiter of [...this.#blockWaiters]) {
      if (this.#isDurable(waiter.digest)) waiter.wake()
    }
  }

  #forget(height: number): void {
    const digest = this.#history.get(height)?.digest
    if (digest !== undefined) this.#heights.delete(digest)
    this.#history.delete(height)
  }

  /** A refusal stands in no session: without this, who asks after the block would wait in vain. */
  #keepRecent(key: string, results: Uint8Array): void {
    if (this.#recent.has(key)) return
    this.#recent.set(key, results)
    this.#recentBytes += results.length
    for (const [oldest, kept] of this.#recent) {
      if (this.#recent.size <= recentBatchesMax && this.#recentBytes <= recentBytesMax) return
      this.#recent.delete(oldest)
      this.#recentBytes -= kept.length
    }
  }

  /** Have a batch ordered; its encoded results once executed and durable here. */
  async submit(item: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const batch = decodeSignedBatch(item)
    const done = recallResults(this.#options.crypto, this.#stateAt(this.#durableHeight), batch)
    if (done !== undefined) return encodeResults(done)
    const key = this.keyOf(item)
    const refused = this.#recent.get(key)
    if (refused !== undefined) return refused
    signal.throwIfAborted()
    const waiting = this.#waiters.get(key) ?? []
    if (waiting.length >= waitersPerBatchMax) {
      throw new MemberRefused('group/awaited', 'the batch is taken, and many wait for it', {})
    }
    const full = waiting.length === 0 && this.#waiters.size >= waitedBatchesMax
    // The bytes are a view into a frame; the pool keeps them.
    if (full || !this.#options.pool(item.slice())) {
      throw new MemberRefused('group/overloaded', 'the pool is full', {})
    }
    return this.#executedLater(key, waiting, signal)
  }

  #executedLater(key: string, waiting: Waiter[], signal: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const waiter = {
        resolve: (results: Uint8Array): void => {
          signal.removeEventListener('abort', onAbort)
          resolve(results)
        },
      }
      waiting.push(waiter)
      this.#waiters.set(key, waiting)
      const onAbort = (): void => {
        const left = (this.#waiters.get(key) ?? []).filter((other) => other !== waiter)
        if (left.length === 0) this.#waiters.delete(key)
        else this.#waiters.set(key, left)
        reject(signal.reason)
      }
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** Answers at the newest durable height, or at exactly that of a block. */
  async read(queries: readonly Query[], atBlock?: Digest): Promise<ReadReply> {
    if (!this.#isOpen) throw new MemberRefused('group/behind', 'the log is being replayed', {})
    if (atBlock !== undefined && !this.#isDurable(atBlock)) await this.#reached(atBlock)
    const height = atBlock === undefined ? this.#durableHeight : this.#heights.get(atBlock)
    const state = this.#stateAt(height ?? -1)
    const answers: Answer[] = []
    let bytes = 0
    for (const query of queries) {
      for (const one of answer(this.#options.crypto, state, [query])) {
        answers.push(one)
        bytes += reckonedBytes(one)
      }
      if (bytes > answerBytesMax) {
        throw new MemberRefused('group/too-large', 'the answers do not fit a message', {})
      }
    }
    const newest = this.#finality
    const finality = newest?.height === state.height ? newest.bytes : undefined
    return { height: state.height, finality, answers: encodeAnswers(answers) }
  }

  #stateAt(height: number): SectionState {
    const kept = this.#history.get(height)
    if (kept === undefined) throw new MemberRefused('group/behind', 'that height is not kept', {})
    return kept.state
  }

  #isDurable(digest: Digest): boolean {
    const height = this.#heights.get(digest)
    return height !== undefined && height <= this.#durableHeight
  }

  #reached(digest: Digest): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        cancel()
        this.#blockWaiters.delete(waiter)
      }
      const wake = (): void => {
        finish()
        resolve()
      }
      const waiter = { digest, wake }
      const cancel = this.#options.clock.after(blockWaitMs, () => {
        finish()
        reject(new MemberRefused('group/behind', 'that block is not executed here', {}))
      })
      this.#blockWaiters.add(waiter)
    })
  }

  /** A page with its proof; from the newest kept state whose directory has that root. */
  page(request: PageRequest): Uint8Array {
    for (let height = this.#durableHeight; height >= this.#oldestKept; height--) {
      const found = page(this.#options.crypto, this.#stateAt(height), request)
      if (found !== undefined) return encodePage(found)
    }
    throw new MemberRefused('group/root-gone', 'that root of the directory is not kept', {})
  }

  async added(fromHeight: number, countMax: number): Promise<AddedReply> {
    const { listHeights } = this.#limits
    const end = Math.min(this.#durableHeight + 1, fromHeight + Math.min(countMax, listHeights))
    if (fromHeight >= end) return { lists: [], nextHeight: fromHeight }
    const entries = await this.#options.journal.range({
      from: addedKey(fromHeight),
      to: addedKey(end),
      countMax: listHeights,
    })
    const lists: Uint8Array[] = []
    let bytes = 0
    for (const { key, value } of entries) {
      bytes += value.length
      if (lists.length > 0 && bytes > listBytesMax) return { lists, nextHeight: heightOf(key) }
      lists.push(value)
    }
    return { lists, nextHeight: end }
  }
}

/** At least what the answer takes when encoded. */
function reckonedBytes(one: Answer): number {
  if (one.kind === 'domain') return 512 + (one.domain?.grants.length ?? 0) * 384
  let bytes = 4 * 1024
  if (one.kind !== 'object') return bytes
  for (const { sealed, added } of one.object?.deltas ?? []) {
    bytes += 128 + sealed.length + added.length * 80
  }
  return bytes
}
