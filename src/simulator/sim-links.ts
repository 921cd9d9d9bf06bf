/**
 * Links without the links layer: what consensus sees of them, for thousands of seeds a minute.
 *
 * Problem: whole links (handshake, seals, signatures) cost more than the consensus under test, and
 * most seeds need none of it. Chosen way: this stand-in keeps what protocols above must live with.
 * A link between two nodes is a chain of connections. Within one, messages of a direction arrive in
 * order and none is lost; when it ends, a random suffix of what was under way is lost, each way for
 * itself, and the two ends notice at different moments. Whole links are simulated elsewhere, with
 * their own code over `sim-transport.ts`.
 *
 * Only one-way messages: requests are refused, consensus makes none.
 */
import { assert } from '../base/assert.ts'
import type { NodeId } from '../base/ids.ts'
import type {
  Channel,
  ChannelHandler,
  IncomingMessage,
  Links,
  OutgoingMessage,
  PeerLink,
} from '../kernel/links/interface.ts'
import type { SimProcess } from './sim-process.ts'
import type { Range, SimRandom } from './sim-random.ts'

export type LinkWeather = {
  /** One way; mostly near `min`, with a long tail. */
  readonly delayMs: Range
  /** Chance, per message, that the connection ends there. */
  readonly cutChance: number
  /** Chance, per message, that the sender's queue is full: `send` returns false. */
  readonly refuseChance: number
  /** From the end of a connection to the next one. */
  readonly reconnectMs: Range
}

export const calmLinkWeather: LinkWeather = {
  delayMs: { min: 0.2, max: 2 },
  cutChance: 0,
  refuseChance: 0,
  reconnectMs: { min: 20, max: 100 },
}

/** Hears every message as it leaves its sender, lost later or not. */
export type WireListener = (from: NodeId, to: NodeId, message: OutgoingMessage) => void

type UnderWay = { readonly message: OutgoingMessage; atMs: number; delivered: boolean }

type Connection = {
  readonly ends: readonly [NodeId, NodeId]
  open: boolean
  /** By direction: towards ends[1], towards ends[0]. */
  readonly underWay: [UnderWay[], UnderWay[]]
  readonly lastAtMs: [number, number]
}

/** The wires between all nodes of a simulated group. */
export class SimLinkNet {
  readonly #random: SimRandom
  readonly #nodes = new Map<NodeId, SimLinks>()
  readonly #connections = new Map<string, Connection>()
  readonly #dialling = new Set<string>()
  readonly #wireListeners: WireListener[] = []
  #isBlocked: (a: NodeId, b: NodeId) => boolean = () => false
  weather: LinkWeather

  constructor(random: SimRandom, weather: LinkWeather = calmLinkWeather) {
    this.#random = random
    this.weather = weather
  }

