/** Headers, problems and limits of the OpenAPI document. */
import { httpStatusOf, retryAfterSeconds } from './http-status.ts'
import {
  blockBytesMax,
  blockBytesMin,
  blockMapLimitMax,
  deadlineMsDefault,
  deadlineMsMax,
  deadlineMsMin,
  etagsMax,
  idempotencyKeyCharsMax,
  jsonBodyBytesMax,
  listLimitMax,
  pathBytesMax,
  sizeMax,
} from './limits.ts'
import { type JsonObject, schemaRef } from './openapi-schemas.ts'

const reasons: Readonly<Record<number, string>> = {
  400: 'The request is not valid: a path, parameter, header or body breaks a rule',
  401: 'No token, or none that this world knows',
  403: 'Not from this machine, or without the right',
  404: 'Nothing is there',
  405: 'The route does not take this method',
  409: 'Contradicts what is there',
  412: 'If-Match or If-None-Match did not hold',
  413: 'More bytes than one request may carry',
  415: 'PATCH takes bytes with `at`, or JSON; no body may be encoded (`Content-Encoding`)',
  416: 'The range begins behind the end of the file',
  417: 'Expect asks for what is not known',
  422: 'Another request was carried out under this Idempotency-Key',
  429: 'Too many requests',
  431: 'More headers than are read',
  499: 'The client gave up; nobody reads this answer',
  500: 'The Processor failed, or the contents of a file are damaged beyond its replicas',
  501: 'A Transfer-Encoding other than chunked',
  503: 'Not enough Processors answer; `filesystem/unconfirmed`: the change may have happened',
  507: 'No room',
}

/** `Problem400` …: one response for each status that a problem can have, naming its codes. */
export function problemResponses(): JsonObject {
  const byStatus = new Map<number, string[]>()
  for (const [code, status] of Object.entries(httpStatusOf)) {
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  const responses = [...byStatus].map(([status, codes]) => [
    `Problem${status}`,
    {
      description: `${reasons[status] ?? 'Error'}. Codes: ${codes.map((code) => `\`${code}\``).join(', ')}`,
      ...(status === 503 || status === 429
        ? {
            headers: {
              'Retry-After': {
                description: 'Seconds to wait before asking again',
                schema: { type: 'integer', const: retryAfterSeconds },
              },
            },
          }
        : {}),
      content: { 'application/problem+json': { schema: schemaRef('Problem') } },
    },
  ])
  return Object.fromEntries(responses) as JsonObject
}

export const problemRefs = (...statuses: readonly number[]): JsonObject =>
  Object.fromEntries(
    statuses.map((status) => [String(status), { $ref: `#/components/responses/Problem${status}` }]),
  )

const text = (maxLength?: number): JsonObject => ({
  type: 'string',
  ...(maxLength === undefined ? {} : { maxLength }),
})

/** `#/components/parameters`: the path and the headers that routes share. */
export const parameters: Readonly<Record<string, JsonObject>> = {
  Path: {
    name: 'path',
    in: 'path',
    required: true,
    description:
      'Path of a file or directory without its first slash, such as `public/notes/a.txt`; empty ' +
      'for the root. Slashes stay as they are; each name is percent-encoded UTF-8. Names have 1 to ' +
      '255 bytes, without `/` and NUL, and are not `.` or `..`.',
    schema: text(pathBytesMax),
    example: 'public/hello.txt',
  },
  IfMatch: {
    name: 'If-Match',
    in: 'header',
    description: `Act only if the target has one of these etags (at most ${etagsMax}), or exists (\`*\`)`,
    schema: text(),
  },
  IfNoneMatch: {
    name: 'If-None-Match',
    in: 'header',
    description: `Act only if the target has none of these etags, or does not exist (\`*\`: create only). GET and HEAD answer 304 instead`,
    schema: text(),
  },
  Range: {
    name: 'Range',
    in: 'header',
    description: 'One range of bytes, as `bytes=0-499`, `bytes=500-` or `bytes=-500`',
    schema: text(),
  },
  IfRange: {
    name: 'If-Range',
    in: 'header',
    description: 'An etag: take the range only of this version, or else the whole file',
    schema: text(),
  },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    description:
      'Drawn by the client for one change. After `filesystem/unconfirmed`, the same request with ' +
      'the same key is done once, whether or not the first one was; another request with the key ' +
      'of one that was done is refused with 422',
    schema: {
      type: 'string',
      minLength: 1,
      maxLength: idempotencyKeyCharsMax,
      pattern: '^[!-~]+$',
    },
  },
  DeadlineMs: {
    name: 'Unosys-Deadline-Ms',
    in: 'header',
    description:
      'How long the whole request may wait for other Processors before the answer is 503; while a ' +
      'body streams, how long it may stand still',
    schema: {
      type: 'integer',
      minimum: deadlineMsMin,
      maximum: deadlineMsMax,
      default: deadlineMsDefault,
    },
  },
}

export const parameterRefs = (...names: readonly string[]): readonly JsonObject[] =>
  names.map((name) => ({ $ref: `#/components/parameters/${name}` }))

/** `#/components/headers`: what answers say about a file. */
export const headers: Readonly<Record<string, JsonObject>> = {
  ETag: { description: 'Strong validator; changes with every write', schema: text() },
  LastModified: { description: 'Time of the last change', schema: text() },
  Location: { description: 'Where the file is now', schema: text() },
  ContentRange: { description: 'The bytes given, and the size of the file', schema: text() },
  Kind: {
    description: 'What the path leads to',
    schema: { type: 'string', enum: ['file', 'directory', 'volume'] },
  },
  Id: { description: 'Stable over renames', schema: text() },
  BlockBytes: { description: 'Bytes of a block', schema: { type: 'integer' } },
  Replicas: { description: 'Copies of each block', schema: { type: 'integer' } },
}

const headerRef = (name: string): JsonObject => ({ $ref: `#/components/headers/${name}` })

export const infoHeaders: JsonObject = {
  ETag: headerRef('ETag'),
  'Last-Modified': headerRef('LastModified'),
  'Unosys-Kind': headerRef('Kind'),
  'Unosys-Id': headerRef('Id'),
  'Unosys-Block-Bytes': headerRef('BlockBytes'),
  'Unosys-Replicas': headerRef('Replicas'),
}

export const locatedHeaders: JsonObject = { ...infoHeaders, Location: headerRef('Location') }
export const rangedHeaders: JsonObject = {
  ...infoHeaders,
  'Content-Range': headerRef('ContentRange'),
}

/** `x-unosys-limits`: the bounds of requests, for clients that check before they ask. */
export const limits: JsonObject = {
  pathBytesMax,
  blockBytesMin,
  blockBytesMax,
  listLimitMax,
  blockMapLimitMax,
  jsonBodyBytesMax,
  idempotencyKeyCharsMax,
  deadlineMsMin,
  deadlineMsMax,
  deadlineMsDefault,
  sizeMax,
  etagsMax,
}
