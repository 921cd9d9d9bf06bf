/**
 * All links of one node: listens, dials the known peers, and hands messages between them and the
 * layers above. Files beside this one each do one part; here they are put together.
 */
import { assert } from '../../base/assert.ts'
import { compareText, toHex } from '../../base/bytes.ts'
import { type NodeId, nodeIdOf, type WorldId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Crypto, KeyPair } from '../../ports/crypto.ts'
import type { Handshake } from '../../ports/handshake.ts'
import type { ComputerKey } from '../../ports/keyring.ts'
import type { Log } from '../../ports/log.ts'
import type { Metrics } from '../../ports/metrics.ts'
import type { Random } from '../../ports/random.ts'
import type { Connection, Listener, Transport } from '../../ports/transport.ts'
import { Admission } from './admission.ts'
import { type Counter, counters } from './counters.ts'
import { LinkCode, LinkError } from './errors.ts'
import { Greeting } from './greeting.ts'
import { type HandshakeDone, type HandshakeSide, Handshakes } from './handshake.ts'
import type {
  Channel,
  ChannelHandler,
  IncomingMessage,
  Links,
  OutgoingMessage,
  PeerLink,
  RequestOptions,
} from './interface.ts'
import { type LinkLimits, linkLimitsOf, transportOptionsOf } from './limits.ts'
import { Link } from './link.ts'
import { Peer, type PeerWays } from './peer.ts'
import { assertSendable } from './sendable.ts'

export type LinkPorts = {
  readonly clock: Clock
  readonly random: Random
  readonly crypto: Crypto
  readonly handshake: Handshake
  readonly transport: Transport
  readonly log: Log
  readonly metrics: Metrics
}

export type LinksOptions = {
  readonly ports: LinkPorts
  readonly world: WorldId
  /** Ed25519; the public half is this node's id. */
  readonly nodeKey: KeyPair
  /** X25519. */
  readonly linkKey: KeyPair
  /** At least one. The one of the highest epoch dials; all are accepted. */
  readonly computerKeys: readonly ComputerKey[]
  /** `host:port`; undefined: dial only. */
  readonly listenAddress: string | undefined
  /** The nodes of the world, from genesis; this node itself may be among them. */
  readonly peers: readonly { readonly node: NodeId; readonly address: string }[]
  readonly limits?: Partial<LinkLimits>
}

class NodeLinks implements Links {
  readonly self: NodeId
  readonly #options: LinksOptions
  readonly #ports: LinkPorts
  readonly #limits: LinkLimits
  readonly #log: Log
  readonly #handshakes: Handshakes
  readonly #admission: Admission
  readonly #peers = new Map<NodeId, Peer>()
  readonly #handlers = new Map<Channel, ChannelHandler>()
  readonly #listeners = new Set<(peer: NodeId, up: boolean) => void>()
  readonly #greetings = new Set<Greeting>()
  #listener: Listener | undefined
  #state: 'new' | 'running' | 'stopped' = 'new'
  #cancelTick: (() => void) | undefined
  #tickedMs = 0
  #tickCount = 0

