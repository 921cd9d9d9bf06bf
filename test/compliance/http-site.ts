import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { test } from 'node:test'
import type { HttpHandler, HttpLimits, HttpListener, HttpServer } from '../../src/ports/http.ts'

export type HttpSubject = {
  readonly name: string
  /** @param onFault hears what a handler or a body threw. */
  readonly create: (onFault: (error: unknown) => void) => HttpServer
}

export const limits: HttpLimits = {
  headerBytesMax: 16 * 1024,
  connectionCountMax: 20,
  idleTimeoutMs: 10_000,
}

export type Site = {
  readonly listener: HttpListener
  readonly port: number
  readonly faults: unknown[]
  readonly agent: http.Agent
}

export type Check = (
  title: string,
  handler: HttpHandler,
  run: (site: Site) => Promise<void>,
  siteLimits?: Partial<HttpLimits>,
) => void

export function checksOf({ name, create }: HttpSubject): Check {
  return (title, handler, run, siteLimits = {}) => {
    test(`${name}: ${title}`, { timeout: 60_000 }, async () => {
      const faults: unknown[] = []
      const server = create((error) => faults.push(error))
      const listener = await server.listen(
        { port: 0, limits: { ...limits, ...siteLimits } },
        handler,
      )
      const agent = new http.Agent({ keepAlive: true })
      const port = Number(new URL(listener.url).port)
      try {
        await run({ listener, port, faults, agent })
      } finally {
        agent.destroy()
        await listener.close(0)
      }
    })
  }
}

type Answer = { status: number; headers: http.IncomingHttpHeaders; body: Buffer }

export function start(site: Site, options: http.RequestOptions): http.ClientRequest {
  const { port, agent } = site
  return http.request({ host: '127.0.0.1', port, agent, ...options })
}

export async function answerTo(request: http.ClientRequest): Promise<Answer> {
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks),
  }
}

export function ask(
  site: Site,
  options: http.RequestOptions,
  body?: string | Buffer,
): Promise<Answer> {
  const request = start(site, options)
  const answer = answerTo(request)
  request.end(body)
  return answer
}

export async function until(condition: () => boolean, withinMs = 10_000): Promise<void> {
  const endMs = performance.now() + withinMs
  while (!condition()) {
    assert.ok(performance.now() < endMs, 'not within the deadline')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

export const echo: HttpHandler = async ({ body }) => ({ status: 200, headers: [], body })
export const empty: HttpHandler = async () => ({ status: 204, headers: [] })

export async function sizeOf(body: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0
  for await (const bytes of body) length += bytes.length
  return length
}

export const ofText = (text: string): Uint8Array => new TextEncoder().encode(text)
