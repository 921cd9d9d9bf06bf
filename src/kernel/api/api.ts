/** HTTP on localhost: who may ask, which route, and what an error looks like. No sockets here. */
import { isUnosysError, messageOf } from '../../base/error.ts'
import type { HttpHandler, HttpRequest, HttpResponse } from '../../ports/http.ts'
import { httpStatusOf } from '../../wire/http-status.ts'
import { deadlineMsDefault } from '../../wire/limits.ts'
import { openApiDocument } from '../../wire/openapi.ts'
import type { ProblemBody } from '../../wire/schemas.ts'
import { asFileError, type CallContext, FileCode } from '../filesystem/index.ts'
import type { AuthenticatedSession } from '../users/interface.ts'
import { RequestDeadline } from './deadline.ts'
import { ApiCode, ApiError } from './errors.ts'
import { filesPrefix, json, pathOf } from './file-request.ts'
import { fileMethods } from './files.ts'
import {
  bearerOf,
  checkDeadline,
  checkFraming,
  checkLocal,
  deadlineOf,
  idempotencyKeyOf,
} from './headers.ts'
import type { ApiOptions } from './interface.ts'
import { internalProblem, problemOf, problemResponse } from './problems.ts'

/** The Processor's whole HTTP API as one function. */
export function createApi(options: ApiOptions): HttpHandler {
  const { clock, metrics } = options
  const log = options.log.for('api')
  let requestCount = 0
  return async (request) => {
    const requestId = `r${++requestCount}`
    const startMs = clock.monotonicMs()
    metrics.count('api.requests_count')
    try {
      const response = await bounded(options, request)
      log.debug('answered', {
        request: requestId,
        method: request.method,
        status: response.status,
        tookMs: Math.round(clock.monotonicMs() - startMs),
      })
      return response
    } catch (error) {
      const problem = withMissing(problemOf(asFileError(error)), options)
      if (problem !== undefined) {
        metrics.count('api.problems_count')
        const code = isUnosysError(error) ? error.code : ''
        log.debug('refused', { request: requestId, method: request.method, code })
        return problemResponse(problem)
      }
      if (request.signal.aborted) return gone
      metrics.count('api.failures_count')
      // The message is for the operator; it never holds names or contents of files.
      const stack = error instanceof Error ? error.stack : undefined
      log.error('a request failed', { request: requestId, why: messageOf(error), stack })
      return problemResponse(internalProblem(requestId))
    }
  }
}

/** For a client that is gone: nobody reads it. */
const gone: HttpResponse = { status: 499, headers: [] }

/** Run a request within its deadline, to the end of its answer's body. */
async function bounded(options: ApiOptions, request: HttpRequest): Promise<HttpResponse> {
  checkLocal(request)
  const asked = deadlineOf(request)
  const deadlineMs = asked === 'malformed' ? deadlineMsDefault : asked
  const deadline = new RequestDeadline(options.clock, request.signal, deadlineMs)
  let isStreamed = false
  try {
    const session = await deadline.within(options.authenticate(bearerOf(request)))
    checkDeadline(asked)
    checkFraming(request)
    deadline.mayHaveChanged = request.method !== 'GET' && request.method !== 'HEAD'
    const own = { ...request, body: deadline.received(request.body) }
    const response = await deadline.within(route(options, own, { session, deadline }))
    const { body } = response
    if (body === undefined || body instanceof Uint8Array) return response
    isStreamed = true
    return { ...response, body: deadline.sent(body) }
  } catch (error) {
    // A step that was ended by the signal says that its caller gave up: here nobody did.
    const isOurs = isUnosysError(asFileError(error), FileCode.Cancelled) && deadline.isOver
    throw isOurs ? deadline.failure() : error
  } finally {
    if (!isStreamed) deadline.end()
  }
}

async function route(
  options: ApiOptions,
  request: HttpRequest,
  caller: { readonly session: AuthenticatedSession; readonly deadline: RequestDeadline },
): Promise<HttpResponse> {
  const { session, deadline } = caller
  const { path, method } = request
  if (path === '/v1/status') {
    requireMethod(method, ['GET', 'HEAD'])
    return json(200, options.status())
  }
  if (path === '/v1/openapi.json') {
    requireMethod(method, ['GET', 'HEAD'])
    return json(200, openApiDocument)
  }
  if (path === filesPrefix || path.startsWith(`${filesPrefix}/`)) {
    requireMethod(method, Object.keys(fileMethods))
    const handle = fileMethods[method]
    if (handle === undefined) throw noRoute(path)
    const context: CallContext = {
      session,
      signal: deadline.signal,
      deadline,
      ...idempotencyKeyOf(request),
    }
    return handle({ filesystem: options.filesystem, request, path: pathOf(path), context })
  }
  throw noRoute(path)
}

/** A problem of too few Processors says how many there are and must be, if the group lacks some. */
function withMissing(
  problem: ProblemBody | undefined,
  options: ApiOptions,
): ProblemBody | undefined {
  if (problem?.status !== httpStatusOf[FileCode.Unavailable] || 'needed' in problem) return problem
  const { quorum, reachable } = options.status().group
  return reachable < quorum ? { ...problem, needed: quorum, reachable } : problem
}

const noRoute = (path: string): ApiError =>
  new ApiError(ApiCode.NoSuchRoute, 'no such route; GET /v1/openapi.json lists them', {
    path: path.slice(0, 200),
  })

function requireMethod(method: string, allowed: readonly string[]): void {
  if (allowed.includes(method)) return
  const message = `this route takes ${allowed.join(', ')}`
  throw new ApiError(ApiCode.MethodNotAllowed, message, { allowed: allowed.join(', ') })
}