  constructor(options: LinksOptions) {
    const { ports, world, nodeKey, linkKey, computerKeys } = options
    assert(computerKeys.length > 0, 'a node has a computer key')
    this.#options = options
    this.#ports = ports
    this.#limits = linkLimitsOf(options.limits)
    this.#log = ports.log.for('links')
    this.self = nodeIdOf(toHex(nodeKey.publicKey))
    const identity = { world, self: this.self, nodeKey, linkKey, computerKeys }
    const random = ports.random.fork('links/handshake')
    this.#handshakes = new Handshakes(identity, { ...ports, random })
    const { handshakesPerAddressMax, handshakesMax } = this.#limits
    this.#admission = new Admission({
      perAddressMax: handshakesPerAddressMax,
      totalMax: handshakesMax,
    })
    const ways = this.#peerWays(ports.random.fork('links/redial'))
    const others = options.peers.filter(({ node }) => node !== this.self)
    for (const known of others.toSorted((a, b) => compareText(a.node, b.node)))
      this.#peers.set(known.node, new Peer(known, ways))
  }

  #peerWays(random: Random): PeerWays {
    const { clock, transport } = this.#ports
    const transportOptions = transportOptionsOf(this.#limits)
    return {
      self: this.self,
      limits: this.#limits,
      monotonicMs: () => clock.monotonicMs(),
      after: (delayMs, task) => clock.after(delayMs, task),
      fraction: () => (random.bytes(1)[0] ?? 0) / 256,
      dial: (address, signal) => transport.dial(address, { ...transportOptions, signal }),
      greet: (connection, peer) => this.#greetDialled(connection, peer),
      onChange: (peer, up) => this.#onChange(peer, up),
    }
  }

  async start(): Promise<void> {
    assert(this.#state === 'new', 'links start once')
    this.#state = 'running'
    await this.#listen()
    if (this.#state !== 'running') return
    this.#tickedMs = this.#ports.clock.monotonicMs()
    this.#armTick()
    for (const peer of this.#peers.values()) peer.start()
  }

  async #listen(): Promise<void> {
    const { listenAddress } = this.#options
    if (listenAddress === undefined) return
    const options = transportOptionsOf(this.#limits)
    const { transport } = this.#ports
    const listener = await transport.listen(listenAddress, options, (connection) =>
      this.#greetIncoming(connection),
    )
    // Stopped while the port was being opened.
    if (this.#state === 'running') this.#listener = listener
    else await listener.close()
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return
    this.#state = 'stopped'
    this.#cancelTick?.()
    for (const peer of this.#peers.values()) peer.stop()
    for (const greeting of [...this.#greetings]) greeting.abort(counters.Timeout)
    await this.#listener?.close()
  }

  peers(): readonly PeerLink[] {
    return [...this.#peers.values()].map(({ node, link }) => ({
      peer: node,
      up: link !== undefined,
      roundTripMs: link?.roundTripMs,
      queuedBytes: link?.queuedBytes ?? 0,
    }))
  }

  isUp(peer: NodeId): boolean {
    return this.#peers.get(peer)?.link !== undefined
  }

  onChange(listener: (peer: NodeId, up: boolean) => void): () => void {
    // A function of our own: the same listener may be given twice.
    const own = (peer: NodeId, up: boolean): void => listener(peer, up)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  send(peer: NodeId, message: OutgoingMessage): boolean {
    assertSendable(message)
    return this.#peers.get(peer)?.link?.send(message) ?? false
  }

  request(
    peer: NodeId,
    message: OutgoingMessage,
    options: RequestOptions,
  ): Promise<IncomingMessage> {
    assertSendable(message)
    const link = this.#peers.get(peer)?.link
    if (link !== undefined) return link.request(message, options)
    return Promise.reject(new LinkError(LinkCode.Down, LinkCode.Down, { peer }))
  }

  handle(channel: Channel, handler: ChannelHandler): void {
    assert(this.#state === 'new', 'channels are answered before the start')
    assert(!this.#handlers.has(channel), 'a channel has one handler')
    this.#handlers.set(channel, handler)
  }

  #count(counter: Counter): void {
    this.#ports.metrics.count(counter)
  }

  #greetDialled(connection: Connection, peer: Peer): Greeting {
    const side = this.#handshakes.dial(peer.node)
    const onFailed = (): void => peer.loseDial(greeting)
    const greeting = this.#greet({ connection, side, onFailed }, side.first)
    return greeting
  }

  #greetIncoming(connection: Connection): void {
    const leave =
      this.#state === 'running' ? this.#admission.enter(connection.remoteAddress) : undefined
    if (leave === undefined) {
      this.#count(counters.Limit)
      connection.close(counters.Limit)
      return
    }
    const side = this.#handshakes.answer()
    this.#greet({ connection, side, onFailed: leave, onAccepted: leave }, undefined)
  }

  #greet(
    input: {
      readonly connection: Connection
      readonly side: HandshakeSide
      readonly onFailed: () => void
      readonly onAccepted?: () => void
    },
    first: Uint8Array | undefined,
  ): Greeting {
    const { connection, side } = input
    const greeting: Greeting = new Greeting(
      {
        connection,
        clock: this.#ports.clock,
        timeoutMs: this.#limits.handshakeTimeoutMs,
        side,
        onDone: (done) => this.#linkOf(connection, done, (link) => this.#offer(link, greeting)),
        onFailed: (counter) => {
          this.#greetings.delete(greeting)
          if (counter !== undefined && this.#state === 'running') this.#onRefused(counter)
          input.onFailed()
        },
        onAccepted: () => {
          this.#greetings.delete(greeting)
          input.onAccepted?.()
        },
        onClosed: (link) => this.#peers.get(link.peer)?.lose(link),
      },
      first,
    )
    this.#greetings.add(greeting)
    return greeting
  }

  #onRefused(counter: Counter): void {
    this.#count(counter)
    this.#log.debug('handshake ended', { why: counter })
  }

  /** The link that a complete handshake gives, unless the peer is none of this world. */
  #linkOf(
    connection: Connection,
    done: HandshakeDone,
    onProven: (link: Link) => boolean,
  ): Link | Counter {
    if (!this.#peers.has(done.peer)) return counters.UnknownNode
    const { clock, crypto, metrics } = this.#ports
    return new Link({
      connection,
      done,
      clock,
      crypto,
      metrics,
      log: this.#log,
      limits: this.#limits,
      secretKey: this.#options.nodeKey.secretKey,
      handlerOf: (channel) => this.#handlers.get(channel),
      onProven,
      onBroken: (link, counter) => this.#onBroken(link, counter),
    })
  }

  #offer(link: Link, greeting: Greeting): boolean {
    if (this.#peers.get(link.peer)?.offer(link, greeting) === true) return true
    greeting.abort(counters.Duplicate)
    return false
  }

  #onBroken(link: Link, counter: Counter): void {
    this.#count(counter)
    this.#log.warn('link broken', { peer: link.peer, why: counter })
    this.#peers.get(link.peer)?.lose(link)
  }

  #onChange(peer: Peer, up: boolean): void {
    const upCount = [...this.#peers.values()].filter(({ link }) => link !== undefined).length
    this.#ports.metrics.gauge('links.up_count', upCount)
    this.#log.info(up ? 'link up' : 'link down', { peer: peer.node })
    for (const listener of [...this.#listeners]) listener(peer.node, up)
  }

  #armTick(): void {
    this.#cancelTick = this.#ports.clock.after(this.#limits.pingIntervalMs / 2, () => this.#tick())
  }

  /** Twice in a ping interval: ping every second time, look for silence every time. */
  #tick(): void {
    const nowMs = this.#ports.clock.monotonicMs()
    // This process itself stood still: what peers sent meanwhile is not read yet.
    const wasStill = nowMs - this.#tickedMs > this.#limits.pingIntervalMs
    this.#tickedMs = nowMs
    this.#tickCount++
    for (const { link } of this.#peers.values()) {
      if (wasStill) link?.excuse()
      link?.checkAlive()
      if (wasStill || this.#tickCount % 2 === 0) link?.ping()
    }
    this.#armTick()
  }
}

/**
 * The links of one node. Nothing happens before `start`.
 *
 * Only nodes in `options.peers` are ever linked to. Counters of everything refused or dropped are
 * in the metrics under `links.` (see `counters`).
 */
export function createLinks(options: LinksOptions): Links {
  return new NodeLinks(options)
}
