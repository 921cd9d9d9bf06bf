/**
 * The counting application with checkpoints: every few heights, and at the end of each epoch, its
 * state stands whole in the journal, named by its hash; a member without the log takes one from
 * others. A readmission among the items ends the epoch.
 *
 * Written in two commits, the state and then its head, since a snapshot must not be on the disk
 * before the execution that it follows (commits are in order; `kernel/group/snapshot.ts`).
 */
import { toHex } from '../base/bytes.ts'
import { Reader, Writer } from '../base/codec.ts'
import { type Digest, digestBytes, digestOf, type NodeId } from '../base/ids.ts'
import type {
  CommittedBlock,
  ConsensusConfig,
  ConsensusMember,
  FetchedState,
  Snapshot,
} from '../kernel/consensus/index.ts'
import type { Clock } from '../ports/clock.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { Journal, JournalWrite } from '../ports/journal.ts'
import {
  type ApplicationEvents,
  CountingApplication,
  itemKeys,
  itemWrite,
  partKey,
} from './consensus-application.ts'
import { membersAfterItems, readmissionName, readmissionOf } from './consensus-readmission.ts'
import type { Range, SimRandom } from './sim-random.ts'

const parts = { live: 3, state: 4, head: 5 } as const
const headsMax = 1_000
/** Behind the end of every run. */
const farMs = 100 * 365 * 24 * 60 * 60_000
const answerMs: Range = { min: 1, max: 120 }

/** The state after a height, as its bytes hold it. */
export type CountedState = {
  readonly height: number
  readonly epoch: number
  readonly members: readonly ConsensusMember[]
  readonly order: readonly number[]
}

export function encodeCounted(state: CountedState): Uint8Array {
  const { epoch, height, members, order } = state
  const writer = new Writer(64 + members.length * 32 + order.length * 4).u64(height).u64(epoch)
  for (const { consensusKey } of members) writer.fixed(consensusKey)
  writer.u32(order.length)
  for (const id of order) writer.u32(id)
  return writer.finish().slice()
}

export function decodeCounted(
  bytes: Uint8Array,
  members: readonly ConsensusMember[],
): CountedState {
  const reader = new Reader(bytes)
  const height = reader.u64()
  const epoch = reader.u64()
  const named = members.map((one) => ({ ...one, consensusKey: reader.fixed(32).slice() }))
  const order = Array.from({ length: reader.u32() }, () => reader.u32())
  return { height, epoch, members: named, order }
}

export const nameOfState = (crypto: Pick<Crypto, 'sha256'>, bytes: Uint8Array): Digest =>
  digestOf(toHex(crypto.sha256(bytes)))

export type SnapshotParts = {
  readonly config: ConsensusConfig
  readonly crypto: Crypto
  readonly journal: Journal
  readonly clock: Clock
  readonly random: SimRandom
  /** Heights between two snapshots. */
  readonly everyHeights: number
  /** What another member says its state after a height was; undefined: no answer. */
  readonly askState: (holder: NodeId, height: number) => Uint8Array | undefined
  /** Broken on purpose: what others say is taken for the state. */
  readonly unchecked: boolean
  /** A snapshot is on the disk. */
  readonly onSnapshot: (snapshot: Snapshot) => void
  /** This state has taken the place of the one before. */
  readonly onInstalled: (height: number, state: Digest) => void
  readonly onFailed: (error: unknown) => void
}

export class SnapshotApplication extends CountingApplication {
  readonly #parts: SnapshotParts
  /** Whole on the disk, by height, oldest first. */
  readonly #kept = new Map<number, { readonly snapshot: Snapshot; readonly bytes: Uint8Array }>()
  epoch: number
  #members: readonly ConsensusMember[]
  #next: { readonly height: number; readonly members: readonly ConsensusMember[] } | undefined
  #stable = 0
  /** Of the last block that ended an epoch here. Its snapshot is owed to those that missed it. */
  #endHeight = 0

