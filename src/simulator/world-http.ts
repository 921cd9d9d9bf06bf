/** One HTTP exchange of an application with a simulated Processor: no sockets, the same handler. */
import { concat } from '../base/bytes.ts'
import type { HttpHandler, HttpRequest, HttpResponse } from '../ports/http.ts'
import { Mixer } from './mix.ts'
import type { SimProcess } from './sim-process.ts'

export type SimRequest = {
  readonly method: string
  /** As in a request line: percent-encoded, with its query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>
}

export type SimResponse = {
  /** 0: the Processor died before it answered; what was asked MAY have happened. */
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
  /** False when the answer broke off in its body. */
  readonly whole: boolean
}

/** An exchange under way. */
export type SimCall = {
  readonly done: Promise<SimResponse>
  /** The application hangs up. */
  hangUp(): void
}

const lost: SimResponse = { status: 0, headers: new Map(), body: new Uint8Array(0), whole: false }

const pieceBytes = 64 * 1024

/** A body as a socket hands it over: in pieces. */
async function* piecesOf(body: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < body.length; from += pieceBytes)
    yield body.subarray(from, from + pieceBytes)
}

function bodyOf(body: SimRequest['body']): AsyncIterable<Uint8Array> {
  if (body === undefined) return piecesOf(new Uint8Array(0))
  return body instanceof Uint8Array ? piecesOf(body) : body
}

function requestOf(request: SimRequest, token: string, signal: AbortSignal): HttpRequest {
  const [path = '', query = ''] = request.path.split('?', 2)
  const headers = new Map<string, string>([
    ['host', '127.0.0.1:80'],
    ['authorization', `Bearer ${token}`],
  ])
  if (request.body instanceof Uint8Array) headers.set('content-length', `${request.body.length}`)
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    headers.set(name.toLowerCase(), value)
  }
  const body = bodyOf(request.body)
  return { method: request.method, path, query: new URLSearchParams(query), headers, body, signal }
}

async function gather(response: HttpResponse): Promise<SimResponse> {
  const { status, body } = response
  const headers = new Map(response.headers.map(([name, value]) => [name.toLowerCase(), value]))
  if (body === undefined) return { status, headers, body: new Uint8Array(0), whole: true }
  if (body instanceof Uint8Array) return { status, headers, body: body.slice(), whole: true }
  const parts: Uint8Array[] = []
  try {
    for await (const part of body) parts.push(part.slice())
  } catch {
    return { status, headers, body: concat(parts), whole: false }
  }
  return { status, headers, body: concat(parts), whole: true }
}

/**
 * Hand a request to `handler` as an event of its process. A handler that throws, which none may,
 * makes `done` reject.
 */
export function exchange(
  to: { readonly process: SimProcess; readonly handler: HttpHandler; readonly token: string },
  request: SimRequest,
): SimCall {
  const { process, handler, token } = to
  const gone = new AbortController()
  const { promise, resolve, reject } = Promise.withResolvers<SimResponse>()
  const trace = process.scheduler.trace.bind(process.scheduler)
  let isOver = false
  const finish = (response: SimResponse): void => {
    if (isOver) return
    isOver = true
    const { status, body } = response
    trace('http/answer', process.name, request.method, request.path, status, body.length)
    trace('http/body', new Mixer().bytes(body).hex())
    resolve(response)
  }
  trace('http/request', process.name, request.method, request.path)
  if (process.state === 'dead') finish(lost)
  else {
    process.onDeath(() => finish(lost))
    process.after(
      0,
      () => {
        handler(requestOf(request, token, gone.signal))
          .then(gather)
          .then(finish, reject)
      },
      'http request',
    )
  }
  return {
    done: promise,
    hangUp: () => {
      gone.abort(new Error('the client is gone'))
      finish(lost)
    },
  }
}
