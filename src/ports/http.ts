/**
 * HTTP as the kernel sees it: a function from request to response, with streamed bodies.
 * The adapter owns sockets, parsing, timeouts and the limits of `HttpLimits`.
 */
export type HttpRequest = {
  /** Upper case. */
  readonly method: string
  /**
   * Still percent-encoded, without query: begins with `/`. The target of a request that names no
   * path (`*`) is given as it came.
   */
  readonly path: string
  readonly query: URLSearchParams
  /** Names in lower case; repeated ones joined by `, `. */
  readonly headers: ReadonlyMap<string, string>
  /**
   * Read at most once; reading slowly slows the sender. Throws if the client hangs up before the
   * end.
   */
  readonly body: AsyncIterable<Uint8Array>
  /** Fires when the client is gone. */
  readonly signal: AbortSignal
}

export type HttpResponse = {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  /**
   * Streamed with back-pressure; a throw in the middle cuts the connection (never a clean end).
   * What a stream yields is the server's: it gives the memory back once it is sent.
   */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>
}

/** Why bytes were refused before they were a whole request. */
export type HttpRefusal = 'malformed' | 'cut-off' | 'headers-too-large'

export type HttpHandler = (request: HttpRequest) => Promise<HttpResponse>

export type HttpLimits = {
  readonly headerBytesMax: number
  readonly connectionCountMax: number
  /** No byte in either direction for this long ends a connection. */
  readonly idleTimeoutMs: number
}

export interface HttpListener {
  /** `http://127.0.0.1:PORT` as bound. */
  readonly url: string
  /** Stop accepting, let running requests end within `graceMs`, then cut them. */
  close(graceMs: number): Promise<void>
}

export interface HttpServer {
  /** Bound to loopback only. @throws UnosysError `http/address-in-use`, `http/listen-failed`. */
  listen(
    input: { readonly port: number; readonly limits: HttpLimits },
    handler: HttpHandler,
  ): Promise<HttpListener>
}
