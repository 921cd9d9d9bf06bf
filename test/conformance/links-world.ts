/** A world of nodes that have nothing but links, on the simulated network. */
import assert from 'node:assert/strict'
import { createNodeCrypto } from '../../src/adapters/node-crypto.ts'
import { noiseHandshake } from '../../src/adapters/noise-handshake.ts'
import { toHex } from '../../src/base/bytes.ts'
import { type NodeId, nodeIdOf, type WorldId, worldIdOf } from '../../src/base/ids.ts'
import {
  type Channel,
  channels,
  createLinks,
  type IncomingMessage,
  type LinkLimits,
  type LinkPorts,
  type Links,
  type LinksOptions,
} from '../../src/kernel/links/index.ts'
import type { KeyPair } from '../../src/ports/crypto.ts'
import type { ComputerKey } from '../../src/ports/keyring.ts'
import type { Log } from '../../src/ports/log.ts'
import type { Metrics } from '../../src/ports/metrics.ts'
import type { Transport } from '../../src/ports/transport.ts'
import { Scheduler } from '../../src/simulator/scheduler.ts'
import { SimClock } from '../../src/simulator/sim-clock.ts'
import { SimNetwork } from '../../src/simulator/sim-network.ts'
import { SimProcess } from '../../src/simulator/sim-process.ts'
import { SimRandom } from '../../src/simulator/sim-random.ts'
import { TraceRecorder } from '../../src/simulator/trace.ts'
import { calmWeather, type Weather } from '../../src/simulator/weather.ts'

export const crypto = createNodeCrypto()
export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
/** `count` bytes that differ by `seed`. */
export const pattern = (count: number, seed = 0): Uint8Array =>
  Uint8Array.from({ length: count }, (_, index) => (index * 31 + seed * 17 + (index >> 8)) & 0xff)
export const bodyOf = (bytes: Uint8Array): { bytes: Uint8Array; hash: Uint8Array } => ({
  bytes,
  hash: crypto.sha256(bytes),
})

export const testWorld: WorldId = worldIdOf('11'.repeat(32))
export const computerKey: ComputerKey = { epoch: 3, key: pattern(32, 3) }

export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  for: () => silentLog,
}

/** Counts in memory. */
export class TestMetrics implements Metrics {
  readonly values = new Map<string, number>()
  count(name: string, by = 1): void {
    this.values.set(name, this.of(name) + by)
  }
  gauge(name: string, value: number): void {
    this.values.set(name, value)
  }
  of(name: string): number {
    return this.values.get(name) ?? 0
  }
  snapshot(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.values].sort())
  }
  /** Everything refused or dropped, in one number. */
  get faults(): number {
    let sum = 0
    for (const [name, value] of this.values)
      if (/^links\.(dropped|refused|closed)_/.test(name)) sum += value
    return sum
  }
}

/** The keys of one node. Node `index` has fixed keys. */
export type NodeKeys = { readonly nodeKey: KeyPair; readonly linkKey: KeyPair; readonly id: NodeId }
export function keysOf(index: number): NodeKeys {
  const nodeKey = crypto.signKeyPair(crypto.sha256(bytesOf(`node ${index}`)))
  const linkKey = crypto.boxKeyPair(crypto.sha256(bytesOf(`link ${index}`)))
  return { nodeKey, linkKey, id: nodeIdOf(toHex(nodeKey.publicKey)) }
}

/** Indexes of the first `count` nodes, ordered by their ids: tests speak of the smaller id. */
export const byId = (count: number): number[] =>
  Array.from({ length: count }, (_, index) => index).sort((a, b) =>
    keysOf(a).id < keysOf(b).id ? -1 : 1,
  )

export type NodeOptions = Partial<LinksOptions> & {
  /** Another rank's keys, or any: for impostors. */
  readonly keys?: NodeKeys
  /** Host part of its address. */
  readonly name?: string
  /** Replace some ports. */
  readonly wrap?: (ports: LinkPorts) => LinkPorts
}

/** One running node and what it heard. */
export class TestNode {
  readonly name: string
  readonly keys: NodeKeys
  readonly links: Links
  readonly metrics = new TestMetrics()
  readonly process: SimProcess
  readonly transport: Transport
  readonly heard: IncomingMessage[] = []
  readonly changes: [NodeId, boolean][] = []