  /** A node's links for one run of it. It connects once it is started. */
  linksOf(node: NodeId, process: SimProcess): Links {
    const links = new SimLinks(this, node, process)
    process.onDeath(() => this.#left(node, links))
    return links
  }

  onWire(listener: WireListener): void {
    this.#wireListeners.push(listener)
  }

  /** From now on, pairs for which `isBlocked` holds have no connection. */
  partition(isBlocked: (a: NodeId, b: NodeId) => boolean): void {
    this.#isBlocked = isBlocked
    for (const connection of [...this.#connections.values()])
      if (isBlocked(connection.ends[0], connection.ends[1])) this.cut(...connection.ends)
    this.#dialAll()
  }

  heal(): void {
    this.partition(() => false)
  }

  joined(node: NodeId, links: SimLinks): void {
    if (links.process.state === 'dead') return
    this.#nodes.set(node, links)
    this.#dialAll()
  }

  #left(node: NodeId, links: SimLinks): void {
    if (this.#nodes.get(node) !== links) return
    this.#nodes.delete(node)
    for (const connection of [...this.#connections.values()])
      if (connection.ends.includes(node)) this.cut(...connection.ends)
  }

  #dialAll(): void {
    const names = [...this.#nodes.keys()].sort()
    for (const [index, a] of names.entries())
      for (const b of names.slice(index + 1)) this.#dial(a, b)
  }

  #dial(a: NodeId, b: NodeId): void {
    const name = pairName(a, b)
    if (this.#connections.has(name) || this.#dialling.has(name)) return
    const dialler = this.#nodes.get(a)
    if (dialler === undefined || !this.#nodes.has(b) || this.#isBlocked(a, b)) return
    this.#dialling.add(name)
    const delayMs = this.#random.between(this.weather.reconnectMs)
    dialler.process.scheduler.after(
      delayMs,
      () => this.#connect(a, b),
      `dial ${short(a)} ${short(b)}`,
    )
  }

  #connect(a: NodeId, b: NodeId): void {
    const name = pairName(a, b)
    this.#dialling.delete(name)
    const [first, second] = [this.#nodes.get(a), this.#nodes.get(b)]
    if (first === undefined || second === undefined || this.#isBlocked(a, b)) return
    const ends = a < b ? ([a, b] as const) : ([b, a] as const)
    this.#connections.set(name, { ends, open: true, underWay: [[], []], lastAtMs: [0, 0] })
    first.changed(b, true)
    second.changed(a, true)
  }

  /** End a connection: of what is under way a random rest is lost. The nodes dial again. */
  cut(a: NodeId, b: NodeId): void {
    const name = pairName(a, b)
    const connection = this.#connections.get(name)
    if (connection === undefined) return
    connection.open = false
    this.#connections.delete(name)
    for (const way of [0, 1] as const) {
      const pending = connection.underWay[way].filter((one) => !one.delivered)
      for (const lost of pending.slice(this.#random.below(pending.length + 1)))
        lost.delivered = true
    }
    this.#nodes.get(a)?.changed(b, false)
    this.#nodes.get(b)?.changed(a, false)
    this.#dial(a, b)
  }

  isUp(a: NodeId, b: NodeId): boolean {
    return this.#connections.has(pairName(a, b))
  }

  transmit(from: SimLinks, to: NodeId, message: OutgoingMessage): boolean {
    const connection = this.#connections.get(pairName(from.self, to))
    if (connection === undefined) return false
    const { cutChance, delayMs, refuseChance } = this.weather
    if (refuseChance > 0 && this.#random.happens(refuseChance)) return false
    for (const listener of this.#wireListeners) listener(from.self, to, message)
    const way = connection.ends[0] === from.self ? 0 : 1
    const { scheduler } = from.process
    const atMs = Math.max(connection.lastAtMs[way], scheduler.nowMs + this.#random.skewed(delayMs))
    connection.lastAtMs[way] = atMs
    const one: UnderWay = { message, atMs, delivered: false }
    connection.underWay[way].push(one)
    const label = `message ${short(from.self)} ${short(to)} ${message.head.length} ${message.head[1]}`
    scheduler.after(
      atMs - scheduler.nowMs,
      () => {
        if (one.delivered) return
        one.delivered = true
        connection.underWay[way].shift()
        this.#nodes.get(to)?.received(from.self, message)
      },
      label,
    )
    if (cutChance > 0 && this.#random.happens(cutChance)) this.cut(from.self, to)
    return true
  }
}

const pairName = (a: NodeId, b: NodeId): string => (a < b ? `${a} ${b}` : `${b} ${a}`)
const short = (node: NodeId): string => node.slice(0, 4)

class SimLinks implements Links {
  readonly self: NodeId
  readonly process: SimProcess
  readonly #net: SimLinkNet
  readonly #handlers = new Map<Channel, ChannelHandler>()
  readonly #listeners = new Set<(peer: NodeId, up: boolean) => void>()
  readonly #up = new Set<NodeId>()

  constructor(net: SimLinkNet, self: NodeId, process: SimProcess) {
    this.#net = net
    this.self = self
    this.process = process
  }

  async start(): Promise<void> {
    this.#net.joined(this.self, this)
  }

  async stop(): Promise<void> {
    this.process.kill()
  }

  peers(): readonly PeerLink[] {
    return [...this.#up].map((peer) => ({ peer, up: true, roundTripMs: undefined, queuedBytes: 0 }))
  }

  isUp(peer: NodeId): boolean {
    return this.#up.has(peer)
  }

  onChange(listener: (peer: NodeId, up: boolean) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  send(peer: NodeId, message: OutgoingMessage): boolean {
    if (this.process.state === 'dead' || !this.#up.has(peer)) return false
    return this.#net.transmit(this, peer, message)
  }

  request(): Promise<IncomingMessage> {
    assert(false, 'simulated links carry one-way messages only')
  }

  handle(channel: Channel, handler: ChannelHandler): void {
    assert(!this.#handlers.has(channel), 'one handler for a channel')
    this.#handlers.set(channel, handler)
  }

  /** Noticed in the node's own time, even if it was undone meanwhile. */
  changed(peer: NodeId, up: boolean): void {
    const notice = (): void => {
      if (up) this.#up.add(peer)
      else this.#up.delete(peer)
      for (const listener of [...this.#listeners]) listener(peer, up)
    }
    this.process.after(0, notice, `link ${short(peer)} ${up ? 'up' : 'down'}`)
  }

  received(from: NodeId, message: OutgoingMessage): void {
    const handler = this.#handlers.get(message.channel)
    if (handler?.onMessage === undefined) return
    const incoming: IncomingMessage = {
      ...message,
      from,
      proof: () => assert(false, 'simulated links give no proofs') as never,
    }
    if (this.process.state === 'running') handler.onMessage(incoming)
    else if (this.process.state === 'frozen')
      this.process.after(0, () => handler.onMessage?.(incoming), `message ${short(from)}`)
  }
}
