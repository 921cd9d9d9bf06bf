/**
 * The HTTP port: `node:http` below, Hono in front, bodies past both.
 *
 * Hono's usual way wraps each request and response in web streams. Measured over loopback with
 * 1 GiB, that costs 40 % more CPU on the way up and half as much memory again than reading and
 * writing Node's own messages, loses the path as the client wrote it, and hides when a response was
 * cut. So Hono routes, and what it routes to works on the messages below.
 */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono } from 'hono'
import { isUnosysError } from '../base/error.ts'
import type { HttpHandler, HttpLimits, HttpListener, HttpServer } from '../ports/http.ts'
import { HttpCode, HttpError } from './hono-http-errors.ts'
import { requestOf } from './hono-http-request.ts'
import { discardRest, sendResponse } from './hono-http-response.ts'

const loopback = '127.0.0.1'
/** Both ways, for each stream: fewer wake-ups for the same memory as the socket's own buffers. */
const streamBufferBytes = 128 * 1024
const checkIntervalMs = 500

/** Where errors go that no client can be told: from a handler, or from the middle of a body. */
export type OnHttpFault = (error: unknown) => void

/** @param options.onFault hears what the handler or a response's body threw; for the log. */
export const createHonoHttpServer = (options: { readonly onFault: OnHttpFault }): HttpServer => ({
  listen: async ({ port, limits }, handler) => {
    const running = new Running(limits, handler, options.onFault)
    await running.bind(port)
    return running
  },
})

class Running implements HttpListener {
  readonly #server: http.Server
  readonly #handler: HttpHandler
  readonly #onFault: OnHttpFault
  readonly #awaitingContinue = new WeakSet<http.IncomingMessage>()
  #url = ''
  #closing: Promise<void> | undefined

  constructor(limits: HttpLimits, handler: HttpHandler, onFault: OnHttpFault) {
    this.#handler = handler
    this.#onFault = onFault
    const app = new Hono<{ Bindings: HttpBindings }>()
    app.all('*', async (context) => {
      const { incoming, outgoing } = context.env
      await this.#serve(incoming as http.IncomingMessage, outgoing as http.ServerResponse)
      return RESPONSE_ALREADY_SENT
    })
    const route = getRequestListener(app.fetch, {
      overrideGlobalObjects: false,
      autoCleanupIncoming: false,
    })
    const listener: http.RequestListener = (incoming, outgoing) => {
      route(incoming, outgoing).catch(onFault)
    }
    this.#server = http.createServer(
      {
        maxHeaderSize: limits.headerBytesMax,
        headersTimeout: limits.idleTimeoutMs,
        keepAliveTimeout: limits.idleTimeoutMs,
        // An upload may take any time, as long as bytes come.
        requestTimeout: 0,
        connectionsCheckingInterval: checkIntervalMs,
        highWaterMark: streamBufferBytes,
        noDelay: true,
      },
      listener,
    )
    this.#server.maxConnections = limits.connectionCountMax
    this.#server.timeout = limits.idleTimeoutMs
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
        const message = `${loopback}:${port}: ${error.message}`
        reject(new HttpError(code, message, { port }, { cause: error }))
      })
      this.#server.listen(port, loopback, () => {
        this.#url = `http://${loopback}:${(this.#server.address() as AddressInfo).port}`
        resolve()
      })
    })
  }

  async #serve(incoming: http.IncomingMessage, outgoing: http.ServerResponse): Promise<void> {
    const awaitsContinue = this.#awaitingContinue.has(incoming)
    outgoing.once('close', () => this.#onResponseClosed())
    outgoing.once('finish', () => discardRest(incoming))
    const request = requestOf(incoming, outgoing, { awaitsContinue })
    try {
      const response =
        request === undefined ? { status: 400, headers: [] } : await this.#handler(request)
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
