/** `/v1/files/…`: the file system's verbs as HTTP methods on paths. Reading: `read-file.ts`. */
import { emptyBytes } from '../../base/bytes.ts'
import type { HttpRequest } from '../../ports/http.ts'
import { jsonBodyBytesMax } from '../../wire/limits.ts'
import {
  changeSchema,
  creationQuerySchema,
  emptyQuerySchema,
  patchQuerySchema,
} from '../../wire/schemas.ts'
import { ApiCode, ApiError } from './errors.ts'
import {
  type FileRequest,
  filesPrefix,
  infoHeaders,
  json,
  parse,
  parseQuery,
  type Reply,
} from './file-request.ts'
import { contentLengthOf, preconditionsOf } from './headers.ts'
import { getFile } from './read-file.ts'

export const fileMethods: Readonly<Record<string, (call: FileRequest) => Reply>> = {
  GET: getFile,
  HEAD: getFile,
  PUT: putFile,
  PATCH: patchFile,
  DELETE: deleteFile,
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
        ? await filesystem.makeVolume(path, { ...creation, ...conditions }, context)
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
