/** Fetching a state while some of those who vouched for it lie, are silent or have dropped it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../../base/ids.ts'
import { initialState, type SectionState, stateChunks, stateRoot } from '../section/index.ts'
import { GroupClient } from './client.ts'
import {
  Bench,
  crypto,
  members,
  quietLog,
  refusing,
  type Script,
  ScriptedLinks,
  silent,
  smallWorld,
  stranger,
} from './fixture.test.ts'
import { chunkHashOf, encodeManifest, type Manifest, stateNameOf } from './manifest.ts'
import { type FoundState, fetchState } from './state-fetch.ts'

const { genesis } = await smallWorld('state fetch')
const height = 16
const state: SectionState = { ...initialState(crypto, genesis), height }

type Served = { readonly manifest: Manifest; readonly chunks: readonly Uint8Array[] }

function servedOf(of: SectionState): Served {
  const chunks = [...stateChunks(of)]
  const hashes = chunks.map((chunk) => chunkHashOf(crypto, chunk))
  const manifest = { height: of.height, stateRoot: stateRoot(crypto, of), chunks: hashes }
  return { manifest, chunks }
}

const good = servedOf(state)
const other = servedOf({ ...state, freedBytes: 77 })

/** Gives a manifest and chunks; `change` spoils a chunk. */
const giving =
  (served: Served, change: (chunk: Uint8Array) => Uint8Array = (chunk) => chunk): Script =>
  async (request) => {
    if (request.kind === 'manifest') return encodeManifest(served.manifest)
    assert(request.kind === 'chunk')
    const chunk = served.chunks[request.index]
    return chunk && change(chunk)
  }

const spoilt = (chunk: Uint8Array): Uint8Array => {
  const copy = chunk.slice()
  copy[0] = (copy[0] ?? 0) ^ 1
  return copy
}

class Fetching {
  readonly bench = new Bench()
  readonly kept: number[] = []
  readonly begun: number[] = []
  readonly abort = new AbortController()
  failsToKeep = false

  async fetch(scripts: readonly Script[], of: Served = good): Promise<FoundState | undefined> {
    const links = new ScriptedLinks(this.bench)
    const holders: NodeId[] = []
    for (const [index, script] of scripts.entries()) {
      const holder = members[index]!
      holders.push(holder)
      links.scripts.set(holder, script)
    }
    const { clock } = this.bench
    const options = { self: stranger, members, quorum: 3, member: undefined }
    const client = new GroupClient({ ...options, clock, crypto, links })
    const snapshots = {
      begin: async (at: number) => void this.begun.push(at),
      keep: async (_: number, index: number) => {
        if (this.failsToKeep) throw new Error('no space left')
        this.kept.push(index)
      },
    }
    const name = stateNameOf(crypto, encodeManifest(of.manifest))
    return this.bench.finish(
      fetchState(
        { client, crypto, clock, log: quietLog, snapshots, signal: this.abort.signal },
        { height, state: name, holders },
      ),
    )
  }
}

const rootOf = (found: FoundState | undefined): string | undefined =>
  found && stateRoot(crypto, found.state)

test('C25 C98: the state comes from whoever gives it, past those who lie, refuse or are silent', async () => {
  const fetching = new Fetching()
  const found = await fetching.fetch([giving(other), giving(good, spoilt), silent, giving(good)])
  assert.equal(rootOf(found), stateRoot(crypto, state))
  assert.deepEqual(fetching.begun, [height])
  assert.deepEqual([...fetching.kept].sort(), [...good.chunks.keys()])
})

test('one that nobody keeps any more is given up, with nothing begun', async () => {
  const fetching = new Fetching()
  const gone = refusing('group/behind')
  assert.equal(await fetching.fetch([gone, gone, giving(other)]), undefined)
  assert.deepEqual(fetching.begun, [])
})

test('one whose chunks are gone after the manifest is given up, in bounded time', async () => {
  const fetching = new Fetching()
  const half: Script = async (request, times) =>
    request.kind === 'manifest'
      ? giving(good)(request, times)
      : refusing('group/behind')(request, times)
  assert.equal(await fetching.fetch([half, giving(good, spoilt), half]), undefined)
  assert.deepEqual(fetching.kept, [])
  assert(fetching.bench.clock.monotonicMs() < 60_000)
})

test('a vouched manifest whose chunks are no state, or one of another root, gives nothing', async () => {
  const chunks = [new Uint8Array(50)]
  const hashes = chunks.map((chunk) => chunkHashOf(crypto, chunk))
  const broken = { manifest: { ...good.manifest, chunks: hashes }, chunks }
  assert.equal(await new Fetching().fetch([giving(broken)], broken), undefined)
  const wrong = { ...good, manifest: { ...good.manifest, stateRoot: other.manifest.stateRoot } }
  assert.equal(await new Fetching().fetch([giving(wrong)], wrong), undefined)
})

test('a journal that fails is the caller’s matter, and a fetch that is called off ends', async () => {
  const failing = new Fetching()
  failing.failsToKeep = true
  await assert.rejects(failing.fetch([giving(good)]), /no space left/)
  const stopped = new Fetching()
  stopped.bench.clock.after(100, () => stopped.abort.abort())
  assert.equal(await stopped.fetch([silent, silent]), undefined)
  assert(stopped.bench.clock.monotonicMs() < 10_000)
})
