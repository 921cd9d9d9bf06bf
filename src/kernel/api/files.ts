/** `/v1/files/…`: the file system's verbs as HTTP methods on paths. */
import { emptyBytes, utf8 } from '../../base/bytes.ts'
import type { HttpRequest, HttpResponse } from '../../ports/http.ts'
import { blockMapLimitMax, jsonBodyBytesMax, listLimitMax } from '../../wire/limits.ts'
import { parseWith, type Schema } from '../../wire/parse.ts'
import {
  changeSchema,
  creationQuerySchema,
  emptyQuerySchema,
  patchQuerySchema,
  readQuerySchema,
} from '../../wire/schemas.ts'
import {
  type CallContext,
  FileCode,
  FileError,
  type FileInfo,
  type FileSystem,
} from '../filesystem/index.ts'
import { ApiCode, ApiError } from './errors.ts'
import { type ByteRange, contentLengthOf, preconditionsOf, rangeOf } from './headers.ts'
import { httpDate } from './http-date.ts'

export type FileRequest = {
  readonly filesystem: FileSystem
  readonly request: HttpRequest
  readonly path: string
  readonly context: CallContext
}

type Reply = Promise<HttpResponse>

export const filesPrefix = '/v1/files'

export const fileMethods: Readonly<Record<string, (call: FileRequest) => Reply>> = {
  GET: getFile,
  HEAD: headFile,
  PUT: putFile,
  PATCH: patchFile,
  DELETE: deleteFile,
}

/**
 * The file system's path of a request path. Each name is percent-decoded once, alone, so that an
 * encoded slash stays inside its name (and is refused there).
 *
 * @throws ApiError for a broken escape or bytes that are not UTF-8.
 */
export function pathOf(requestPath: string): string {
  const rest = requestPath.slice(filesPrefix.length)
  if (rest === '' || rest === '/') return '/'
  try {
    const names = rest.split('/').map(decodeURIComponent)
    if (names.some((name) => name.includes('/'))) {
      throw new FileError(FileCode.BadPath, 'a name contains an encoded slash', {})
    }
    return names.join('/')
  } catch (error) {
    if (error instanceof FileError) throw error
    throw new ApiError(ApiCode.BadRequest, 'the path is not percent-encoded UTF-8', {})
  }
}

/** @throws ApiError naming the parameter. */
export function parseQuery<Value>(schema: Schema<Value>, request: HttpRequest): Value {
  const given: Record<string, string> = {}
  for (const [name, value] of request.query) {
    if (Object.hasOwn(given, name)) {
      throw new ApiError(ApiCode.BadRequest, `query parameter ${name} is given twice`, {})
    }
    Object.defineProperty(given, name, { value, enumerable: true })
  }
  return parse(schema, given, 'query')
}

function parse<Value>(schema: Schema<Value>, given: unknown, where: string): Value {
  const parsed = parseWith(schema, given)
  if (parsed.ok) return parsed.value
  throw new ApiError(ApiCode.BadRequest, `${where}: ${parsed.why}`, {})
}

export const json = (
  status: number,
  body: unknown,
  headers: readonly (readonly [string, string])[] = [],
): HttpResponse => ({
  status,
  headers: [['content-type', 'application/json'], ['cache-control', 'no-store'], ...headers],
  body: utf8(JSON.stringify(body)),
})

const infoHeaders = (info: FileInfo): [string, string][] => [
  ['etag', info.etag],
  ['last-modified', httpDate(info.modifiedMs)],
  ['unosys-kind', info.kind],
  ['unosys-id', info.id],
  ['unosys-block-bytes', String(info.blockBytes)],
  ['unosys-replicas', String(info.replicas)],
]

