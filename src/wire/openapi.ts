/**
 * The OpenAPI 3.1 document of the HTTP API, made from the schemas that the Processor checks
 * requests with. Served at `/v1/openapi.json`.
 *
 * OpenAPI has no parameter that spans slashes; `{path}` does here, which its description says and
 * `x-unosys-spans-slashes` marks.
 */
import {
  headers,
  infoHeaders,
  limits,
  locatedHeaders,
  parameterRefs,
  parameters,
  problemRefs,
  problemResponses,
  rangedHeaders,
} from './openapi-parts.ts'
import { componentSchemas, type JsonObject, queryParameters, schemaRef } from './openapi-schemas.ts'
import { creationQuerySchema, patchQuerySchema, readQuerySchema } from './schemas.ts'

const json = (name: Parameters<typeof schemaRef>[0]): JsonObject => ({
  'application/json': { schema: schemaRef(name) },
})

const bytes: JsonObject = { 'application/octet-stream': { schema: {} } }

/** Every route is refused without a token, to foreign pages, and while the Processor stops. */
const anyRoute = [400, 401, 403, 415, 417, 429, 431, 500, 501, 503]

const status: JsonObject = {
  operationId: 'getStatus',
  summary: 'How this Processor and its world are (HEAD: the headers alone)',
  responses: {
    '200': { description: 'As this Processor sees it now', content: json('Status') },
    ...problemRefs(405, ...anyRoute),
  },
}

const openApi: JsonObject = {
  operationId: 'getOpenApi',
  summary: 'This document (HEAD: the headers alone)',
  responses: {
    '200': {
      description: 'OpenAPI 3.1',
      content: { 'application/json': { schema: { type: 'object' } } },
    },
    ...problemRefs(405, ...anyRoute),
  },
}

const readParameters: readonly JsonObject[] = [
  ...parameterRefs('Range', 'IfRange', 'IfMatch', 'IfNoneMatch', 'DeadlineMs'),
  ...queryParameters(readQuerySchema, {
    view: 'What of it: its content (default), its description, or its block map',
    cursor: 'Of the page before; directories only',
    limit: 'Entries (at most 1000) or blocks (at most 4096) of a page',
    fromBlock: 'First block of the page; with `view=blocks`',
  }),
]

const get: JsonObject = {
  operationId: 'readFile',
  summary: 'Read a file, list a directory, or look at either',
  description:
    'A file answers with its bytes, a directory with a page of its entries. `view=info` describes ' +
    'either, `view=blocks` tells which Processors hold the blocks of a file. A reader sees one ' +
    'version of the file to its end, also when it is replaced meanwhile. A body that ends before ' +
    '`Content-Length` is an error that came too late for a status: read again.',
  parameters: readParameters,
  responses: {
    '200': {
      description: 'The file, a page of the directory, a description, or a page of the block map',
      headers: infoHeaders,
      content: {
        ...bytes,
        'application/json': {
          schema: { oneOf: [schemaRef('Listing'), schemaRef('FileInfo'), schemaRef('BlockMap')] },
        },
      },
    },
    '206': { description: 'The range asked for', headers: rangedHeaders, content: bytes },
    '304': { description: 'Unchanged: If-None-Match names the current etag' },
    ...problemRefs(404, 409, 412, 416, ...anyRoute),
  },
}

const head: JsonObject = {
  operationId: 'statFile',
  summary: 'What GET answers, without the body; of a directory also without its length',
  parameters: readParameters,
  responses: {
    '200': { description: 'It is there', headers: infoHeaders },
    '304': { description: 'Unchanged: If-None-Match names the current etag' },
    ...problemRefs(404, 409, 412, ...anyRoute),
  },
}

const put: JsonObject = {
  operationId: 'writeFile',
  summary: 'Create or replace a file, or make a directory or volume',
  description:
    'The body is the whole file, streamed. Readers see the old file or the new one, never a part; ' +
    'a client that hangs up in the middle leaves no trace. Block size and replicas are chosen at ' +
    'creation; the defaults come from the volume. Making a directory takes no body.',
  parameters: [
    ...parameterRefs('IfMatch', 'IfNoneMatch', 'IdempotencyKey', 'DeadlineMs'),
    ...queryParameters(creationQuerySchema, {
      kind: 'What to make: a file (default), a directory, or a volume (a directory under the root with its own defaults)',
      blockBytes: 'Bytes of a block, a power of two; for a directory: of files made in it',
      replicas: 'Copies of each block, on as many Processors',
      parents: 'Make missing directories on the way; an existing directory is then no error',
    }),
  ],
  requestBody: { required: false, content: { '*/*': { schema: {} } } },
  responses: {
    '200': { description: 'Replaced', headers: locatedHeaders, content: json('FileInfo') },
    '201': { description: 'Created', headers: locatedHeaders, content: json('FileInfo') },
    ...problemRefs(404, 409, 412, 413, 422, 507, ...anyRoute),
  },
}

const patch: JsonObject = {
  operationId: 'changeFile',
  summary: 'Write inside a file, append, truncate, or rename',
  description:
    'With `at`, the body is bytes for that offset or the end; beyond the end, zeros stand between. ' +
    'Without it, the body is JSON and says what to do; `rename` is atomic, within and across directories.',
  parameters: [
    ...parameterRefs('IfMatch', 'IfNoneMatch', 'IdempotencyKey', 'DeadlineMs'),
    ...queryParameters(patchQuerySchema, { at: 'Offset in bytes, or `end` to append' }),
  ],
  requestBody: { required: true, content: { ...json('Change'), ...bytes } },
  responses: {
    '200': { description: 'Done', headers: infoHeaders, content: json('FileInfo') },
    ...problemRefs(404, 409, 412, 413, 422, 507, ...anyRoute),
  },
}

const remove: JsonObject = {
  operationId: 'removeFile',
  summary: 'Remove a file, or an empty directory or volume',
  parameters: [...parameterRefs('IfMatch', 'IfNoneMatch', 'IdempotencyKey', 'DeadlineMs')],
  responses: {
    '204': { description: 'Removed' },
    ...problemRefs(404, 409, 412, 422, ...anyRoute),
  },
}

/** Plain JSON: it can be printed as it is. */
export const openApiDocument: JsonObject = {
  openapi: '3.1.0',
  info: {
    title: 'UnoSys',
    version: '1',
    summary: 'The HTTP API of the Processor on this machine',
    description:
      'Applications talk to the Processor on their own machine and see one computer: the same ' +
      'paths lead to the same files at every Processor of a world. Errors are problems of RFC 9457 ' +
      'whose `code` is stable.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  servers: [
    {
      url: 'http://127.0.0.1:{port}',
      description: 'The Processor on this machine; it listens nowhere else',
      variables: { port: { default: '7300' } },
    },
  ],
  security: [{ token: [] }],
  paths: {
    '/v1/status': { get: status },
    '/v1/openapi.json': { get: openApi },
    '/v1/files/{path}': {
      parameters: parameterRefs('Path'),
      'x-unosys-spans-slashes': true,
      get,
      head,
      put,
      patch,
      delete: remove,
    },
  },
  components: {
    schemas: componentSchemas(),
    parameters,
    headers,
    responses: problemResponses(),
    securitySchemes: {
      token: { type: 'http', scheme: 'bearer', description: 'A token of the world' },
    },
  },
  'x-unosys-limits': limits,
}
