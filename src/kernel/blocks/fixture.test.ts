/** Holders with vaults in memory, behind links that a test can spoil. No tests here. */
import { assert } from '../../base/assert.ts'
import { emptyBytes, toHex, utf8 } from '../../base/bytes.ts'
import { isUnosysError } from '../../base/error.ts'
import {
  type BlockId,
  blockIdOf,
  domainIdOf,
  type NodeId,
  nodeIdOf,
  objectIdOf,
  worldIdOf,
} from '../../base/ids.ts'
import type { KeyPair } from '../../ports/crypto.ts'
import type { Log } from '../../ports/log.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import { SimMetrics } from '../../simulator/world-metrics.ts'
import { Bench, crypto } from '../group/fixture.test.ts'
import { createDomainKey, createObjectKeys } from '../keys/index.ts'
import type { ObjectKeys } from '../keys/interface.ts'
import { LinkCode, LinkError, roomHere } from '../links/index.ts'
import type { IncomingMessage, Links, OutgoingMessage, RequestOptions } from '../links/interface.ts'
import { createPlacement, type Placement } from '../placement/index.ts'
import type { BlockRef } from '../section/interface.ts'
import type { Fault, Trust } from '../trust/index.ts'
import { VaultError } from '../vault/index.ts'
import type { BlockCopy, BlockKey, StoredBlock, Vault } from '../vault/interface.ts'
import { Gate } from './gate.ts'
import { Holder, keyText } from './holder.ts'
import type { PlainBlock } from './interface.ts'
import { inFlightBytesMax, readsInFlightMax } from './limits.ts'
import { BlockReader } from './reader.ts'
import { BlockWriter } from './writer.ts'

export { Bench, crypto }

export const world = worldIdOf('aa'.repeat(32))
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  for: () => silentLog,
}
export const nodeKeys: readonly KeyPair[] = [1, 2, 3, 4, 5].map((index) =>
  crypto.signKeyPair(crypto.sha256(utf8(`node ${index}`))),
)
export const nodes: readonly NodeId[] = nodeKeys.map(({ publicKey }) => nodeIdOf(toHex(publicKey)))
export const placement: Placement = createPlacement(crypto.sha256, {
  epoch: 1,
  members: nodes.map((node) => ({ node, weight: 1 })).sort((a, b) => (a.node < b.node ? -1 : 1)),
})

const random = new SimRandom('blocks')
export const objectKeys: ObjectKeys = createObjectKeys(
  { crypto, random },
  {
    object: objectIdOf('ab'.repeat(16)),
    domainKey: createDomainKey({ crypto, random }, domainIdOf('cd'.repeat(16))),
  },
).keys

export type DamageCode = 'vault/missing' | 'vault/name-changed' | 'vault/content-changed'
type PutFault = 'vault/busy' | 'vault/full' | 'vault/failed' | 'vault/unusable'

/** A vault in memory; puts take a while, and what is damaged is forgotten when it is read. */
export class MemoryVault implements Vault {
  readonly blocks = new Map<string, StoredBlock>()
  readonly damaged = new Map<string, DamageCode>()
  putFault: PutFault | undefined
  /** No read gets through to the disk. */
  isBusy = false
  putMs = 1
  readonly #bench: Bench

  constructor(bench: Bench) {
    this.#bench = bench
  }

  async put(block: StoredBlock): Promise<void> {
    await this.#bench.after(this.putMs)
    const { putFault } = this
    if (putFault !== undefined) throw new VaultError(putFault, putFault, { what: 'a test' })
    if (!this.blocks.has(keyText(block))) this.blocks.set(keyText(block), block)
  }

  async get(key: BlockKey): Promise<BlockCopy> {
    if (this.isBusy) throw new VaultError('vault/busy', 'busy', { what: 'a test' })
    const name = keyText(key)
    const block = this.blocks.get(name)
    const code = this.damaged.get(name) ?? (block === undefined ? 'vault/missing' : undefined)
    if (code !== undefined) {
      this.blocks.delete(name)
      this.damaged.delete(name)
      throw new VaultError(code, code, { what: 'a test' })
    }
    assert(block !== undefined, 'not missing')
    return block
  }

  has(key: BlockKey): boolean {
    return this.blocks.has(keyText(key))
  }

  list(): [] {
    return []
  }

  unproven(): [] {
    return []
  }

  status(): ReturnType<Vault['status']> {
    const counts = { nameChangedCount: 0, contentChangedCount: 0, missingCount: 0 }
    return { blockCount: this.blocks.size, storedBytes: 0, ...counts }
  }

  async close(): Promise<void> {}
}

type Reply = Omit<OutgoingMessage, 'channel'>

/** How the way to one holder is spoilt. */
export type Way = {
  up?: boolean
  /** Questions arrive and answers do not come. */
  stalled?: boolean
  delayMs?: number
  /** Changes an answer on its way; the kind is that of the question. */
  alter?: (reply: Reply, kind: number) => Reply
}

/** Five nodes; the last one, or the one named, writes and reads. */
export class BlocksBench {
  readonly bench = new Bench()
  readonly vaults = new Map<NodeId, MemoryVault>()
  readonly holders = new Map<NodeId, Holder>()
  readonly ways = new Map<NodeId, Way>()
  readonly faults: Fault[] = []
  readonly damagedKeys: BlockKey[] = []
  readonly fatal: Error[] = []
  readonly metrics = new SimMetrics()
  readonly asked: { readonly holder: NodeId; readonly kind: number }[] = []
  readonly inFlight = new Gate(inFlightBytesMax)
  readonly self: NodeId
  readonly links: Links
  readonly reader: BlockReader
  readonly writer: BlockWriter

