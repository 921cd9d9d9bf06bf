/** Snapshots in the journal: whole or not there, whatever else comes in between. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import type { Journal, JournalWrite } from '../../ports/journal.ts'
import { SimJournals } from '../../simulator/sim-journal.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import { initialState, type SectionState, stateChunks, stateRoot } from '../section/index.ts'
import { blockAt, crypto, smallWorld } from './fixture.test.ts'
import { chunkHashOf, type Manifest } from './manifest.ts'
import { type Place, Snapshots } from './snapshot.ts'

const { genesis } = await smallWorld('snapshots')
const initial = initialState(crypto, genesis)
const stateAt = (height: number): SectionState => ({ ...initial, height })
const placeAt = (height: number): Place => ({ height, view: height, digest: blockAt(height) })

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A store in which commits can be made to wait, and that outlives its process. */
class Store {
  readonly journals = new SimJournals({ random: new SimRandom(1) })
  readonly taken: number[] = []
  readonly failed: unknown[] = []
  onTaken: () => void = () => undefined
  #gate: Promise<void> = Promise.resolve()
  #holds: (writes: readonly JournalWrite[]) => boolean = () => false
  inner!: Journal

  async open(): Promise<Snapshots> {
    this.journals.crash()
    this.inner = await this.journals.opener().open('group')
    const { inner } = this
    const journal: Journal = {
      get: (key) => inner.get(key),
      range: (range) => inner.range(range),
      close: () => inner.close(),
      commit: async (writes) => {
        if (this.#holds(writes)) await this.#gate
        return inner.commit(writes)
      },
    }
    return new Snapshots({
      ...{ crypto, journal, limits: { snapshotHeights: 8, snapshotLogBytes: 1_000 } },
      onSnapshot: ({ height }) => {
        this.taken.push(height)
        this.onTaken()
      },
      onFailed: (error) => this.failed.push(error),
    })
  }

  /** Heads of snapshots are not written until the returned function is called. */
  holdHeads(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#gate = promise
    this.#holds = (writes) => writes.some((one) => one.kind === 'put' && isHead(one.key))
    return () => {
      this.#holds = () => false
      resolve()
    }
  }

  async keys(prefix: string): Promise<number> {
    const range = { from: utf8(prefix), to: utf8(`${prefix}~`), countMax: 1_000 }
    return (await this.inner.range(range)).length
  }
}

const isHead = (key: Uint8Array): boolean =>
  new TextDecoder().decode(key).startsWith('group/snapshot-head/')

async function written(snapshots: Snapshots, ...heights: readonly number[]): Promise<void> {
  for (const height of heights) {
    snapshots.write(placeAt(height), stateAt(height))
    for (let turn = 0; snapshots.newest?.height !== height; turn++) {
      assert(turn < 1_000, `the snapshot of height ${height} is never written`)
      await settle()
    }
    await settle()
  }
}

function chunksOf(state: SectionState): { readonly manifest: Manifest; chunks: Uint8Array[] } {
  const chunks = [...stateChunks(state)]
  const hashes = chunks.map((chunk) => chunkHashOf(crypto, chunk))
  const { height } = state
  return { manifest: { height, stateRoot: stateRoot(crypto, state), chunks: hashes }, chunks }
}

/** As a member takes up a state from others, in the order of its steps. */
async function fetched(snapshots: Snapshots, height: number): Promise<Manifest> {
  const { chunks, manifest } = chunksOf(stateAt(height))
  await snapshots.begin(height)
  for (const [index, chunk] of chunks.entries()) await snapshots.keep(height, index, chunk)
  return manifest
}

async function installed(store: Store, snapshots: Snapshots, height: number): Promise<void> {
  const manifest = await fetched(snapshots, height)
  await store.inner.commit(await snapshots.install(placeAt(height), manifest))
  snapshots.installed({ ...placeAt(height), state: blockAt(0) })
}

test('a snapshot comes back as it was written, the newest of them', async () => {
  const store = new Store()
  const snapshots = await store.open()
  await written(snapshots, 3, 5)
  assert.deepEqual(store.taken, [3, 5])
  const again = await store.open()
  const loaded = await again.load()
  assert.equal(loaded?.height, 5)
  assert.equal(stateRoot(crypto, loaded.state), stateRoot(crypto, stateAt(5)))
  assert.deepEqual(again.newest, snapshots.newest)
})

test('one that is due while the one before it ends is written, whenever that is', async () => {
  for (let microtasks = 0; microtasks < 50; microtasks++) {
    const store = new Store()
    const snapshots = await store.open()
    store.onTaken = () => {
      store.onTaken = () => undefined
      let reached = Promise.resolve()
      for (let count = 0; count < microtasks; count++) reached = reached.then(() => undefined)
      void reached.then(() => snapshots.write(placeAt(5), stateAt(5)))
    }
    snapshots.write(placeAt(3), stateAt(3))
    for (let turn = 0; turn < 20; turn++) await settle()
    assert.deepEqual(store.taken, [3, 5], `after ${microtasks} microtasks`)
    await snapshots.close()
  }
})

test('one that a crash left without its head never was, and its chunks go', async () => {
  const store = new Store()
  const first = await store.open()
  await written(first, 3)
  const kept = await store.keys('group/snapshot-chunk/')
  const release = store.holdHeads()
  first.write(placeAt(5), stateAt(5))
  for (let turn = 0; turn < 20; turn++) await settle()
  assert((await store.keys('group/snapshot-chunk/')) > kept)
  const again = await store.open()
  assert.equal((await again.load())?.height, 3)
  assert.equal(await store.keys('group/snapshot-chunk/'), kept)
  release()
})

test('while one is fetched the old ones stand; it counts with its head, and all others are gone', async () => {
  const store = new Store()
  const snapshots = await store.open()
  await written(snapshots, 3, 5)
  const manifest = await fetched(snapshots, 9)
  assert.equal((await (await store.open()).load())?.height, 5, 'a crash before the end')
  const second = await store.open()
  await second.load()
  await installed(store, second, 9)
  assert.equal(second.newest?.height, 9)
  assert.equal((await (await store.open()).load())?.height, 9)
  assert.equal(await store.keys('group/snapshot-head/'), 1)
  assert.equal(await store.keys('group/snapshot-chunk/'), manifest.chunks.length)
})

test('our own of the fetched height does not look whole in between', async () => {
  const store = new Store()
  const snapshots = await store.open()
  await written(snapshots, 3, 5)
  await fetched(snapshots, 5)
  assert.equal((await (await store.open()).load())?.height, 3)
})

test('C25: a snapshot of a state that was replaced is not finished after it', async () => {
  const store = new Store()
  const snapshots = await store.open()
  await written(snapshots, 3)
  const release = store.holdHeads()
  // Of a damaged state, ahead of the checkpoint that shows the damage.
  snapshots.write(placeAt(12), stateAt(12))
  for (let turn = 0; turn < 20; turn++) await settle()
  snapshots.write(placeAt(13), stateAt(13))
  const manifest = await fetched(snapshots, 8)
  const installs = snapshots.install(placeAt(8), manifest)
  for (let turn = 0; turn < 20; turn++) await settle()
  release()
  await store.inner.commit(await installs)
  snapshots.installed({ ...placeAt(8), state: blockAt(0) })
  for (let turn = 0; turn < 20; turn++) await settle()
  assert.equal(snapshots.newest?.height, 8)
  assert.deepEqual(store.taken, [3])
  await written(snapshots, 10)
  assert.deepEqual([await store.keys('group/snapshot-head/'), store.failed], [2, []])
  assert.equal((await (await store.open()).load())?.height, 10)
})

test('the two newest that a quorum vouches for are kept, and those after them', async () => {
  const store = new Store()
  const snapshots = await store.open()
  await written(snapshots, 8)
  for (const height of [16, 24, 32]) {
    snapshots.onStable(height - 8)
    await written(snapshots, height)
  }
  // Stable are 8, 16 and 24.
  assert.equal(await store.keys('group/snapshot-head/'), 3)
  assert.equal(await snapshots.manifest(8), undefined)
  assert.notEqual(await snapshots.manifest(16), undefined)
  assert.equal(await snapshots.chunk(16, 4_000_000_000), undefined)
  assert.equal(await snapshots.manifest(Number.MAX_SAFE_INTEGER), undefined)
})

test('which heights have one follows from the log alone, also after a restart', async () => {
  const heightsOf = async (restartAt: number | undefined): Promise<number[]> => {
    const store = new Store()
    let snapshots = await store.open()
    const due: number[] = []
    let crashAt = restartAt
    for (let height = 1; height <= 40; height++) {
      if (height === crashAt) {
        crashAt = undefined
        snapshots = await store.open()
        // What was executed after the last snapshot is executed again.
        height = ((await snapshots.load())?.height ?? 0) + 1
      }
      const logBytes = height % 7 === 0 ? 600 : 10
      if (!snapshots.isDue(height, { logBytes, endsEpoch: height === 20 })) continue
      if (!due.includes(height)) due.push(height)
      await written(snapshots, height)
    }
    return due
  }
  const whole = await heightsOf(undefined)
  assert(whole.includes(20))
  for (const restartAt of [5, 15, 22, 30]) assert.deepEqual(await heightsOf(restartAt), whole)
})
