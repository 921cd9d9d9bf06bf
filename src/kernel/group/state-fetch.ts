/**
 * Getting the state of a checkpoint from the members that vouch for it: the manifest from any of
 * them, then the chunks from several at once. The checkpoint names the manifest by its hash and the
 * manifest the chunks, so each piece is checked when it comes, and one that lies is passed over.
 */
import { isUnosysError } from '../../base/error.ts'
import type { Digest, NodeId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Log } from '../../ports/log.ts'
import { decodeState, type SectionState, stateRoot } from '../section/index.ts'
import { Call, type GroupClient } from './client.ts'
import {
  chunkLateMs,
  chunkStrikesMax,
  manifestLateMs,
  parallelChunksPerHolder,
  transferMsMax,
} from './limits.ts'
import { chunkHashOf, decodeManifest, type Manifest, stateNameOf } from './manifest.ts'
import type { Snapshots } from './snapshot.ts'
import { encodeGroupRequest } from './wire.ts'

export type WantedState = {
  readonly height: number
  readonly state: Digest
  readonly holders: readonly NodeId[]
}

export type StateFetchParts = {
  readonly client: Pick<GroupClient, 'ask'>
  readonly crypto: Crypto
  readonly clock: Clock
  readonly log: Log
  readonly snapshots: Pick<Snapshots, 'begin' | 'keep'>
  readonly signal: AbortSignal
}

export type FoundState = { readonly manifest: Manifest; readonly state: SectionState }

/**
 * The state, its chunks durable in the journal; undefined when the holders do not give it.
 *
 * @throws JournalError
 */
export async function fetchState(
  parts: StateFetchParts,
  wanted: WantedState,
): Promise<FoundState | undefined> {
  const call = new Call(parts.clock, { deadlineMs: transferMsMax, signal: parts.signal })
  try {
    const manifest = await fetchManifest(parts, wanted, call)
    if (manifest === undefined) return undefined
    await parts.snapshots.begin(wanted.height)
    const fetch = new ChunkFetch(parts, { ...wanted, manifest, call })
    const chunks = await fetch.run()
    if (chunks === undefined) return undefined
    const state = decodeState(parts.crypto, chunks)
    return stateRoot(parts.crypto, state) === manifest.stateRoot ? { manifest, state } : undefined
  } catch (error) {
    if (!isUnosysError(error, 'base/malformed')) throw error
    parts.log.error('a certified state does not decode', { height: wanted.height })
    return undefined
  } finally {
    call.end()
  }
}

async function fetchManifest(
  parts: StateFetchParts,
  wanted: WantedState,
  call: Call,
): Promise<Manifest | undefined> {
  const { client, crypto, log } = parts
  const request = encodeGroupRequest({ kind: 'manifest', height: wanted.height })
  for (const holder of wanted.holders) {
    if (call.signal.aborted) return undefined
    try {
      const bytes = await client.ask(holder, request, { call, lateMs: manifestLateMs })
      if (stateNameOf(crypto, bytes) !== wanted.state) {
        log.warn('a member gave another state than it vouches for', { member: holder })
        continue
      }
      const manifest = decodeManifest(bytes)
      if (manifest.height === wanted.height) return manifest
    } catch (error) {
      if (!isUnosysError(error)) throw error
      log.debug('a member gave no manifest', { member: holder, why: error.code })
    }
  }
  return undefined
}

/** All chunks, a few from each holder at once. */
class ChunkFetch {
  readonly #parts: StateFetchParts
  readonly #wanted: WantedState & { readonly manifest: Manifest; readonly call: Call }
  readonly #chunks: (Uint8Array | undefined)[]
  /** Indexes that nobody is asked for now. */
  readonly #open: number[]
  #failure: unknown

  constructor(
    parts: StateFetchParts,
    wanted: WantedState & { readonly manifest: Manifest; readonly call: Call },
  ) {
    this.#parts = parts
    this.#wanted = wanted
    this.#chunks = wanted.manifest.chunks.map(() => undefined)
    this.#open = [...wanted.manifest.chunks.keys()].reverse()
  }

  async run(): Promise<Uint8Array[] | undefined> {
    const workers = this.#wanted.holders.flatMap((holder) => {
      const strikes = { count: 0 }
      return Array.from({ length: parallelChunksPerHolder }, () => this.#work(holder, strikes))
    })
    await Promise.all(workers)
    if (this.#failure !== undefined) throw this.#failure
    const chunks: Uint8Array[] = []
    for (const chunk of this.#chunks) {
      if (chunk === undefined) return undefined
      chunks.push(chunk)
    }
    return chunks
  }

  /** Asks one holder for chunk after chunk, until all are here or it has failed too often. */
  async #work(holder: NodeId, strikes: { count: number }): Promise<void> {
    const { call } = this.#wanted
    while (strikes.count < chunkStrikesMax && !call.signal.aborted && this.#failure === undefined) {
      const index = this.#open.pop()
      if (index === undefined) {
        // What others are asked for may come back.
        if (this.#chunks.every((chunk) => chunk !== undefined)) return
        await call.pause(manifestLateMs / 10)
        continue
      }
      const chunk = await this.#ask(holder, index)
      if (chunk === undefined) {
        strikes.count++
        this.#open.push(index)
        continue
      }
      try {
        await this.#parts.snapshots.keep(this.#wanted.height, index, chunk)
      } catch (error) {
        this.#failure = error
        return
      }
      this.#chunks[index] = chunk
    }
  }

  async #ask(holder: NodeId, index: number): Promise<Uint8Array | undefined> {
    const { client, crypto, log } = this.#parts
    const { call, height, manifest } = this.#wanted
    const request = encodeGroupRequest({ kind: 'chunk', height, index })
    try {
      const bytes = await client.ask(holder, request, { call, lateMs: chunkLateMs })
      // The bytes are a view into a frame.
      if (chunkHashOf(crypto, bytes) === manifest.chunks[index]) return bytes.slice()
      log.warn('a member gave a chunk that is not of the state it vouches for', { member: holder })
    } catch (error) {
      if (!isUnosysError(error)) throw error
      log.debug('a chunk did not come', { member: holder, why: error.code })
    }
    return undefined
  }
}
