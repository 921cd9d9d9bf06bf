import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { createApi } from '../kernel/api/index.ts'
import type { FileSystem } from '../kernel/filesystem/interface.ts'
import type { AuthenticatedSession } from '../kernel/users/interface.ts'
import type { HttpHandler } from '../ports/http.ts'
import { httpStatusOf } from './http-status.ts'
import * as limits from './limits.ts'
import { openApiDocument } from './openapi.ts'
import * as schemas from './schemas.ts'

// Goal: the document says what the Processor does: each route, method, parameter and problem.

type Json = { readonly [name: string]: unknown }

const document = JSON.parse(JSON.stringify(openApiDocument)) as Json
const verbs = ['get', 'head', 'put', 'patch', 'delete', 'post', 'options', 'trace']

const at = (pointer: string): unknown =>
  pointer
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((value, name) => (value as Json | undefined)?.[name], document)

function* objectsIn(value: unknown): Generator<Json> {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) yield value as Json
  for (const inner of Object.values(value)) yield* objectsIn(inner)
}

function* operations(): Generator<{ path: string; verb: string; operation: Json }> {
  for (const [path, item] of Object.entries(document.paths as Json)) {
    for (const [verb, operation] of Object.entries(item as Json)) {
      if (verbs.includes(verb)) yield { path, verb, operation: operation as Json }
    }
  }
}

/** An API whose file system refuses every call: enough to see which routes and methods exist. */
function emptyApi(): HttpHandler {
  const refuse = (): never => {
    throw new Error('called')
  }
  const filesystem = new Proxy({}, { get: () => refuse }) as FileSystem
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, for: () => log }
  return createApi({
    filesystem,
    authenticate: async () => ({}) as AuthenticatedSession,
    status: () => ({ product: 'unosys' }) as schemas.StatusBody,
    clock: { monotonicMs: () => 0, wallMs: () => 0, after: () => () => {} },
    log,
    metrics: { count: () => {}, gauge: () => {}, snapshot: () => ({}) },
  })
}

async function answer(api: HttpHandler, method: string, target: string): Promise<number> {
  const [path = '', search] = target.split('?')
  const response = await api({
    method,
    path,
    query: new URLSearchParams(search),
    headers: new Map([['host', '127.0.0.1:1']]),
    body: (async function* () {})(),
    signal: new AbortController().signal,
  })
  return response.status
}

test('openapi: it is a document of OpenAPI 3.1, plain JSON', () => {
  assert.deepEqual(document, openApiDocument)
  assert.equal(document.openapi, '3.1.0')
  const info = document.info as Json
  assert(typeof info.title === 'string' && typeof info.version === 'string')
  assert.equal(at('#/components/securitySchemes/token/scheme'), 'bearer')
  assert.deepEqual(document.security, [{ token: [] }])
})

test('openapi: every reference leads somewhere, and every named part is used', () => {
  const used = new Set<string>()
  for (const { $ref } of objectsIn(document)) {
    if (typeof $ref !== 'string') continue
    assert(at($ref) !== undefined, `${$ref} leads nowhere`)
    used.add($ref)
  }
  for (const kind of ['schemas', 'parameters', 'headers']) {
    for (const name of Object.keys(at(`#/components/${kind}`) as Json)) {
      assert(used.has(`#/components/${kind}/${name}`), `${kind}/${name} is used nowhere`)
    }
  }
})

test('openapi: every operation has a name of its own, a summary and answers', () => {
  const ids = new Set<unknown>()
  for (const { path, verb, operation } of operations()) {
    const where = `${verb} ${path}`
    assert(typeof operation.summary === 'string', where)
    assert(!ids.has(operation.operationId), where)
    ids.add(operation.operationId)
    const responses = Object.entries(operation.responses as Json)
    assert(
      responses.some(([status]) => status.startsWith('2')),
      where,
    )
    for (const status of ['401', '403', '503'])
      assert(status in Object.fromEntries(responses), where)
  }
})

