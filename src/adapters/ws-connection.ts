/**
 * One WebSocket as a `Connection`.
 *
 * Copies: what `send` gets goes to the socket as it is, behind a frame header of its own; what a
 * turn of the event loop sends leaves in one system call. What arrives is handed on as a view of
 * the memory it was read into.
 *
 * A WebSocket has more states than the port: here it is open until `close`, an error or the peer's
 * end, whichever comes first; from then on nothing is delivered but one `onClose`. The closing
 * handshake goes on behind the scenes, so that the peer learns the reason, for a second at most.
 */
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { assert } from '../base/assert.ts'
import { discard } from '../base/bytes.ts'
import type { Connection } from '../ports/transport.ts'

type Handlers = Parameters<Connection['listen']>[0]
type Watch = { readonly thresholdBytes: number; readonly listener: () => void; above: boolean }

const normalClosure = 1000
const closeTimeoutMs = 1000
const reasonBytesMax = 120
/** A peer that pings without reading our answers gets none beyond this backlog. */
const pongBacklogBytesMax = 1024 * 1024

const sendOptions = { binary: true, compress: false, fin: true } as const

export class WsConnection implements Connection {
  readonly initiator: boolean
  readonly remoteAddress: string
  readonly #socket: WebSocket
  readonly #stream: Duplex
  readonly #watches: Watch[] = []
  #handlers: Handlers | undefined
  /** Messages that were read before the reader asked for them (a pause, no handlers yet). */
  #held: Uint8Array[] = []
  #paused = false
  #corked = false
  #endReason: string | undefined

  /** @param stream the byte stream below `socket`. */
  constructor(
    socket: WebSocket,
    stream: Duplex,
    peer: { readonly initiator: boolean; readonly remoteAddress: string },
  ) {
    this.initiator = peer.initiator
    this.remoteAddress = peer.remoteAddress
    this.#socket = socket
    this.#stream = stream
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) this.#onMessage(data)
      else this.close('text message')
    })
    socket.on('ping', (data: Buffer) => {
      if (this.#isOpen && socket.bufferedAmount < pongBacklogBytesMax) socket.pong(data)
    })
    socket.on('pong', () => {
      if (this.#isOpen) this.#handlers?.onPong()
    })
    socket.on('error', (error) => this.#end(error.message))
    socket.on('close', (_code, reason: Buffer) => this.#end(printable(reason)))
    socket.pause()
  }

  get #isOpen(): boolean {
    return this.#endReason === undefined
  }

  listen(handlers: Handlers): void {
    assert(this.#handlers === undefined, 'handlers of a connection are set once')
    this.#handlers = handlers
    if (this.#endReason !== undefined) this.#reportEnd(handlers, this.#endReason)
    else if (!this.#paused) this.resume()
  }

  send(bytes: Uint8Array): void {
    if (!this.#isOpen) return
    if (!this.#corked) {
      this.#corked = true
      this.#stream.cork()
      process.nextTick(this.#uncork)
    }
    this.#socket.send(bytes, sendOptions, () => {
      // Ours since the call: the system has it, nobody else does.
      discard(bytes)
      this.#onSent()
    })
    for (const watch of this.#watches)
      if (!watch.above) watch.above = this.#socket.bufferedAmount > watch.thresholdBytes
  }

  readonly #uncork = (): void => {
    this.#corked = false
    this.#stream.uncork()
  }

  readonly #onSent = (): void => {
    for (const watch of this.#watches) {
      if (!watch.above || this.#socket.bufferedAmount > watch.thresholdBytes) continue
      watch.above = false
      if (this.#isOpen) watch.listener()
    }
  }

  bufferedBytes(): number {
    return this.#isOpen ? this.#socket.bufferedAmount : 0
  }

  onDrain(thresholdBytes: number, listener: () => void): void {
    const above = this.bufferedBytes() > thresholdBytes
    this.#watches.push({ thresholdBytes, listener, above })
  }

  pause(): void {
    this.#paused = true
    if (this.#isOpen) this.#socket.pause()
  }

  resume(): void {
    this.#paused = false
    const handlers = this.#handlers
    if (handlers === undefined) return
    const held = this.#held
    while (this.#isOpen && !this.#paused) {
      const bytes = held.shift()
      if (bytes === undefined) break
      deliver(bytes, handlers)
    }
    if (this.#isOpen && !this.#paused) this.#socket.resume()
  }

  ping(): void {
    if (this.#isOpen) this.#socket.ping()
  }

  close(reason: string): void {
    if (!this.#isOpen) return
    this.#end(reason)
    this.#socket.close(normalClosure, Buffer.from(printable(Buffer.from(reason))))
  }

  #onMessage(data: Buffer): void {
    if (!this.#isOpen) return
    // A plain view: `slice` of a Buffer does not copy, which the kernel's code does not expect.
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    if (this.#handlers !== undefined && !this.#paused) deliver(bytes, this.#handlers)
    else this.#held.push(bytes)
  }

  /** Only the first reason counts. */
  #end(reason: string): void {
    if (!this.#isOpen) return
    this.#endReason = reason
    this.#held = []
    const timer = setTimeout(() => this.#socket.terminate(), closeTimeoutMs)
    this.#socket.once('close', () => clearTimeout(timer))
    // A paused socket would never see the peer's answer to our closing.
    this.#socket.resume()
    if (this.#handlers !== undefined) this.#reportEnd(this.#handlers, reason)
  }

  #reportEnd(handlers: Handlers, reason: string): void {
    // Later, so that nobody is called back from inside its own call.
    process.nextTick(() => handlers.onClose(reason))
  }
}

/** The bytes are the reader's during the call only. */
function deliver(bytes: Uint8Array, handlers: Handlers): void {
  handlers.onMessage(bytes)
  discard(bytes)
}

/** What of a close reason goes into logs and frames: short, printable ASCII. */
function printable(reason: Buffer): string {
  const text = reason.subarray(0, reasonBytesMax).toString('latin1')
  return text.replace(/[^ -~]/g, '?') || 'connection ended'
}
