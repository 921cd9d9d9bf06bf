/** HTTP on localhost: who may ask, which route, and what an error looks like. No sockets here. */
import { isUnosysError, messageOf } from '../../base/error.ts'
import type { HttpHandler, HttpRequest, HttpResponse } from '../../ports/http.ts'
import { openApiDocument } from '../../wire/openapi.ts'
import { asFileError, type CallContext } from '../filesystem/index.ts'
import { ApiCode, ApiError } from './errors.ts'
import { fileMethods, filesPrefix, json, pathOf } from './files.ts'
import { bearerOf, checkLocal, deadlineOf, idempotencyKeyOf } from './headers.ts'
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
      const response = await route(options, request)
      log.debug('answered', {
        request: requestId,
        method: request.method,
        status: response.status,
        tookMs: Math.round(clock.monotonicMs() - startMs),
      })
      return response
    } catch (error) {
      const problem = problemOf(asFileError(error))
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

async function route(options: ApiOptions, request: HttpRequest): Promise<HttpResponse> {
  checkLocal(request)
  const session = await options.authenticate(bearerOf(request))
  const { path, method } = request
  if (path === '/v1/status') {
    requireMethod(method, ['GET'])
    return json(200, options.status())
  }
  if (path === '/v1/openapi.json') {
    requireMethod(method, ['GET'])
    return json(200, openApiDocument)
  }
  if (path === filesPrefix || path.startsWith(`${filesPrefix}/`)) {
    requireMethod(method, Object.keys(fileMethods))
    const handle = fileMethods[method]
    if (handle === undefined) throw noRoute(path)
    const context: CallContext = {
      session,
      signal: request.signal,
      deadlineMs: deadlineOf(request),
      ...idempotencyKeyOf(request),
    }
    return handle({ filesystem: options.filesystem, request, path: pathOf(path), context })
  }
  throw noRoute(path)
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