  constructor(self: NodeId = nodes[4] as NodeId) {
    this.self = self
    for (const [index, node] of nodes.entries()) {
      const vault = new MemoryVault(this.bench)
      this.vaults.set(node, vault)
      this.ways.set(node, {})
      this.holders.set(node, this.holderOf(node, index, vault))
    }
    const trust: Trust = {
      report: (fault) => void this.faults.push(fault),
      faults: () => [],
      evidenceOf: () => [],
    }
    this.links = this.#links()
    const options = {
      self,
      world,
      crypto,
      random,
      clock: this.bench.clock,
      links: this.links,
      placement,
      holder: this.holderAt(self),
      trust,
      log: silentLog,
      metrics: this.metrics,
    }
    this.reader = new BlockReader({ ...options, inFlight: new Gate(readsInFlightMax) })
    this.writer = new BlockWriter({ ...options, inFlight: this.inFlight })
  }

  holderOf(node: NodeId, index: number, vault: MemoryVault): Holder {
    return new Holder({
      self: node,
      world,
      nodeSecretKey: nodeKeys[index]?.secretKey ?? emptyBytes,
      crypto,
      clock: this.bench.clock,
      vault,
      placement,
      metrics: this.metrics,
      onDamaged: (key) => void this.damagedKeys.push(key),
      onFatal: (error) => void this.fatal.push(error),
    })
  }

  holderAt(node: NodeId): Holder {
    const holder = this.holders.get(node)
    assert(holder !== undefined, 'a node of the bench')
    return holder
  }

  vaultAt(node: NodeId): MemoryVault {
    const vault = this.vaults.get(node)
    assert(vault !== undefined, 'a node of the bench')
    return vault
  }

  wayTo(node: NodeId): Way {
    const way = this.ways.get(node)
    assert(way !== undefined, 'a node of the bench')
    return way
  }

  #links(): Links {
    const noListener = (): void => undefined
    return {
      self: this.self,
      start: async () => undefined,
      stop: async () => undefined,
      peers: () => [],
      isUp: (peer) => this.wayTo(peer).up !== false,
      onChange: () => noListener,
      send: () => false,
      handle: noListener,
      request: (peer, message, options) => this.#request(peer, message, options),
    }
  }

  async #request(
    peer: NodeId,
    message: OutgoingMessage,
    options: RequestOptions,
  ): Promise<IncomingMessage> {
    const kind = message.head[0] ?? 0
    const way = this.wayTo(peer)
    if (way.up === false) throw new LinkError(LinkCode.Down, 'down', { peer })
    this.asked.push({ holder: peer, kind })
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    const fail = (code: LinkCode, peerCode?: string): void =>
      reject(new LinkError(code, code, { peer, ...(peerCode === undefined ? {} : { peerCode }) }))
    const stopTimer = this.bench.clock.after(options.deadlineMs, () => fail(LinkCode.Deadline))
    options.signal?.addEventListener('abort', () => fail(LinkCode.Cancelled))
    this.#deliver(peer, message).then(
      (reply) => {
        if (way.stalled !== true) resolve(way.alter?.(reply, kind) ?? reply)
      },
      (error: unknown) => fail(LinkCode.Refused, isUnosysError(error) ? error.code : 'internal'),
    )
    const reply = await promise.finally(stopTimer)
    return { ...reply, from: peer, channel: message.channel, proof: () => proofOf(peer) }
  }

  async #deliver(peer: NodeId, message: OutgoingMessage): Promise<Reply> {
    await this.bench.after(this.wayTo(peer).delayMs ?? 1)
    const { body } = message
    // A copy, as of what was sealed for a link: the holder's memory is not the writer's.
    const copy = body && { body: { ...body, bytes: body.bytes.slice() } }
    const incoming = { ...message, ...copy, from: this.self, proof: () => proofOf(this.self) }
    const { onRequest } = this.holderAt(peer).handler()
    assert(onRequest !== undefined, 'a holder answers')
    return onRequest(incoming, new AbortController().signal, roomHere)
  }

  /** Store one block of these bytes, and say where it lies. */
  async stored(
    plain: Uint8Array,
    replicas = 3,
  ): Promise<{ readonly ref: BlockRef; readonly holders: readonly NodeId[] }> {
    const block = plainBlock(plain)
    const call = { keys: objectKeys, replicas, deadlineMs: 5_000 }
    const { refs } = await this.bench.finish(this.writer.write([block], call))
    const [ref] = refs
    assert(ref !== undefined, 'one block was written')
    await this.bench.pass(1_000)
    return { ref, holders: placement.holdersOf(ref.id, replicas) }
  }
}

let blockCount = 0

export const blockIdAt = (index: number): BlockId =>
  blockIdOf(toHex(crypto.sha256(utf8(`block ${index}`))).slice(0, 32))

export const plainBlock = (plain: Uint8Array): PlainBlock => ({
  id: blockIdAt(blockCount++),
  version: 1,
  plain,
})

export const proofOf = (signer: NodeId): ReturnType<IncomingMessage['proof']> => ({
  signer,
  transcript: new Uint8Array(64),
  sequence: 1,
  messageHashes: [new Uint8Array(32)],
  index: 0,
  message: utf8('said'),
  signature: new Uint8Array(64),
})
