/**
 * GET and HEAD on `/v1/files/…`. HEAD is GET without the body, so both run through the same code;
 * where the length of GET's body would have to be found out by making it, HEAD says none.
 *
 * Conditions come before everything else that depends on what is there (RFC 9110, 13.2.2):
 * If-Match, If-None-Match, and only then a range, which If-Range may take back.
 */
import type { HttpResponse } from '../../ports/http.ts'
import { blockMapLimitMax, listLimitMax } from '../../wire/limits.ts'
import { readQuerySchema } from '../../wire/schemas.ts'
import { checkPreconditions, FileCode, FileError, type Preconditions } from '../filesystem/index.ts'
import { type FileRequest, infoHeaders, json, parseQuery, type Reply } from './file-request.ts'
import { type ByteRange, preconditionsOf, rangeOf } from './headers.ts'

/** Also HEAD. */
export async function getFile(call: FileRequest): Reply {
  const { filesystem, request, path, context } = call
  const query = parseQuery(readQuerySchema, request)
  if (query.view === 'info') {
    const info = await filesystem.stat(path, context)
    return judged(call, info.etag) ?? json(200, info, infoHeaders(info))
  }
  if (query.view === 'blocks') {
    const unchanged = await judgedFirst(call)
    if (unchanged !== undefined) return unchanged
    const page = { fromBlock: query.fromBlock ?? 0, countMax: query.limit ?? blockMapLimitMax }
    return json(200, await filesystem.blockMap(path, page, context))
  }
  const wantsListing = query.cursor !== undefined || query.limit !== undefined || path.endsWith('/')
  if (!wantsListing) {
    try {
      return await content(call)
    } catch (error) {
      const isDirectory = error instanceof FileError && error.code === FileCode.WrongKind
      if (!isDirectory) throw error
    }
  }
  return listing(call, query)
}

async function listing(
  call: FileRequest,
  query: { readonly limit?: number | undefined; readonly cursor?: string | undefined },
): Reply {
  const { filesystem, request, path, context } = call
  const isHead = request.method === 'HEAD'
  const countMax = isHead ? 1 : Math.min(query.limit ?? listLimitMax, listLimitMax)
  const cursor = query.cursor === undefined ? {} : { cursor: query.cursor }
  const listed = await filesystem.list(path, { countMax, ...cursor }, context)
  const { directory } = listed
  const unchanged = judged(call, directory.etag)
  if (unchanged !== undefined) return unchanged
  const { body, ...head } = json(200, listed, infoHeaders(directory))
  return isHead || body === undefined ? head : { ...head, body }
}

/** The answer 304, where the conditions ask for it. @throws FileError `filesystem/precondition` */
function judged(call: FileRequest, etag: string): HttpResponse | undefined {
  const { ifMatch, ifNoneMatch } = preconditionsOf(call.request)
  if (ifMatch !== undefined) checkPreconditions({ ifMatch }, etag)
  if (!isUnchanged(ifNoneMatch, etag)) return undefined
  return { status: 304, headers: [['etag', etag]] }
}

/** The same, of what does not tell its etag by itself. */
async function judgedFirst(call: FileRequest): Promise<HttpResponse | undefined> {
  const { ifMatch, ifNoneMatch } = preconditionsOf(call.request)
  if (ifMatch === undefined && ifNoneMatch === undefined) return undefined
  const { etag } = await call.filesystem.stat(call.path, call.context)
  return judged(call, etag)
}

const isUnchanged = (ifNoneMatch: Preconditions['ifNoneMatch'], etag: string): boolean =>
  ifNoneMatch !== undefined && (ifNoneMatch === '*' || ifNoneMatch.includes(etag))

async function content(call: FileRequest): Reply {
  const { filesystem, request, path, context } = call
  const isHead = request.method === 'HEAD'
  const { ifMatch, ifNoneMatch } = preconditionsOf(request)
  const ifRange = request.headers.get('if-range')
  const found: { partial?: ByteRange; isUnchanged?: boolean } = {}
  const range = (size: number, etag: string): ByteRange | undefined => {
    found.isUnchanged = isUnchanged(ifNoneMatch, etag)
    // Of HEAD there is no part (RFC 9110, 14.2).
    const isWhole = found.isUnchanged || isHead || (ifRange !== undefined && ifRange !== etag)
    const wanted = isWhole ? undefined : rangeOf(request.headers.get('range'), size)
    if (wanted === 'unsatisfiable') {
      throw new FileError(FileCode.BadRange, `the file has ${size} bytes`, { size })
    }
    if (wanted !== undefined) found.partial = wanted
    return wanted
  }
  const conditions = ifMatch === undefined ? {} : { ifMatch }
  const opened = await filesystem.read(path, { ...conditions, range }, context)
  const { info, start, end, stream } = opened
  if (found.isUnchanged === true) return { status: 304, headers: [['etag', info.etag]] }
  const headers: [string, string][] = [
    ...infoHeaders(info),
    ['accept-ranges', 'bytes'],
    ['cache-control', 'private, no-cache'],
    ['content-type', 'application/octet-stream'],
    ['x-content-type-options', 'nosniff'],
    ['content-length', String(end - start)],
  ]
  if (isHead) return { status: 200, headers }
  if (found.partial === undefined) return { status: 200, headers, body: stream }
  headers.push(['content-range', `bytes ${start}-${end - 1}/${info.size}`])
  return { status: 206, headers, body: stream }
}
