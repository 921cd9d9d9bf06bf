/**
 * A connection on its way to a link: runs the handshake within its time, then hands the connection
 * to the link that comes of it. Whatever goes wrong ends the connection and nothing else.
 */
import type { Clock } from '../../ports/clock.ts'
import type { Connection } from '../../ports/transport.ts'
import { type Counter, counters } from './counters.ts'
import { type HandshakeDone, HandshakeRefused, type HandshakeSide } from './handshake.ts'
import type { Link } from './link.ts'

export type GreetingOptions = {
  readonly connection: Connection
  readonly clock: Clock
  readonly timeoutMs: number
  readonly side: HandshakeSide
  /**
   * The handshake is complete; `send` is our last message, not sent yet. The link to go on with,
   * or why not.
   */
  readonly onDone: (done: HandshakeDone) => Link | Counter
  /** The connection ended before its link was accepted; `counter` when it was our decision. */
  readonly onFailed: (counter: Counter | undefined) => void
  readonly onAccepted: () => void
  /** The connection of an accepted link ended. */
  readonly onClosed: (link: Link) => void
}

export class Greeting {
  readonly #options: GreetingOptions
  readonly #cancelTimeout: () => void
  #link: Link | undefined
  #state: 'greeting' | 'accepted' | 'over' = 'greeting'

  /** @param first our opening message, on the dialling side. */
  constructor(options: GreetingOptions, first: Uint8Array | undefined) {
    const { connection, clock, timeoutMs } = options
    this.#options = options
    this.#cancelTimeout = clock.after(timeoutMs, () => this.abort(counters.Timeout))
    connection.listen({
      onMessage: (bytes) => this.#onMessage(bytes),
      onPong: () => this.#link?.pong(),
      onClose: () => this.#onClose(),
    })
    if (first !== undefined) connection.send(first)
  }

  /** Our last message of the handshake is out; only the peer's envelope is missing. */
  get isComplete(): boolean {
    return this.#link !== undefined
  }

  /** The link was proven and accepted: time no longer runs. */
  accept(): void {
    this.#state = 'accepted'
    this.#cancelTimeout()
    this.#options.onAccepted()
  }

  /** Give up before the link is accepted. */
  abort(counter: Counter): void {
    if (this.#state !== 'greeting') return
    this.#end()
    this.#link?.close(counter)
    this.#options.connection.close(counter)
    this.#options.onFailed(counter)
  }

  #end(): void {
    this.#state = 'over'
    this.#cancelTimeout()
  }

  #onMessage(bytes: Uint8Array): void {
    if (this.#state === 'over') return
    try {
      if (this.#link === undefined) this.#step(bytes)
      else this.#link.receive(bytes)
    } catch (error) {
      if (!(error instanceof HandshakeRefused)) throw error
      this.abort(error.counter)
    }
  }

  #step(bytes: Uint8Array): void {
    const { send, done } = this.#options.side.receive(bytes)
    if (done === undefined) {
      if (send !== undefined) this.#options.connection.send(send)
      return
    }
    const next = this.#options.onDone(done)
    if (typeof next === 'string') throw new HandshakeRefused(next)
    if (send !== undefined) this.#options.connection.send(send)
    this.#link = next
    if (next.initiator) next.introduce()
  }

  #onClose(): void {
    if (this.#state === 'over') return
    const wasAccepted = this.#state === 'accepted'
    this.#end()
    this.#link?.close('connection ended')
    if (!wasAccepted) this.#options.onFailed(undefined)
    else if (this.#link !== undefined) this.#options.onClosed(this.#link)
  }
}