  constructor(events: ApplicationEvents, own: SnapshotParts) {
    super(events)
    this.#parts = own
    this.epoch = own.config.epoch
    this.#members = own.config.members
  }

  get newest(): Snapshot | undefined {
    return [...this.#kept.values()].at(-1)?.snapshot
  }

  get keptCount(): number {
    return this.#kept.size
  }

  /** The bytes of a snapshot that is kept. */
  stateAt(height: number): Uint8Array | undefined {
    return this.#kept.get(height)?.bytes
  }

  /**
   * From the newest snapshot if `fromSnapshot`, as whole Processors do; else all that is there,
   * unless the snapshot at an epoch's end was never written: executing that again writes it.
   */
  async take(fromSnapshot: boolean): Promise<void> {
    await this.#loadKept()
    const { config, journal } = this.#parts
    const kept = [...this.#kept.values()].at(-1)?.bytes
    const live = await journal.get(partKey(parts.live))
    const restored = live && readLive(live, config.members)
    const isOwed = restored !== undefined && restored.endHeight > (this.newest?.height ?? 0)
    if (fromSnapshot || isOwed) {
      if (kept !== undefined) this.#adopt(decodeCounted(kept, config.members))
      return
    }
    if (restored === undefined) return
    const { count, endHeight, ...state } = restored
    this.#endHeight = endHeight
    const entries = await journal.range({ ...itemKeys, countMax: Math.max(1, count) })
    const order = entries.slice(0, count).map(({ value }) => new Reader(value).u32())
    this.#adopt({ ...state, order })
  }

  async #loadKept(): Promise<void> {
    const { crypto, journal } = this.#parts
    const range = { from: partKey(parts.head), to: partKey(parts.head + 1), countMax: headsMax }
    for (const { value } of await journal.range(range)) {
      const place = readHead(value)
      const bytes = await journal.get(partKey(parts.state, place.height))
      if (bytes === undefined) throw new Error(`the snapshot of ${place.height} has no state`)
      const snapshot = { ...place, state: nameOfState(crypto, bytes) }
      this.#kept.set(place.height, { snapshot, bytes })
    }
  }

  #adopt({ epoch, height, members, order }: CountedState): void {
    this.become(height, order)
    this.epoch = epoch
    this.#members = members
  }

  override isValid(item: Uint8Array): boolean {
    return super.isValid(item) || readmissionOf(item) !== undefined
  }

  override keyOf(item: Uint8Array): string {
    const readmission = readmissionOf(item)
    return readmission === undefined ? super.keyOf(item) : readmissionName(readmission)
  }

  override clientOf(item: Uint8Array): string {
    const readmission = readmissionOf(item)
    return readmission === undefined ? super.clientOf(item) : `member ${readmission.member}`
  }

