/**
 * The HTTP port: `node:http` below, Hono in front, bodies past both.
 *
 * Hono's usual way wraps each request and response in web streams. Measured over loopback with
 * 1 GiB, that costs 40 % more CPU on the way up and half as much memory again than reading and
 * writing Node's own messages, loses the path as the client wrote it, and hides when a response was
 * cut. So Hono routes, and what it routes to works on the messages below.
 */
import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono } from 'hono'
import { isUnosysError } from '../base/error.ts'
import type {
  HttpHandler,
  HttpLimits,
  HttpListener,
  HttpRefusal,
  HttpResponse,
  HttpServer,
} from '../ports/http.ts'
import { HttpCode, HttpError } from './hono-http-errors.ts'
import { requestOf } from './hono-http-request.ts'
import { discardRest, sendLast, sendResponse } from './hono-http-response.ts'
import { Turns } from './hono-http-turns.ts'
import { systemReason } from './system-reason.ts'

const loopback = '127.0.0.1'
/** Both ways, for each stream: fewer wake-ups for the same memory as the socket's own buffers. */
const streamBufferBytes = 128 * 1024
const checkIntervalMs = 500

/** Where errors go that no client can be told: from a handler, or from the middle of a body. */
export type OnHttpFault = (error: unknown) => void

export type HonoHttpOptions = {
  /** Hears what the handler or a response's body threw; for the log. */
  readonly onFault: OnHttpFault
  /** What a client is told whose bytes are no request; a bare status by default. */
  readonly refusalOf?: (why: HttpRefusal) => HttpResponse
}

const bareRefusal = (why: HttpRefusal): HttpResponse => ({
  status: why === 'headers-too-large' ? 431 : 400,
  headers: [],
})

export const createHonoHttpServer = (options: HonoHttpOptions): HttpServer => ({
  listen: async ({ port, limits }, handler) => {
    const running = new Running(limits, handler, options)
    await running.bind(port)
    return running
  },
})

const refusalOfCode: Readonly<Record<string, HttpRefusal>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  HPE_INVALID_EOF_STATE: 'cut-off',
}

class Running implements HttpListener {
  readonly #server: http.Server
  readonly #handler: HttpHandler
  readonly #onFault: OnHttpFault
  readonly #refusalOf: (why: HttpRefusal) => HttpResponse
  readonly #turns = new Turns()
  readonly #routed = new WeakSet<http.IncomingMessage>()
  readonly #awaitingContinue = new WeakSet<http.IncomingMessage>()
  #url = ''
  #closing: Promise<void> | undefined

  constructor(limits: HttpLimits, handler: HttpHandler, options: HonoHttpOptions) {
    const { onFault } = options
    this.#handler = handler
    this.#onFault = onFault
    this.#refusalOf = options.refusalOf ?? bareRefusal
    const app = new Hono<{ Bindings: HttpBindings }>()
    app.all('*', async (context) => {
      const { incoming, outgoing } = context.env
      await this.#serve(incoming as http.IncomingMessage, outgoing as http.ServerResponse)
      return RESPONSE_ALREADY_SENT
    })
    const route = getRequestListener(app.fetch, {
      overrideGlobalObjects: false,
      autoCleanupIncoming: false,
      // What it finds no URL in: the handler refuses that in its own words.
      errorHandler: () => undefined,
    })
    const answer = async (
      incoming: http.IncomingMessage,
      outgoing: http.ServerResponse,
    ): Promise<void> => {
      await route(incoming, outgoing)
      if (!this.#routed.has(incoming)) await this.#serve(incoming, outgoing)
    }
    const listener: http.RequestListener = (incoming, outgoing) => {
      const exchange = { incoming, outgoing }
      this.#turns.run(exchange, () => answer(incoming, outgoing)).catch(onFault)
    }
    this.#server = http.createServer(
      {
        maxHeaderSize: limits.headerBytesMax,
        headersTimeout: limits.idleTimeoutMs,
        keepAliveTimeout: limits.idleTimeoutMs,
        // An upload may take any time, as long as bytes come.
        requestTimeout: 0,
        requireHostHeader: false,
        connectionsCheckingInterval: checkIntervalMs,
        highWaterMark: streamBufferBytes,
        noDelay: true,
      },
      listener,
    )
    this.#server.maxConnections = limits.connectionCountMax
    this.#server.timeout = limits.idleTimeoutMs
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      this.#refuse(error, socket as Socket)
    })
    // Of a kind that nobody knows: the handler refuses it.
    this.#server.on('checkExpectation', listener)
    this.#server.on('checkContinue', (incoming, outgoing) => {
      this.#awaitingContinue.add(incoming)
      listener(incoming, outgoing)
    })
  }

  get url(): string {
    return this.#url
  }

  bind(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        const code = error.code === 'EADDRINUSE' ? HttpCode.AddressInUse : HttpCode.ListenFailed
        const message = `${loopback}:${port}: ${systemReason(error)}`
        reject(new HttpError(code, message, { port }, { cause: error }))
      })
      this.#server.listen(port, loopback, () => {
        this.#url = `http://${loopback}:${(this.#server.address() as AddressInfo).port}`
        resolve()
      })
    })
  }

  #refuse(error: NodeJS.ErrnoException, socket: Socket): void {
    // Nothing was asked: there is nothing to answer.
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' || !socket.writable) {
      socket.destroy()
      return
    }
    const response = this.#refusalOf(refusalOfCode[error.code ?? ''] ?? 'malformed')
    this.#turns.refuse(socket, () => sendLast(socket, response))
  }

  async #serve(incoming: http.IncomingMessage, outgoing: http.ServerResponse): Promise<void> {
    this.#routed.add(incoming)
    const awaitsContinue = this.#awaitingContinue.has(incoming)
    outgoing.once('close', () => this.#onResponseClosed())
    outgoing.once('finish', () => discardRest(incoming))
    const request = requestOf(incoming, outgoing, { awaitsContinue })
    try {
      const response = await this.#handler(request)
      if (outgoing.destroyed) return
      // A client that still waits to be told to send its body will not send it now.
      const unasked = awaitsContinue && !incoming.complete && !incoming.readableDidRead
      const lastOnConnection = unasked || this.#closing !== undefined
      await sendResponse(outgoing, response, { lastOnConnection })
    } catch (error) {
      if (!isUnosysError(error, HttpCode.ClientGone)) this.#onFault(error)
      if (outgoing.headersSent) outgoing.destroy()
      else outgoing.writeHead(500, ['content-length', '0', 'connection', 'close']).end()
    }
  }

  #onResponseClosed(): void {
    if (this.#closing !== undefined) setImmediate(() => this.#server.closeIdleConnections())
  }

  close(graceMs: number): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      const cut = setTimeout(() => this.#server.closeAllConnections(), graceMs)
      this.#server.close(() => {
        clearTimeout(cut)
        resolve()
      })
    })
    return this.#closing
  }
}
