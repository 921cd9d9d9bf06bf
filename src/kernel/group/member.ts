/**
 * The member's side: executes the log with the pure section, keeps recent states, answers
 * submitters when what they submitted is durable, and answers reads.
 *
 * A read may ask for the state after one exact block, because members that execute at different
 * speeds give different answers although nothing is wrong: the reader then settles on the newest
 * block that was proved to it, and a member answers from its kept state of that block's height.
 */
import { assert } from '../../base/assert.ts'
import { toHex } from '../../base/bytes.ts'
import { isUnosysError, messageOf, UnosysError } from '../../base/error.ts'
import type { Digest, WorldId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Journal, JournalWrite } from '../../ports/journal.ts'
import type { Log } from '../../ports/log.ts'
import type {
  Application,
  CommittedBlock,
  ConsensusMember,
  FetchedState,
  Snapshot,
} from '../consensus/interface.ts'
import {
  type Answer,
  answer,
  decodedBytesOf,
  decodeReadmission,
  decodeSignedBatch,
  earliestExpiryMs,
  encodeAnswers,
  encodeConsensusState,
  encodePage,
  encodeResults,
  execute,
  ItemKind,
  isBatchSigned,
  isReadmissionSigned,
  openerOf,
  type PageRequest,
  page,
  type Query,
  type Readmission,
  recallResults,
  type SectionState,
  type SignedBatch,
  sessionOfBatch,
} from '../section/index.ts'
import { AddedLists } from './added-lists.ts'
import type { AddedList } from './interface.ts'
import {
  answerBytesMax,
  blockWaitMs,
  decodedBytesMax,
  type MemberLimits,
  memberLimits,
  recentBatchesMax,
  recentBytesMax,
  waitedBatchesMax,
  waitersPerBatchMax,
} from './limits.ts'
import { Snapshots } from './snapshot.ts'
import type { FoundState, StateFetchParts, WantedState } from './state-fetch.ts'
import { type AddedReply, encodeAddedList, type ReadReply } from './wire.ts'

/** Fetches a state from other members; see `fetchState`. */
export type StateFetcher = (
  parts: Pick<StateFetchParts, 'snapshots' | 'signal'>,
  wanted: WantedState,
) => Promise<FoundState | undefined>