  constructor(world: LinkWorld, index: number, options: NodeOptions) {
    this.name = options.name ?? world.nameOf(index)
    this.keys = options.keys ?? keysOf(index)
    this.process = new SimProcess(world.scheduler, this.name)
    this.transport = world.network.transport(this.process)
    const ports: LinkPorts = {
      clock: new SimClock(this.process),
      random: world.random.fork(this.name),
      crypto,
      handshake: noiseHandshake,
      transport: this.transport,
      log: silentLog,
      metrics: this.metrics,
    }
    const { wrap, keys: _keys, name: _name, ...overrides } = options
    this.links = createLinks({
      ports: wrap?.(ports) ?? ports,
      world: testWorld,
      nodeKey: this.keys.nodeKey,
      linkKey: this.keys.linkKey,
      computerKeys: [computerKey],
      listenAddress: `${this.name}:1`,
      peers: world.indexes.map((other) => ({
        node: keysOf(other).id,
        address: `${world.nameOf(other)}:1`,
      })),
      ...overrides,
      limits: { ...world.limits, ...options.limits },
    })
    this.links.onChange((peer, up) => this.changes.push([peer, up]))
  }

  get id(): NodeId {
    return this.keys.id
  }

  /** Keep what arrives on all channels; answer requests with their own head and body. */
  echo(): this {
    for (const channel of Object.values(channels))
      this.links.handle(channel, {
        onMessage: (message) => this.heard.push(message),
        onRequest: ({ head, body }) => ({ head, ...(body && { body }) }),
      })
    return this
  }

  /** Texts of the heads heard. */
  get texts(): string[] {
    return this.heard.map(({ head }) => textOf(head))
  }

  say(to: TestNode, text: string, channel: Channel = channels.group): boolean {
    return this.links.send(to.id, { channel, head: bytesOf(text) })
  }

  ask(to: TestNode, text: string, deadlineMs = 5_000): Promise<IncomingMessage> {
    return this.links.request(
      to.id,
      { channel: channels.group, head: bytesOf(text) },
      { deadlineMs },
    )
  }
}

export class LinkWorld {
  readonly recorder = new TraceRecorder()
  readonly scheduler = new Scheduler({
    settle: () => new Promise((resolve) => setImmediate(resolve)),
    onTrace: this.recorder.listen,
  })
  readonly random: SimRandom
  readonly network: SimNetwork
  readonly indexes: readonly number[]
  readonly limits: Partial<LinkLimits>

  constructor(
    options: {
      seed?: number
      count?: number
      weather?: Weather
      limits?: Partial<LinkLimits>
    } = {},
  ) {
    this.random = new SimRandom(options.seed ?? 1)
    this.indexes = byId(options.count ?? 2)
    this.limits = options.limits ?? {}
    this.network = new SimNetwork({
      scheduler: this.scheduler,
      random: this.random,
      weather: options.weather ?? calmWeather,
    })
  }

  nameOf(index: number): string {
    return `n${index}`
  }

  /** The node of rank `rank` in the order of ids: 0 has the smallest. */
  node(rank: number, options: NodeOptions = {}): TestNode {
    const index = this.indexes[rank]
    assert(index !== undefined)
    return new TestNode(this, index, options)
  }

  /** Run until `condition` holds; fails after `limitMs` of virtual time. */
  async until(condition: () => boolean, limitMs = 60_000): Promise<void> {
    const end = await this.scheduler.run({ until: condition, timeMsMax: limitMs })
    assert.equal(end, 'reached', `not reached within ${limitMs} ms`)
  }

  async run(timeMs: number): Promise<void> {
    await this.scheduler.run({ timeMsMax: timeMs })
  }

  /** Runs the world until the promise has settled. */
  async settled<Value>(promise: Promise<Value>, limitMs = 60_000): Promise<Value> {
    let done = false
    const end = (): void => {
      done = true
    }
    promise.then(end, end)
    await this.until(() => done, limitMs)
    return promise
  }

  /** Start the nodes and wait until each is linked with each. */
  async start(...nodes: readonly TestNode[]): Promise<void> {
    await Promise.all(nodes.map((node) => node.links.start()))
    await this.until(() => linked(...nodes))
  }

  /** Two nodes that echo, linked; the first has the smaller id. */
  async pair(a: NodeOptions = {}, b: NodeOptions = {}): Promise<[TestNode, TestNode]> {
    const pair: [TestNode, TestNode] = [this.node(0, a).echo(), this.node(1, b).echo()]
    await this.start(...pair)
    return pair
  }
}

/** Each has a link to each. */
export const linked = (...nodes: readonly TestNode[]): boolean =>
  nodes.every((one) => nodes.every((other) => one === other || one.links.isUp(other.id)))

/** The error that `promise` ends with. */
export async function failureOf(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise
  } catch (error) {
    assert(error instanceof Error)
    return error
  }
  throw new assert.AssertionError({ message: 'expected a failure' })
}