test('C8: a countable handful of verbs, and the document covers all of them', async () => {
  assert.equal([...operations()].length, 7)
  const api = emptyApi()
  const targets: Readonly<Record<string, string>> = {
    '/v1/status': '/v1/status',
    '/v1/openapi.json': '/v1/openapi.json',
    '/v1/files/{path}': '/v1/files/a?unknown=1',
  }
  const paths = document.paths as Readonly<Record<string, Json>>
  assert.deepEqual(Object.keys(paths), Object.keys(targets))
  for (const [path, target] of Object.entries(targets)) {
    for (const verb of verbs) {
      const status = await answer(api, verb.toUpperCase(), target)
      // HEAD is GET without the body: it is wherever GET is.
      const documented = paths[path]?.[verb === 'head' ? 'get' : verb] !== undefined
      assert.equal(status !== 405, documented, `${verb} ${path} answers ${status}`)
      assert.notEqual(status, 404, path)
    }
  }
  for (const path of ['/', '/v1', '/v1/file', '/v1/filesystem', '/v2/files']) {
    assert.equal(await answer(api, 'GET', path), 404, `${path} is a route without a document`)
  }
})

test('openapi: every query parameter that a route takes is described', () => {
  const taken: Readonly<Record<string, readonly string[]>> = {
    get: Object.keys(schemas.readQuerySchema.shape),
    head: Object.keys(schemas.readQuerySchema.shape),
    put: Object.keys(schemas.creationQuerySchema.shape),
    patch: Object.keys(schemas.patchQuerySchema.shape),
    delete: [],
  }
  for (const { path, verb, operation } of operations()) {
    if (!path.startsWith('/v1/files')) continue
    const given = (operation.parameters as readonly Json[]).filter((each) => each.in === 'query')
    const names = given.map((each) => each.name)
    assert.deepEqual(names.sort(), [...(taken[verb] ?? [])].sort(), verb)
    for (const each of given) assert.notEqual(each.description, '', `${verb} ${each.name}`)
  }
})

test('openapi: parameters say what they mean: numbers with their bounds, flags, choices', () => {
  const schemaOf = (verb: string, name: string): unknown => {
    const found = [...operations()].find((each) => each.verb === verb && each.path.includes('{'))
    const parameters = found?.operation.parameters as readonly Json[]
    return parameters.find((each) => each.name === name)?.schema
  }
  assert.deepEqual(schemaOf('put', 'replicas'), { type: 'integer', minimum: 1, maximum: 255 })
  assert.deepEqual(schemaOf('put', 'blockBytes'), {
    type: 'integer',
    minimum: limits.blockBytesMin,
    maximum: limits.blockBytesMax,
  })
  assert.deepEqual((schemaOf('put', 'parents') as Json).type, 'string')
  assert.deepEqual(schemaOf('patch', 'at'), {
    anyOf: [
      { type: 'string', const: 'end' },
      { type: 'integer', minimum: 0, maximum: limits.sizeMax },
    ],
  })
})

test('schemas: numbers in queries are digits and nothing else', () => {
  const take = (at: string): boolean => schemas.patchQuerySchema.safeParse({ at }).success
  for (const good of ['0', '5', 'end', '4503599627370496']) assert(take(good), good)
  for (const bad of [
    '',
    ' ',
    '-1',
    '1.0',
    '1e3',
    '0x10',
    '+1',
    ' 1',
    '4503599627370497',
    '9'.repeat(17),
  ]) {
    assert(!take(bad), bad)
  }
})

test('openapi: every code is named at its status', () => {
  for (const [code, status] of Object.entries(httpStatusOf)) {
    const response = at(`#/components/responses/Problem${status}`) as Json
    assert(String(response.description).includes(`\`${code}\``), code)
  }
})

test('docs: docs/api.md names every code, and no other', () => {
  const page = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8')
  const named = new Set(page.match(/`(?:filesystem|users|api)\/[a-z-]+`/g))
  const codes = Object.keys(httpStatusOf).map((code) => `\`${code}\``)
  const silent = '`filesystem/cancelled`' // for a client that is gone
  assert.deepEqual([...named].sort(), codes.filter((code) => code !== silent).sort())
})

test('openapi: every limit of the API is stated', () => {
  const stated = document['x-unosys-limits'] as Json
  assert.deepEqual(stated, JSON.parse(JSON.stringify({ ...limits })))
})

test('openapi: no schema carries what zod adds for itself', () => {
  for (const object of objectsIn(document)) {
    assert(!('$schema' in object) && !('$id' in object) && !('$defs' in object))
    assert(object.maximum !== Number.MAX_SAFE_INTEGER)
  }
})
