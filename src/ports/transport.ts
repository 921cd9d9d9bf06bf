/**
 * Message pipes to other machines (WebSocket in production). A connection is FIFO and reliable
 * while it lasts; what was in flight when it ends is lost. Nothing here is authenticated: `links`
 * does that.
 */
export interface Connection {
  /** True on the side that dialled. */
  readonly initiator: boolean
  /** Where it comes from, for limits per address only (host without port). Never shown to users. */
  readonly remoteAddress: string

  /**
   * Queue one message. Takes ownership of `bytes`. A message larger than the peer accepts ends the
   * connection. Ignored once closed.
   */
  send(bytes: Uint8Array): void

  /** Bytes given to `send` that the operating system has not taken yet. */
  bufferedBytes(): number

  /**
   * Call `listener` whenever `bufferedBytes` has fallen to `thresholdBytes` or less after being
   * above.
   */
  onDrain(thresholdBytes: number, listener: () => void): void

  /** Stop (and go on) reading from the socket: back-pressure towards the peer. */
  pause(): void
  resume(): void

  /** Ask the peer's socket for a sign of life; `onPong` hears the answer. */
  ping(): void

  /** Close at once; idempotent. `onClose` listeners of both sides are called. */
  close(reason: string): void

  /** Handlers, set once, directly after the connection is handed out. */
  listen(handlers: {
    /** `bytes` are there during the call only: copy what is kept. */
    readonly onMessage: (bytes: Uint8Array) => void
    readonly onPong: () => void
    readonly onClose: (reason: string) => void
  }): void
}

export type TransportOptions = {
  /** Larger messages end the connection that brings them. */
  readonly messageBytesMax: number
  /** Connections accepted and open at once; more are closed at once. */
  readonly connectionCountMax: number
}

export interface Listener {
  /** `host:port` as bound (a port 0 is resolved). */
  readonly address: string
  close(): Promise<void>
}

export interface Transport {
  /** @throws UnosysError `transport/address-in-use`, `transport/listen-failed`. */
  listen(
    address: string,
    options: TransportOptions,
    onConnection: (connection: Connection) => void,
  ): Promise<Listener>

  /** @throws UnosysError `transport/unreachable` (refused, timed out, aborted). */
  dial(
    address: string,
    options: TransportOptions & { readonly signal: AbortSignal },
  ): Promise<Connection>
}
