/**
 * Links whose owner decides what passes, for members that run honest code and are liars all the
 * same: several instances behind one address, each with its own part of the peers; messages that
 * never leave.
 */
import { assert } from '../../base/assert.ts'
import type { NodeId } from '../../base/ids.ts'
import {
  type Channel,
  type ChannelHandler,
  channels,
  type IncomingMessage,
  type Links,
  type OutgoingMessage,
  type PeerLink,
} from '../../kernel/links/index.ts'

/** One address, and the instances behind it. */
export class BentAddress {
  readonly #base: Links
  readonly ends: readonly BentLinks[]
  /** Hears everything that arrives. */
  onHeard: (message: IncomingMessage) => void = () => undefined

  constructor(base: Links, endCount: number) {
    this.#base = base
    this.ends = Array.from({ length: endCount }, () => new BentLinks(base))
    base.handle(channels.consensus, {
      onMessage: (message) => {
        this.onHeard(message)
        for (const end of this.ends) end.received(message)
      },
    })
    base.onChange((peer) => {
      for (const end of this.ends) end.compare(peer)
    })
  }

  start(): Promise<void> {
    return this.#base.start()
  }

  /** Past all rules of its own. */
  send(peer: NodeId, message: OutgoingMessage): void {
    this.#base.send(peer, message)
  }
}

export class BentLinks implements Links {
  readonly #base: Links
  readonly #handlers = new Map<Channel, ChannelHandler>()
  readonly #listeners = new Set<(peer: NodeId, up: boolean) => void>()
  readonly #shown = new Set<NodeId>()
  #reaches: (peer: NodeId) => boolean = () => true
  /** True for messages that are swallowed; the sender does not notice. */
  swallows: (peer: NodeId, message: OutgoingMessage) => boolean = () => false

  constructor(base: Links) {
    this.#base = base
  }

  get self(): NodeId {
    return this.#base.self
  }

  /** From now on this end has links to these peers only. */
  reach(peers: readonly NodeId[], reaches: (peer: NodeId) => boolean): void {
    this.#reaches = reaches
    for (const peer of peers) this.compare(peer)
  }

  /** Tell the owner if a link came or went, as this end sees it. */
  compare(peer: NodeId): void {
    const up = this.isUp(peer)
    if (up === this.#shown.has(peer)) return
    if (up) this.#shown.add(peer)
    else this.#shown.delete(peer)
    for (const listener of [...this.#listeners]) listener(peer, up)
  }

  received(message: IncomingMessage): void {
    if (this.#reaches(message.from)) this.#handlers.get(message.channel)?.onMessage?.(message)
  }

  start(): Promise<void> {
    return this.#base.start()
  }

  stop(): Promise<void> {
    return this.#base.stop()
  }

  peers(): readonly PeerLink[] {
    return this.#base.peers().filter(({ peer }) => this.#reaches(peer))
  }

  isUp(peer: NodeId): boolean {
    return this.#base.isUp(peer) && this.#reaches(peer)
  }

  onChange(listener: (peer: NodeId, up: boolean) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  send(peer: NodeId, message: OutgoingMessage): boolean {
    if (!this.isUp(peer)) return false
    return this.swallows(peer, message) || this.#base.send(peer, message)
  }

  request(): Promise<IncomingMessage> {
    assert(false, 'simulated links carry one-way messages only')
  }

  handle(channel: Channel, handler: ChannelHandler): void {
    this.#handlers.set(channel, handler)
  }
}
