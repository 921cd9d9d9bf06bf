/** Errors as RFC 9457 problems. */
import { assert } from '../../base/assert.ts'
import { utf8 } from '../../base/bytes.ts'
import { isUnosysError, type UnosysError } from '../../base/error.ts'
import type { HttpRefusal, HttpResponse } from '../../ports/http.ts'
import { httpStatusOf, type PublicCode, retryAfterSeconds } from '../../wire/http-status.ts'
import type { ProblemBody } from '../../wire/schemas.ts'
import type { FileCode } from '../filesystem/index.ts'
import { ApiCode, ApiError } from './errors.ts'

/** Each code of these layers has a status; a new one without a line in `wire` does not compile. */
const complete: Record<FileCode | ApiCode, number> = httpStatusOf

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  417: 'Expectation Failed',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  499: 'Client Closed Request',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  507: 'Insufficient Storage',
}

const isPublic = (code: string): code is PublicCode => Object.hasOwn(httpStatusOf, code)

/** The problem that an error means to the application; undefined for a fault of our own. */
export function problemOf(error: unknown): ProblemBody | undefined {
  if (!isUnosysError(error)) return undefined
  const code = publicCodeOf(error)
  if (code === undefined) return undefined
  const status = httpStatusOf[code]
  const detail = typeof error.detail === 'object' && error.detail !== null ? error.detail : {}
  return {
    ...printable(detail),
    type: `urn:unosys:problem:${code}`,
    title: titles[status] ?? 'Error',
    status,
    detail: error.message,
    code,
  }
}

function publicCodeOf(error: UnosysError): PublicCode | undefined {
  if (isPublic(error.code)) return error.code
  // Every refusal of a token is the same to the outside: it must not tell why.
  if (error.code.startsWith('users/')) return 'users/unauthenticated'
  // No quorum to look at a token's record; the file system turns its own into codes of its own.
  if (error.code.startsWith('group/')) return 'filesystem/unavailable'
  return undefined
}

function printable(detail: object): Record<string, string | number | boolean> {
  const plain: Record<string, string | number | boolean> = {}
  for (const [key, value] of Object.entries(detail)) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      plain[key] = value
    }
  }
  return plain
}

export const internalProblem = (requestId: string): ProblemBody => ({
  type: 'urn:unosys:problem:api/internal',
  title: 'Internal Server Error',
  status: complete['api/internal'],
  detail: `the Processor failed; its log has the reason under request ${requestId}`,
  code: 'api/internal',
  request: requestId,
})

const refusals: Readonly<Record<HttpRefusal, ApiError>> = {
  malformed: new ApiError(ApiCode.BadRequest, 'this is not a request of HTTP/1.1', {}),
  'cut-off': new ApiError(ApiCode.BadRequest, 'the request ended before all of it had come', {}),
  'headers-too-large': new ApiError(ApiCode.HeadersTooLarge, 'the headers are too large', {}),
}

/** What a client is told whose bytes never became a request: no handler sees those. */
export function refusalOf(why: HttpRefusal): HttpResponse {
  const problem = problemOf(refusals[why])
  assert(problem !== undefined, 'a refusal is a public error')
  return problemResponse(problem)
}

export function problemResponse(problem: ProblemBody): HttpResponse {
  const headers: [string, string][] = [
    ['content-type', 'application/problem+json'],
    ['cache-control', 'no-store'],
  ]
  if (problem.status === 401) headers.push(['www-authenticate', 'Bearer realm="unosys"'])
  if (problem.status === 503 || problem.status === 429) {
    headers.push(['retry-after', String(retryAfterSeconds)])
  }
  if (problem.status === 405 && typeof problem.allowed === 'string') {
    headers.push(['allow', problem.allowed])
  }
  if (problem.status === 416 && typeof problem.size === 'number') {
    headers.push(['content-range', `bytes */${problem.size}`])
  }
  return { status: problem.status, headers, body: utf8(JSON.stringify(problem)) }
}