  override execute(block: CommittedBlock): readonly JournalWrite[] {
    const writes = [...super.execute(block)]
    const members = membersAfterItems(block.items, { epoch: this.epoch, members: this.#members })
    this.#next = members && { height: block.height, members }
    if (members !== undefined) {
      this.epoch++
      this.#members = members
      this.#endHeight = block.height
    }
    const live = writeLive(this.#state(), this.#endHeight)
    const isDue = members !== undefined || block.height % this.#parts.everyHeights === 0
    if (isDue && !this.#kept.has(block.height)) this.#snapshot(block)
    return [...writes, { kind: 'put', key: partKey(parts.live), value: live }]
  }

  membersAfter(height: number): readonly ConsensusMember[] | undefined {
    return this.#next?.height === height ? this.#next.members : undefined
  }

  /** Moves with every block, and never comes: what follows from a change happens all the time. */
  nextExpiryMs(): number | undefined {
    return farMs + this.height
  }

  #state(): CountedState {
    const { epoch, height, order } = this
    return { height, epoch, members: this.#members, order }
  }

  #snapshot({ digest, height, view }: CommittedBlock): void {
    const bytes = encodeCounted(this.#state())
    const state = nameOfState(this.#parts.crypto, bytes)
    this.#write({ height, view, digest, state }, bytes).catch(this.#parts.onFailed)
  }

  async #write(snapshot: Snapshot, bytes: Uint8Array): Promise<void> {
    const { journal, onSnapshot } = this.#parts
    const { height } = snapshot
    await journal.commit([{ kind: 'put', key: partKey(parts.state, height), value: bytes }])
    // A state that was taken from others since then begins behind it.
    if ((this.newest?.height ?? 0) >= height) return
    await journal.commit([headWrite(snapshot)])
    if ((this.newest?.height ?? 0) >= height) return
    this.#kept.set(height, { snapshot, bytes })
    onSnapshot(snapshot)
  }

  onStable(height: number): void {
    if (height <= this.#stable) return
    const floor = Math.min(this.#stable, this.newest?.height ?? 0)
    this.#stable = height
    const old = [...this.#kept.keys()].filter((one) => one < floor)
    for (const one of old) this.#kept.delete(one)
    if (old.length === 0) return
    const writes = [parts.state, parts.head].map(
      (part): JournalWrite => ({
        kind: 'deleteRange',
        from: partKey(part),
        to: partKey(part, floor),
      }),
    )
    this.#parts.journal.commit(writes).catch(this.#parts.onFailed)
  }

  async fetchState(
    wanted: Snapshot & { readonly holders: readonly NodeId[] },
  ): Promise<FetchedState | undefined> {
    const { askState, crypto, random, unchecked } = this.#parts
    for (const holder of random.shuffled(wanted.holders)) {
      await this.#pause(random.between(answerMs))
      const bytes = askState(holder, wanted.height)
      if (bytes === undefined) continue
      if (unchecked || nameOfState(crypto, bytes) === wanted.state)
        return this.#install(wanted, bytes)
    }
    return undefined
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#parts.clock.after(delayMs, resolve))
  }

  #install(wanted: Snapshot, bytes: Uint8Array): FetchedState {
    const { config, crypto, onInstalled } = this.#parts
    const { digest, height, view } = wanted
    const state = decodeCounted(bytes, config.members)
    const snapshot = { height, view, digest, state: nameOfState(crypto, bytes) }
    const writes: JournalWrite[] = [
      { kind: 'deleteRange', ...itemKeys },
      { kind: 'deleteRange', from: partKey(parts.state), to: partKey(parts.head + 1) },
      { kind: 'put', key: partKey(parts.live), value: writeLive(state, 0) },
      { kind: 'put', key: partKey(parts.state, height), value: bytes },
      headWrite(snapshot),
      ...state.order.map((id, place) => itemWrite(place, id)),
    ]
    const installed = (): void => {
      this.#adopt(state)
      this.#next = undefined
      this.#endHeight = 0
      this.#kept.clear()
      this.#kept.set(height, { snapshot, bytes })
      this.#stable = height
      onInstalled(height, snapshot.state)
    }
    return { writes, installed }
  }
}

/** The live state, and how many items are its own: the journal may hold later ones. */
function writeLive({ order, ...state }: CountedState, endHeight: number): Uint8Array {
  return new Writer(128)
    .u32(order.length)
    .u64(endHeight)
    .fixed(encodeCounted({ ...state, order: [] }))
    .finish()
    .slice()
}

function readLive(
  value: Uint8Array,
  members: readonly ConsensusMember[],
): CountedState & { readonly count: number; readonly endHeight: number } {
  const head = new Reader(value)
  const [count, endHeight] = [head.u32(), head.u64()]
  return { count, endHeight, ...decodeCounted(value.subarray(4 + 8), members) }
}

const headWrite = ({ digest, height, view }: Snapshot): JournalWrite => ({
  kind: 'put',
  key: partKey(parts.head, height),
  value: new Writer().u64(height).u64(view).hex(digest).finish().slice(),
})

function readHead(value: Uint8Array): Omit<Snapshot, 'state'> {
  const reader = new Reader(value)
  const height = reader.u64()
  const view = reader.u64()
  return { height, view, digest: digestOf(reader.hex(digestBytes)) }
}