async function getFile(call: FileRequest): Reply {
  const { filesystem, request, path, context } = call
  const query = parseQuery(readQuerySchema, request)
  if (query.view === 'info') {
    const info = await filesystem.stat(path, context)
    return json(200, info, infoHeaders(info))
  }
  if (query.view === 'blocks') {
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
  const countMax = Math.min(query.limit ?? listLimitMax, listLimitMax)
  const cursor = query.cursor === undefined ? {} : { cursor: query.cursor }
  return json(200, await filesystem.list(path, { countMax, ...cursor }, context))
}

async function content(call: FileRequest): Reply {
  const { filesystem, request, path, context } = call
  const { ifMatch, ifNoneMatch } = preconditionsOf(request)
  const ranged = request.headers.get('range')
  const ifRange = request.headers.get('if-range')
  let partial: ByteRange | undefined
  const opened = await filesystem.read(
    path,
    {
      ...(ifMatch === undefined ? {} : { ifMatch }),
      range: (size) => {
        const range = rangeOf(ranged, size)
        if (range === 'unsatisfiable') {
          throw new FileError(FileCode.BadRange, `the file has ${size} bytes`, { size })
        }
        partial = range
        return range
      },
    },
    context,
  )
  const { info, stream } = opened
  const headers: [string, string][] = [
    ...infoHeaders(info),
    ['accept-ranges', 'bytes'],
    ['cache-control', 'private, no-cache'],
    ['content-type', 'application/octet-stream'],
    ['x-content-type-options', 'nosniff'],
  ]
  if (ifNoneMatch !== undefined && (ifNoneMatch === '*' || ifNoneMatch.includes(info.etag))) {
    return { status: 304, headers: [['etag', info.etag]] }
  }
  if (partial !== undefined && ifRange !== undefined && ifRange !== info.etag) {
    const whole = await filesystem.read(path, { ifMatch: [info.etag] }, context)
    headers.push(['content-length', String(info.size)])
    return { status: 200, headers, body: whole.stream }
  }
  headers.push(['content-length', String(opened.end - opened.start)])
  if (partial === undefined) return { status: 200, headers, body: stream }
  headers.push(['content-range', `bytes ${opened.start}-${opened.end - 1}/${info.size}`])
  return { status: 206, headers, body: stream }
}

async function headFile(call: FileRequest): Reply {
  const { filesystem, request, path, context } = call
  parseQuery(emptyQuerySchema, request)
  const info = await filesystem.stat(path, context)
  const { ifNoneMatch } = preconditionsOf(request)
  if (ifNoneMatch !== undefined && (ifNoneMatch === '*' || ifNoneMatch.includes(info.etag))) {
    return { status: 304, headers: [['etag', info.etag]] }
  }
  const headers = infoHeaders(info)
  if (info.kind === 'file') {
    headers.push(['content-length', String(info.size)], ['accept-ranges', 'bytes'])
    headers.push(['content-type', 'application/octet-stream'])
  }
  return { status: 200, headers }
}

async function putFile(call: FileRequest): Reply {
  const { filesystem, request, path, context } = call
  const { kind, ...creation } = definedOf(parseQuery(creationQuerySchema, request))
  const conditions = preconditionsOf(request)
  if (request.headers.has('content-range')) {
    throw new ApiError(ApiCode.BadRequest, 'PUT takes whole files; use PATCH ?at=OFFSET', {})
  }
  if (kind === 'directory' || kind === 'volume') {
    await refuseBody(request)
    const info =
      kind === 'volume'
        ? await filesystem.makeVolume(path, creation, context)
        : await filesystem.makeDirectory(path, { ...creation, ...conditions }, context)
    return json(201, info, [...infoHeaders(info), ['location', locationOf(info.path)]])
  }
  const expectedBytes = contentLengthOf(request)
  const expected = expectedBytes === undefined ? {} : { expectedBytes }
  const options = { ...creation, ...conditions, ...expected }
  const { info, created } = await filesystem.write(path, request.body, options, context)
  return json(created ? 201 : 200, info, [
    ...infoHeaders(info),
    ['location', locationOf(info.path)],
  ])
}

async function patchFile(call: FileRequest): Reply {
  const { filesystem, request, path, context } = call
  const { at } = parseQuery(patchQuerySchema, request)
  const conditions = preconditionsOf(request)
  const media = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
  if (at !== undefined) {
    const expectedBytes = contentLengthOf(request)
    const expected = expectedBytes === undefined ? {} : { expectedBytes }
    const options = { ...conditions, ...expected, at }
    const info = await filesystem.patch(path, request.body, options, context)
    return json(200, info, infoHeaders(info))
  }
  if (media !== 'application/json') {
    const message = 'PATCH takes bytes with ?at=OFFSET or ?at=end, or application/json'
    throw new ApiError(ApiCode.UnsupportedMedia, message, {})
  }
  const change = parse(changeSchema, await jsonBody(request), 'body')
  if (change.op === 'truncate') {
    const info = await filesystem.truncate(path, change.size, conditions, context)
    return json(200, info, infoHeaders(info))
  }
  const replace = change.replace === undefined ? {} : { replace: change.replace }
  const info = await filesystem.rename(path, change.to, { ...conditions, ...replace }, context)
  return json(200, info, [...infoHeaders(info), ['location', locationOf(info.path)]])
}

async function deleteFile(call: FileRequest): Reply {
  const { filesystem, request, path, context } = call
  parseQuery(emptyQuerySchema, request)
  await filesystem.remove(path, preconditionsOf(request), context)
  return { status: 204, headers: [], body: emptyBytes }
}

const locationOf = (path: string): string =>
  filesPrefix + path.split('/').map(encodeURIComponent).join('/')

async function refuseBody(request: HttpRequest): Promise<void> {
  for await (const chunk of request.body) {
    if (chunk.length > 0) {
      throw new ApiError(ApiCode.BadRequest, 'making a directory takes no body', {})
    }
  }
}

/** @throws ApiError for a body that is too long or not JSON. */
async function jsonBody(request: HttpRequest): Promise<unknown> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  let length = 0
  try {
    for await (const chunk of request.body) {
      length += chunk.length
      if (length > jsonBodyBytesMax) break
      text += decoder.decode(chunk, { stream: true })
    }
    if (length <= jsonBodyBytesMax) return JSON.parse(text + decoder.decode())
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof TypeError)) throw error
    throw new ApiError(ApiCode.BadRequest, 'the body is not JSON', {})
  }
  throw new ApiError(ApiCode.BadRequest, `the body has more than ${jsonBodyBytesMax} bytes`, {})
}

type Defined<Value> = { [Key in keyof Value]: Exclude<Value[Key], undefined> }

/** Without the keys whose value is undefined (`exactOptionalPropertyTypes`). */
function definedOf<Value extends object>(value: Value): Partial<Defined<Value>> {
  return Object.fromEntries(
    Object.entries(value).filter(([, held]) => held !== undefined),
  ) as Partial<Defined<Value>>
}
