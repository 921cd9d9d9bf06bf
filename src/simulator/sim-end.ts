import { assert } from '../base/assert.ts'
import { discard } from '../base/bytes.ts'
import type { Connection } from '../ports/transport.ts'
import type { PipeItem, SimPipe } from './sim-pipe.ts'
import type { SimProcess } from './sim-process.ts'

type Handlers = Parameters<Connection['listen']>[0]

/** What an end asks of the connection that it belongs to. */
export type EndOwner = {
  pipeFrom(end: SimEnd): SimPipe
  pipeTo(end: SimEnd): SimPipe
  /** This end closes the connection. */
  closeBy(end: SimEnd, reason: string): void
  /** This end has heard that the connection is over. */
  endedAt(end: SimEnd): void
}

type EndOptions = {
  readonly process: SimProcess
  readonly initiator: boolean
  readonly remoteAddress: string
  readonly messageBytesMax: number
}

type Drain = { readonly thresholdBytes: number; readonly listener: () => void; above: boolean }

/** Smallest step of a repeated look: keeps rounding from stopping time. */
const drainLookMs = 0.001

/** One end of a connection, as the node's kernel sees it. */
export class SimEnd implements Connection {
  readonly initiator: boolean
  readonly remoteAddress: string
  readonly process: SimProcess
  readonly messageBytesMax: number
  readonly #connection: EndOwner
  #handlers: Handlers | undefined
  #paused = false
  #closed = false
  readonly #drains: Drain[] = []
  #drainLook: (() => void) | undefined

  constructor(connection: EndOwner, options: EndOptions) {
    this.#connection = connection
    this.process = options.process
    this.initiator = options.initiator
    this.remoteAddress = options.remoteAddress
    this.messageBytesMax = options.messageBytesMax
  }

  get closed(): boolean {
    return this.#closed
  }

  get canRead(): boolean {
    return this.#handlers !== undefined && !this.#paused && this.process.state === 'running'
  }

  send(bytes: Uint8Array): void {
    if (this.#closed) return
    // The sender gave its memory away: who goes on using it finds it empty.
    this.#connection.pipeFrom(this).push({ kind: 'message', bytes: bytes.slice() })
    discard(bytes)
    this.#noteDrains()
  }

  bufferedBytes(): number {
    return this.#closed ? 0 : this.#connection.pipeFrom(this).waitingBytes
  }

  onDrain(thresholdBytes: number, listener: () => void): void {
    this.#drains.push({ thresholdBytes, listener, above: false })
    this.#noteDrains()
  }

  #noteDrains(): void {
    if (this.#drains.length === 0) return
    const buffered = this.bufferedBytes()
    for (const drain of this.#drains) if (buffered > drain.thresholdBytes) drain.above = true
    this.lookForDrain()
  }

  /** Look again when the buffer will have fallen, if that is a matter of time only. */
  lookForDrain(): void {
    if (this.#closed || this.#drainLook !== undefined) return
    const waiting = this.#drains.filter((drain) => drain.above)
    if (waiting.length === 0) return
    const highestBytes = Math.max(...waiting.map((drain) => drain.thresholdBytes))
    const waitMs = this.#connection.pipeFrom(this).msUntilWaiting(highestBytes)
    if (waitMs === undefined) return
    this.#drainLook = this.process.after(
      waitMs + drainLookMs,
      () => {
        this.#drainLook = undefined
        this.#callDrained()
      },
      'drain',
    )
  }

  #callDrained(): void {
    const buffered = this.bufferedBytes()
    for (const drain of this.#drains) {
      if (!drain.above || buffered > drain.thresholdBytes) continue
      drain.above = false
      drain.listener()
    }
    this.lookForDrain()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    if (!this.#closed) this.#connection.pipeTo(this).wake(0)
  }

  ping(): void {
    if (!this.#closed) this.#connection.pipeFrom(this).push({ kind: 'ping' })
  }

  close(reason: string): void {
    if (this.#closed) return
    this.#connection.closeBy(this, reason)
    // Not from inside the caller's own turn: a listener never runs before `close` returned.
    this.process.after(0, () => this.#handlers?.onClose(reason), 'close')
  }

  listen(handlers: Handlers): void {
    assert(this.#handlers === undefined, 'handlers are set once')
    this.#handlers = handlers
    if (!this.#closed) this.#connection.pipeTo(this).wake(0)
  }

  /** From now on this end does nothing. */
  markClosed(): void {
    this.#closed = true
    this.#drainLook?.()
  }

  receive(item: PipeItem): void {
    if (item.kind === 'close') {
      this.#connection.endedAt(this)
      this.#handlers?.onClose(item.reason)
    } else if (item.kind === 'ping') {
      this.#connection.pipeFrom(this).push({ kind: 'pong' })
    } else if (item.kind === 'pong') {
      this.#handlers?.onPong()
    } else if (item.bytes.length > this.messageBytesMax) {
      this.close('message too large')
    } else {
      // A copy: on a real network sender and receiver share no memory. It is there during the call.
      const bytes = item.bytes.slice()
      this.#handlers?.onMessage(bytes)
      discard(bytes)
    }
  }
}
