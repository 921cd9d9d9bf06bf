/** What all verbs on `/v1/files/…` share: the path, the query, and how an answer looks. */
import { utf8 } from '../../base/bytes.ts'
import type { HttpRequest, HttpResponse } from '../../ports/http.ts'
import { parseWith, type Schema } from '../../wire/parse.ts'
import {
  type CallContext,
  FileCode,
  FileError,
  type FileInfo,
  type FileSystem,
} from '../filesystem/index.ts'
import { ApiCode, ApiError } from './errors.ts'
import { httpDate } from './http-date.ts'

export type FileRequest = {
  readonly filesystem: FileSystem
  readonly request: HttpRequest
  readonly path: string
  readonly context: CallContext
}

export type Reply = Promise<HttpResponse>

export const filesPrefix = '/v1/files'

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

/** @throws ApiError naming what is wrong. */
export function parse<Value>(schema: Schema<Value>, given: unknown, where: string): Value {
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

/** What answers say of a file or directory in headers. */
export const infoHeaders = (info: FileInfo): [string, string][] => [
  ['etag', info.etag],
  ['last-modified', httpDate(info.modifiedMs)],
  ['unosys-kind', info.kind],
  ['unosys-id', info.id],
  ['unosys-block-bytes', String(info.blockBytes)],
  ['unosys-replicas', String(info.replicas)],
]