export type MemberOptions = {
  readonly world: WorldId
  readonly crypto: Crypto
  readonly clock: Clock
  readonly journal: Journal
  readonly initialState: SectionState
  readonly log: Log
  /** Puts an item into the consensus pool; false when it is full. */
  readonly pool: (item: Uint8Array) => boolean
  /** A snapshot of the state is durable: consensus vouches for it. */
  readonly onSnapshot: (snapshot: Snapshot) => void
  /** The journal failed: this node must stop. */
  readonly onFatal: (error: Error) => void
  /** Others than `memberLimits`: equal on all members of a world. */
  readonly limits?: MemberLimits
  /**
   * Told of each state that is executed, before it is durable, or taken up; for those who compare
   * members.
   */
  readonly onExecuted?: (executed: Executed) => void
  /** Instead of the section's; see `kernel/mutations.ts`. */
  readonly execute?: typeof execute
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

type Waiter = {
  readonly resolve: (results: Uint8Array) => void
  readonly reject: (error: unknown) => void
}

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
  /** The members' keys, if the block executed last ended the consensus epoch. */
  #nextMembers:
    | { readonly height: number; readonly members: readonly ConsensusMember[] }
    | undefined
  readonly #snapshots: Snapshots
  readonly #added: AddedLists
  readonly #closing = new AbortController()
  #fetcher: StateFetcher | undefined

  constructor(options: MemberOptions) {
    this.#options = options
    this.#state = options.initialState
    this.#limits = options.limits ?? memberLimits
    this.#snapshots = new Snapshots({
      ...options,
      limits: this.#limits,
      onFailed: (error) =>
        options.onFatal(error instanceof Error ? error : new Error(messageOf(error))),
    })
    this.#added = new AddedLists({ ...options, limits: this.#limits })
    this.#history.set(0, { state: this.#state, digest: undefined })
  }

  /** How to fetch a state from the other members. */
  connect(fetcher: StateFetcher): void {
    this.#fetcher = fetcher
  }

  /** No snapshot and no transfer goes on; resolves when the journal is not needed any more. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#snapshots.close()
  }

  /** The newest snapshot on the disk. */
  get snapshot(): Snapshot | undefined {
    return this.#snapshots.newest
  }

  /** Serves a state to a member that lacks it. */
  async manifest(height: number): Promise<Uint8Array> {
    return found(await this.#snapshots.manifest(height))
  }

  async chunk(height: number, index: number): Promise<Uint8Array> {
    return found(await this.#snapshots.chunk(height, index))
  }

  /** The consensus epoch at the newest height that can be shown. */
  epoch(): Uint8Array {
    return encodeConsensusState(this.#stateAt(this.#durableHeight).consensus)
  }

  /** Have a readmission ordered. */
  readmit(item: Uint8Array): void {
    const { node } = decodeReadmission(item)
    // Anybody can draw node keys: only those of members take room.
    const isMember = this.#state.consensus.members.some((member) => member.node === node)
    if (!isMember || !this.#options.pool(item.slice()))
      throw new MemberRefused('group/overloaded', 'the readmission was not taken', {})
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
    await this.#added.load()
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
      const { crypto, world } = this.#options
      if (item[0] === ItemKind.Readmission) {
        return isReadmissionSigned(crypto, world, decodeReadmission(item))
      }
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
    if (item[0] === ItemKind.Readmission) return decodeReadmission(item).node
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
    const readmissions: Readmission[] = []
    const batches: SignedBatch[] = []
    const batchKeys: string[] = []
    for (const [index, item] of block.items.entries()) {
      const key = keys[index] ?? ''
      if (item[0] === ItemKind.Readmission) {
        readmissions.push(decodeReadmission(item))
        continue
      }
      batches.push(this.#takeDecoded(key) ?? decodeSignedBatch(item))
      batchKeys.push(key)
    }
    const { crypto, world } = this.#options
    const { height, timeMs } = block
    const executed = { height, timeMs, batches, readmissions }
    const run = this.#options.execute ?? execute
    const outcome = run({ crypto, world }, this.#state, executed)
    this.#state = outcome.state
    this.#height = height
    this.#history.set(height, { state: outcome.state, digest: block.digest })
    this.#heights.set(block.digest, height)
    const answers = outcome.results.map((results, index) => {
      return [batchKeys[index] ?? '', encodeResults(results)] as const
    })
    this.#executed.set(height, answers)
    const { members } = outcome.state.consensus
    this.#nextMembers = outcome.endsEpoch ? { height, members } : undefined
    const isSnapshot = this.#writeSnapshot(block, outcome.endsEpoch)
    this.#options.onExecuted?.({ state: outcome.state, isSnapshot })
    if (outcome.added.length === 0) return []
    return [this.#added.writeOf(height, encodeAddedList({ height, blocks: outcome.added }))]
  }

  /** One that is due, beside the log: the state does not change any more. */
  #writeSnapshot({ digest, height, items, view }: CommittedBlock, endsEpoch: boolean): boolean {
    const logBytes = items.reduce((sum, item) => sum + item.length, 0)
    const isDue = this.#snapshots.isDue(height, { logBytes, endsEpoch })
    if (isDue) this.#snapshots.write({ height, view, digest }, this.#state)
    return isDue
  }

  membersAfter(height: number): readonly ConsensusMember[] | undefined {
    return this.#nextMembers?.height === height ? this.#nextMembers.members : undefined
  }

  onStable(height: number): void {
    this.#snapshots.onStable(height)
  }

  async fetchState(
    wanted: Snapshot & WantedState & { readonly signal: AbortSignal },
  ): Promise<FetchedState | undefined> {
    const signal = AbortSignal.any([this.#closing.signal, wanted.signal])
    const fetched = await this.#fetcher?.({ snapshots: this.#snapshots, signal }, wanted)
    if (fetched === undefined || signal.aborted) return undefined
    const { digest, height, state: name, view } = wanted
    const place = { height, view, digest }
    const gap = this.#added.skip(this.#height, height)
    const installs = await this.#snapshots.install(place, fetched.manifest)
    const installed = (): void => {
      this.#snapshots.installed({ ...place, state: name })
      this.#goOnFrom(place, fetched.state)
    }
    return { writes: [...installs, gap], installed }
  }

  /** What was executed before is history that others have; who waits for it asks again. */
  #goOnFrom({ digest, height }: Pick<Snapshot, 'digest' | 'height'>, state: SectionState): void {
    this.#state = state
    this.#height = height
    this.#durableHeight = height
    this.#oldestKept = height
    this.#history.clear()
    this.#heights.clear()
    this.#history.set(height, { state, digest })
    this.#heights.set(digest, height)
    this.#executed.clear()
    const waiting = [...this.#waiters.values()].flat()
    this.#waiters.clear()
    for (const waiter of waiting) {
      waiter.reject(new MemberRefused('group/behind', 'the log was skipped: ask again', {}))
    }
    for (const waiter of [...this.#blockWaiters]) if (this.#isDurable(waiter.digest)) waiter.wake()
    this.#options.onExecuted?.({ state, isSnapshot: false })
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
        reject: (error: unknown): void => {
          signal.removeEventListener('abort', onAbort)
          reject(error)
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

  /** Resolves when `read` at that block waits for nothing; refuses as it does. */
  async reached(atBlock: Digest | undefined): Promise<void> {
    if (!this.#isOpen) throw new MemberRefused('group/behind', 'the log is being replayed', {})
    if (atBlock !== undefined && !this.#isDurable(atBlock)) await this.#reached(atBlock)
  }

  /** Answers at the newest durable height, or at exactly that of a block. */
  async read(queries: readonly Query[], atBlock?: Digest): Promise<ReadReply> {
    await this.reached(atBlock)
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
    if (this.lacksAdded(fromHeight)) {
      throw new MemberRefused('group/behind', 'the lists of that height are not here', {})
    }
    return this.#added.read(fromHeight, end)
  }

  /** True where this member does not know itself which blocks were added. */
  lacksAdded(height: number): boolean {
    return this.#added.lacks(height)
  }

  /** Keep what b + 1 others say of heights that this member lacks. */
  async keepAdded(
    fromHeight: number,
    reply: AddedReply,
    lists: readonly AddedList[],
  ): Promise<void> {
    await this.#added.keep(
      fromHeight,
      reply,
      lists.map(({ height }) => height),
    )
  }
}

function found(bytes: Uint8Array | undefined): Uint8Array {
  if (bytes !== undefined) return bytes
  throw new MemberRefused('group/behind', 'that snapshot is not kept', {})
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
