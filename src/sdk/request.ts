/**
 * One request to the Processor: headers, errors, and repetition where it is safe.
 *
 * A change carries an Idempotency-Key from its first try on. When no quorum confirmed it in time it
 * may have happened; the same request with the same key is then done once, whatever became of the
 * first. So a small body is sent again by itself, and streams, which cannot be, are left to the
 * caller. The same holds when a connection breaks: one that was kept open may be gone by now.
 *
 * A later try that finds no quorum, or nobody there, says nothing about the first: the call then
 * fails as the first one did, as a change that may have happened.
 */
import type { ProblemBody } from '../wire/schemas.ts'
import { aborted, type OutgoingBody } from './bodies.ts'
import { SdkCode, UnosysApiError } from './errors.ts'
import type { CallOptions, ClientOptions, Conditions } from './interface.ts'
import { originOf } from './paths.ts'

/** Bodies up to this size are sent again. */
const replayBytesMax = 1024 * 1024
const unconfirmedRetries = 3
const pauseMsDefault = 1_000

export type Request = {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'PATCH' | 'DELETE'
  readonly route: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: OutgoingBody
  readonly options: CallOptions & Conditions & { readonly idempotencyKey?: string }
}

export class Requester {
  readonly #origin: string
  readonly #token: string
  readonly #fetch: typeof fetch
  readonly #deadlineMs: number | undefined

  /** @throws UnosysApiError `sdk/bad-answer` for an address that is none. */
  constructor(options: ClientOptions) {
    this.#origin = originOf(options.api)
    this.#token = options.token
    this.#fetch = options.fetch ?? ((...args) => fetch(...args))
    this.#deadlineMs = options.deadlineMs
  }

  /** A successful answer. @throws UnosysApiError */
  async send(request: Request): Promise<Response> {
    const changes = request.method !== 'GET' && request.method !== 'HEAD'
    const idempotencyKey = request.options.idempotencyKey ?? crypto.randomUUID()
    const headers = this.#headersOf(request, changes ? idempotencyKey : undefined)
    const mayRepeat = isRepeatable(request.body)
    let brokenCount = 0
    let mayHaveHappened: UnosysApiError | undefined
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#once(request, headers)
      } catch (error) {
        if (!(error instanceof UnosysApiError) || !mayRepeat) throw error
        const isBroken = error.code === SdkCode.Unreachable && !isRefused(error)
        const isUnconfirmed = error.code === 'filesystem/unconfirmed'
        if (isBroken ? ++brokenCount > 1 : !isUnconfirmed || attempt >= unconfirmedRetries) {
          throw saysNothing(error) ? (mayHaveHappened ?? error) : error
        }
        if (changes) mayHaveHappened ??= error
        if (isUnconfirmed) await pause(error, request.options.signal)
      }
    }
  }

  async #once(request: Request, headers: Headers): Promise<Response> {
    const { method, body, options } = request
    const { signal } = options
    const init: RequestInit & { duplex?: 'half' } = {
      method,
      headers,
      ...(signal === undefined ? {} : { signal }),
      ...(body === undefined ? {} : { body: body.body }),
      ...(body?.isStream === true ? { duplex: 'half' } : {}),
    }
    let response: Response
    try {
      response = await this.#fetch(this.#origin + request.route + queryOf(request), init)
    } catch (error) {
      body?.stop()
      const failure = body?.failure()
      if (failure !== undefined) throw failure.error
      throw signal?.aborted === true ? aborted(error) : this.#unreachable(error)
    }
    if (response.ok || response.status === 304) return response
    throw await problemOf(response)
  }

  #headersOf(request: Request, idempotencyKey: string | undefined): Headers {
    const { options, body } = request
    const deadlineMs = options.deadlineMs ?? this.#deadlineMs
    const given: Readonly<Record<string, string | undefined>> = {
      authorization: `Bearer ${this.#token}`,
      'idempotency-key': idempotencyKey,
      'unosys-deadline-ms': deadlineMs === undefined ? undefined : String(deadlineMs),
      'if-match': options.ifMatch,
      'if-none-match': options.ifNoneMatch,
      // Not for browsers, which drop it: they do not send streams over HTTP/1.1 either.
      'content-length': body?.sizeBytes === undefined ? undefined : String(body.sizeBytes),
      ...request.headers,
    }
    const headers = new Headers()
    for (const [name, value] of Object.entries(given)) {
      if (value !== undefined) headers.set(name, value)
    }
    return headers
  }

  #unreachable(cause: unknown): UnosysApiError {
    const reason = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause
    const why = reason instanceof Error && reason.message !== '' ? reason.message : codeIn(reason)
    const message = `no answer from the Processor at ${this.#origin} (${why})`
    return new UnosysApiError(SdkCode.Unreachable, message, { status: 0, cause: reason })
  }
}

const codeIn = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error)

/** Nobody listens: asking again at once does not help. */
function isRefused(error: UnosysApiError): boolean {
  return codeIn(error.cause) === 'ECONNREFUSED'
}

/** It tells of this try alone, not of what an earlier one with the same key has done. */
function saysNothing({ status, code }: UnosysApiError): boolean {
  const isTemporary = status === 0 || status === 429 || status >= 500
  return isTemporary || code === 'filesystem/conflict'
}

function isRepeatable(body: OutgoingBody | undefined): boolean {
  if (body === undefined) return true
  if (!body.isReplayable) return false
  if (body.body instanceof Blob) return body.body.size <= replayBytesMax
  return (body.body as string | Uint8Array).length <= replayBytesMax
}

function queryOf({ query }: Request): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== false)
      search.set(name, value === true ? '1' : String(value))
  }
  const text = search.toString()
  return text === '' ? '' : `?${text}`
}

function pause(error: UnosysApiError, signal: AbortSignal | undefined): Promise<void> {
  const seconds = Number(error.detail.retryAfterSeconds)
  const ms = Number.isFinite(seconds) ? seconds * 1000 : pauseMsDefault
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      reject(aborted(signal?.reason))
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    if (signal?.aborted === true) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}

/** The error that an answer other than success means. */
async function problemOf(response: Response): Promise<UnosysApiError> {
  const { status, headers } = response
  // HEAD has no body to say why; its status does.
  const body = await response.text().catch(() => '')
  const problem = parseProblem(body)
  const retryAfter = Number(headers.get('retry-after') ?? Number.NaN)
  const retry = Number.isFinite(retryAfter) ? { retryAfterSeconds: retryAfter } : {}
  if (problem === undefined) {
    const known = status === 401 ? 'users/unauthenticated' : undefined
    const code = known ?? (status === 404 ? 'filesystem/not-found' : SdkCode.BadAnswer)
    const message = `the answer is ${status} without a problem; is this the address of a Processor?`
    return new UnosysApiError(code, message, { status, detail: retry })
  }
  const { type: _type, title: _title, status: _status, detail: message, code, ...facts } = problem
  const detail = { ...facts, ...retry }
  return new UnosysApiError(code as UnosysApiError['code'], message, { status, detail })
}

function parseProblem(text: string): ProblemBody | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
  const { code, detail } = (value ?? {}) as { code?: unknown; detail?: unknown }
  return typeof code === 'string' && typeof detail === 'string' ? (value as ProblemBody) : undefined
}
