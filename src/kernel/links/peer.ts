/**
 * One known peer: at most one link to it, and the dialling when there is none.
 *
 * Problem: both sides may dial at once, and if each then closes the other's connection, or keeps a
 * different one, no link survives or the two flap. Chosen way: the node with the smaller id dials
 * at once, the other only when no link came within a grace time, so that two dials seldom meet.
 * Where they do, both sides decide alike:
 *   - a dial whose last handshake message is not sent yet yields to an incoming link;
 *   - of two that are further, the one dialled by the smaller id survives;
 *   - of two dialled by the same side, the newer survives: nobody dials who has a link, so the
 *     older one is dead and this side has not noticed.
 * A link counts as up only after both sides said so (each one's first envelope), so neither
 * announces a link that the other refused.
 */
import type { NodeId } from '../../base/ids.ts'
import type { Connection } from '../../ports/transport.ts'
import { type Counter, counters } from './counters.ts'
import type { Greeting } from './greeting.ts'
import type { LinkLimits } from './limits.ts'
import type { Link } from './link.ts'

/** What a peer needs from the node's links. */
export type PeerWays = {
  readonly self: NodeId
  readonly limits: LinkLimits
  monotonicMs(): number
  after(delayMs: number, task: () => void): () => void
  /** In [0, 1). */
  fraction(): number
  dial(address: string, signal: AbortSignal): Promise<Connection>
  /** Start the dialling side of a handshake. */
  greet(connection: Connection, peer: Peer): Greeting
  onChange(peer: Peer, up: boolean): void
}

type Dial = { readonly controller: AbortController; greeting: Greeting | undefined }

export class Peer {
  readonly node: NodeId
  readonly address: string
  readonly #ways: PeerWays
  #link: Link | undefined
  #dial: Dial | undefined
  #cancelRedial: (() => void) | undefined
  #attemptCount = 0
  #running = false

  constructor(known: { readonly node: NodeId; readonly address: string }, ways: PeerWays) {
    this.node = known.node
    this.address = known.address
    this.#ways = ways
  }

  get link(): Link | undefined {
    return this.#link
  }

  start(): void {
    this.#running = true
    this.#scheduleDial()
  }

  stop(): void {
    this.#running = false
    this.#cancelRedial?.()
    this.#cancelRedial = undefined
    this.#dropDial(counters.Duplicate)
    const link = this.#link
    if (link === undefined) return
    link.close('stopped')
    this.lose(link)
  }

  /** A proven link: take it, or say false and it is closed. */
  offer(link: Link, greeting: Greeting): boolean {
    if (!this.#running || !this.#prefers(link)) return false
    const old = this.#link
    if (old !== undefined) {
      old.close(counters.Duplicate)
      this.lose(old)
    }
    if (this.#dial?.greeting === greeting) this.#dial = undefined
    else this.#dropDial(counters.Duplicate)
    this.#cancelRedial?.()
    this.#cancelRedial = undefined
    greeting.accept()
    this.#link = link
    if (!link.initiator) link.introduce()
    this.#ways.onChange(this, true)
    return true
  }

  #prefers(link: Link): boolean {
    if (link.initiator) return this.#link === undefined
    const isOursFirst = this.#ways.self < this.node
    if (this.#link !== undefined) return !this.#link.initiator || !isOursFirst
    return this.#dial?.greeting?.isComplete !== true || !isOursFirst
  }

  /** The link ended. */
  lose(link: Link): void {
    if (this.#link !== link) return
    this.#link = undefined
    const heldMs = this.#ways.monotonicMs() - link.establishedMs
    if (heldMs >= this.#ways.limits.stableAfterMs) this.#attemptCount = 0
    this.#ways.onChange(this, false)
    this.#scheduleDial()
  }

  /** A dial of ours came to nothing. */
  loseDial(greeting: Greeting): void {
    if (this.#dial?.greeting === greeting) this.#endDial()
  }

  #dropDial(counter: Counter): void {
    const dial = this.#dial
    this.#dial = undefined
    dial?.controller.abort()
    dial?.greeting?.abort(counter)
  }

  #endDial(): void {
    this.#dial = undefined
    this.#scheduleDial()
  }

  #delayMs(): number {
    const { limits, self } = this.#ways
    const graceMs = self < this.node ? 0 : limits.dialGraceMs
    const spreadMs = Math.min(limits.redialMaxMs, limits.redialMinMs * 2 ** this.#attemptCount)
    const fixedMs = this.#attemptCount === 0 ? 0 : spreadMs / 2
    return graceMs + fixedMs + (spreadMs - fixedMs) * this.#ways.fraction()
  }

  #scheduleDial(): void {
    if (!this.#running || this.#link || this.#dial || this.#cancelRedial) return
    this.#cancelRedial = this.#ways.after(this.#delayMs(), () => {
      this.#cancelRedial = undefined
      this.#startDial()
    })
  }

  #startDial(): void {
    const controller = new AbortController()
    const dial: Dial = { controller, greeting: undefined }
    this.#dial = dial
    this.#attemptCount = Math.min(this.#attemptCount + 1, 30)
    const { limits } = this.#ways
    const cancelTimeout = this.#ways.after(limits.handshakeTimeoutMs, () => controller.abort())
    const onConnected = (connection: Connection): void => {
      cancelTimeout()
      if (this.#dial !== dial) connection.close(counters.Duplicate)
      else dial.greeting = this.#ways.greet(connection, this)
    }
    const onFailed = (): void => {
      cancelTimeout()
      if (this.#dial === dial) this.#endDial()
    }
    this.#ways.dial(this.address, controller.signal).then(onConnected, onFailed)
  }
}
