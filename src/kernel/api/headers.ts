/** What request headers mean: who may ask, conditions, ranges, deadlines. RFC 9110. */
import type { HttpRequest } from '../../ports/http.ts'
import {
  deadlineMsDefault,
  deadlineMsMax,
  deadlineMsMin,
  etagsMax,
  idempotencyKeyCharsMax,
} from '../../wire/limits.ts'
import { deadlineSchema } from '../../wire/schemas.ts'
import type { Preconditions } from '../filesystem/interface.ts'
import { ApiCode, ApiError } from './errors.ts'

const bad = (message: string): ApiError => new ApiError(ApiCode.BadRequest, message, {})

const hostPattern = /^(127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/

/**
 * Only this machine's own programs may ask (C6). The socket is bound to loopback; these two checks
 * keep out pages in the user's browser, which can reach loopback too.
 *
 * @throws ApiError `api/bad-request`, `api/foreign-host`, `api/foreign-origin`
 */
export function checkLocal(request: HttpRequest): void {
  const host = request.headers.get('host')?.toLowerCase()
  // RFC 9112, 3.2: neither none nor several.
  if (host === undefined || host.includes(',')) throw bad('a request has one Host header')
  if (!hostPattern.test(host)) {
    throw new ApiError(ApiCode.ForeignHost, 'the Host header must name this machine', {})
  }
  const origin = request.headers.get('origin')
  if (origin !== undefined && origin !== `http://${host}`) {
    throw new ApiError(ApiCode.ForeignOrigin, 'pages of other origins may not use this API', {})
  }
  const site = request.headers.get('sec-fetch-site')
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw new ApiError(ApiCode.ForeignOrigin, 'pages of other sites may not use this API', {})
  }
}

/** The bearer token of a request; empty when there is none. */
export function bearerOf(request: HttpRequest): string {
  const header = request.headers.get('authorization') ?? ''
  const match = /^bearer +([^\s]{1,512})$/i.exec(header)
  return match?.[1] ?? ''
}

/** @throws ApiError */
export function idempotencyKeyOf(request: HttpRequest): { readonly idempotencyKey?: string } {
  const key = request.headers.get('idempotency-key')
  if (key === undefined) return {}
  if (key.length > idempotencyKeyCharsMax || !/^[\x21-\x7e]+$/.test(key)) {
    throw bad(`Idempotency-Key must be 1 to ${idempotencyKeyCharsMax} visible ASCII characters`)
  }
  return { idempotencyKey: key }
}

/** In milliseconds. It bounds the look at the token too, before which nothing is refused for it. */
export function deadlineOf(request: HttpRequest): number | 'malformed' {
  const text = request.headers.get('unosys-deadline-ms')
  if (text === undefined) return deadlineMsDefault
  const parsed = deadlineSchema.safeParse(text)
  return parsed.success ? parsed.data : 'malformed'
}

/** @throws ApiError for a malformed deadline. */
export function checkDeadline(deadlineMs: number | 'malformed'): void {
  if (deadlineMs !== 'malformed') return
  throw bad(`Unosys-Deadline-Ms must be a whole number from ${deadlineMsMin} to ${deadlineMsMax}`)
}

/**
 * How the body is wrapped and what is expected of the server: what is not understood is refused, or
 * a body would be stored in its wrapping.
 *
 * @throws ApiError `api/not-implemented`, `api/unsupported-media`, `api/expectation-failed`
 */
export function checkFraming({ headers }: HttpRequest): void {
  const isOther = (name: string, known: string): boolean =>
    (headers.get(name)?.trim().toLowerCase() ?? known) !== known
  if (isOther('transfer-encoding', 'chunked')) {
    const message = 'chunked is the only Transfer-Encoding here'
    throw new ApiError(ApiCode.NotImplemented, message, {})
  }
  if (isOther('content-encoding', 'identity')) {
    const message = 'bodies are taken as they are: Content-Encoding must be identity, or absent'
    throw new ApiError(ApiCode.UnsupportedMedia, message, {})
  }
  if (isOther('expect', '100-continue')) {
    const message = '100-continue is the only expectation that is met'
    throw new ApiError(ApiCode.ExpectationFailed, message, {})
  }
}

/** Announced length of the body; undefined when it is chunked. @throws ApiError */
export function contentLengthOf(request: HttpRequest): number | undefined {
  const text = request.headers.get('content-length')
  if (text === undefined) return undefined
  if (!/^\d{1,16}$/.test(text)) throw bad('Content-Length must be a whole number')
  return Number(text)
}

function etagsOf(name: string, text: string): readonly string[] | '*' {
  if (text.trim() === '*') return '*'
  const etags = text.split(',').map((part) => part.trim())
  if (etags.length > etagsMax || !etags.every((etag) => /^(W\/)?"[\x21\x23-\x7e]*"$/.test(etag))) {
    throw bad(`${name} must be * or up to ${etagsMax} quoted etags`)
  }
  return etags
}

/** `If-Match` compares strongly, `If-None-Match` weakly (our etags are all strong). */
export function preconditionsOf(request: HttpRequest): Preconditions {
  const match = request.headers.get('if-match')
  const noneMatch = request.headers.get('if-none-match')
  return {
    ...(match === undefined ? {} : { ifMatch: etagsOf('If-Match', match) }),
    ...(noneMatch === undefined
      ? {}
      : { ifNoneMatch: weakened(etagsOf('If-None-Match', noneMatch)) }),
  }
}

const weakened = (etags: readonly string[] | '*'): readonly string[] | '*' =>
  etags === '*' ? etags : etags.map((etag) => etag.replace(/^W\//, ''))

export type ByteRange = { readonly start: number; readonly end: number }

/**
 * A single byte range against a size; undefined: the whole (no range, several, or another unit,
 * which a server may ignore).
 *
 * @throws ApiError mapped to 416 by the caller through `unsatisfiable`.
 */
export function rangeOf(
  text: string | undefined,
  size: number,
): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(text?.trim() ?? '')
  if (match === null) return undefined
  const [, first = '', last = ''] = match
  if (first === '' && last === '') return undefined
  if (first === '') {
    const count = Math.min(Number(last), size)
    return count === 0 ? 'unsatisfiable' : { start: size - count, end: size }
  }
  // Positions too large to be exact are all behind the end.
  const start = Number(first)
  const end = last === '' ? size : Math.min(Number(last) + 1, size)
  if (last !== '' && Number(last) < start) return undefined
  return start >= size ? 'unsatisfiable' : { start, end }
}
