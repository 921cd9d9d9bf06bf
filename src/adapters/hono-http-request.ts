/**
 * A request as the kernel sees it, over Node's own message: path and query as the client wrote
 * them (a parsed URL would have resolved `..` already, and the kernel is to see it and refuse), the
 * body straight from the socket.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { assert } from '../base/assert.ts'
import type { HttpRequest } from '../ports/http.ts'
import { HttpCode, HttpError } from './hono-http-errors.ts'

export function requestOf(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  options: { readonly awaitsContinue: boolean },
): HttpRequest {
  const { target, authority } = targetOf(incoming.url ?? '')
  const mark = target.indexOf('?')
  const gone = new AbortController()
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) gone.abort(clientGone())
  })
  return {
    method: (incoming.method ?? '').toUpperCase(),
    path: mark < 0 ? target : target.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)),
    headers: headersOf(incoming, authority),
    body: bodyOf(incoming, () => {
      if (options.awaitsContinue && !outgoing.headersSent) outgoing.writeContinue()
    }),
    signal: gone.signal,
  }
}

/** A client may name a whole URL; its host then counts, not the header (RFC 9112, 3.2.2). */
function targetOf(url: string): { readonly target: string; readonly authority?: string } {
  const match = /^http:\/\/([^/?#]+)(.*)$/i.exec(url)
  if (match === null) return { target: url }
  const [, authority = '', rest = ''] = match
  return { target: rest.startsWith('/') ? rest : `/${rest}`, authority }
}

const clientGone = (cause?: unknown): HttpError =>
  new HttpError(HttpCode.ClientGone, 'the client is gone', { port: undefined }, { cause })

function headersOf(
  incoming: IncomingMessage,
  authority: string | undefined,
): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  const raw = incoming.rawHeaders
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? '').toLowerCase()
    const value = raw[index + 1] ?? ''
    const before = headers.get(name)
    headers.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  if (authority !== undefined) headers.set('host', authority)
  return headers
}

/** @param onStart called when reading begins: only then is a waiting client told to send. */
function bodyOf(incoming: IncomingMessage, onStart: () => void): AsyncIterable<Uint8Array> {
  let started = false
  return {
    [Symbol.asyncIterator]: () => {
      assert(!started, 'the body of a request is read once')
      started = true
      return chunksOf(incoming, onStart)
    },
  }
}

async function* chunksOf(
  incoming: IncomingMessage,
  onStart: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  onStart()
  try {
    // Whoever stops early still wants to answer: the socket must live on.
    for await (const chunk of incoming.iterator({ destroyOnReturn: false }))
      yield new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  } catch (error) {
    throw clientGone(error)
  }
  // An end without an error, but before the last byte that was announced.
  if (!incoming.complete) throw clientGone()
}
