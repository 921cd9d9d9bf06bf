import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpResponse } from '../../ports/http.ts'
import type { StatusBody } from '../../wire/schemas.ts'
import {
  checkPreconditions,
  FileCode,
  FileError,
  type FileInfo,
  type FileSystem,
} from '../filesystem/index.ts'
import type { AuthenticatedSession } from '../users/interface.ts'
import { createApi, refusalOf } from './index.ts'

// Goal: HEAD is GET without the body, and conditions come before ranges (RFC 9110, 9.3.2, 13.2.2).

const infoOf = (kind: FileInfo['kind'], size: number): FileInfo => ({
  name: 'x',
  path: '/x',
  kind,
  id: 'i'.repeat(32),
  etag: '"now"',
  createdMs: 0,
  modifiedMs: 0,
  size,
  blockBytes: 4_096,
  replicas: 1,
})

const content = new TextEncoder().encode('0123456789')
const file = infoOf('file', content.length)
const directory = infoOf('directory', 3)

const wrongKind = (is: string): FileError => new FileError(FileCode.WrongKind, `a ${is}`, { is })

const isFile = (path: string): boolean => path.startsWith('/file')

const filesystem: Partial<FileSystem> = {
  stat: async (path) => (isFile(path) ? file : directory),
  list: async (path) => {
    if (isFile(path)) throw wrongKind('file')
    return { directory, entries: [file], cursor: undefined, damagedCount: 0 }
  },
  read: async (path, options) => {
    if (!isFile(path)) throw wrongKind('directory')
    checkPreconditions(options, file.etag)
    const { start, end } = options.range?.(file.size, file.etag) ?? { start: 0, end: file.size }
    const stream = (async function* () {
      yield content.slice(start, end)
    })()
    return { info: file, start, end, stream }
  },
  blockMap: async () => ({ blockCount: 0, blocks: [] }),
}

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, for: () => log }
const api = createApi({
  filesystem: filesystem as FileSystem,
  authenticate: async () => ({}) as AuthenticatedSession,
  status: () => ({ product: 'unosys', group: { quorum: 1, reachable: 1 } }) as StatusBody,
  clock: { monotonicMs: () => 0, wallMs: () => 0, after: () => () => {} },
  log,
  metrics: { count: () => {}, gauge: () => {}, snapshot: () => ({}) },
})

type Headers = Readonly<Record<string, string>>

function ask(method: string, target: string, headers: Headers = {}): Promise<HttpResponse> {
  const [path = '', search] = target.split('?')
  return api({
    method,
    path,
    query: new URLSearchParams(search),
    headers: new Map([['host', '127.0.0.1:1'], ...Object.entries(headers)]),
    body: (async function* () {})(),
    signal: new AbortController().signal,
  })
}

const headerOf = ({ headers }: HttpResponse, name: string): string | undefined =>
  headers.find(([given]) => given === name)?.[1]

async function textOf({ body }: HttpResponse): Promise<string> {
  if (body === undefined) return ''
  const chunks: Uint8Array[] = []
  if (body instanceof Uint8Array) chunks.push(body)
  else for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

test('HEAD answers with the status and headers of GET, whatever is asked', async () => {
  const cases: readonly (readonly [string, Headers])[] = [
    ['/v1/files/file', {}],
    ['/v1/files/file', { 'if-match': '"other"' }],
    ['/v1/files/file', { 'if-none-match': '"now"' }],
    ['/v1/files/file/', {}],
    ['/v1/files/file?view=info', {}],
    ['/v1/files/file?view=blocks', {}],
    ['/v1/files/file?view=nonsense', {}],
    ['/v1/files/directory', {}],
    ['/v1/files/directory/', { 'if-match': '"other"' }],
    ['/v1/files/directory?limit=0', {}],
    ['/v1/status', {}],
    ['/v1/openapi.json', {}],
    ['/v1/nothing', {}],
  ]
  for (const [target, headers] of cases) {
    const get = await ask('GET', target, headers)
    const head = await ask('HEAD', target, headers)
    const where = `${target} ${JSON.stringify(headers)}`
    assert.equal(head.status, get.status, where)
    assert.deepEqual(head.headers, get.headers, where)
    // No length that is not that of GET: the server takes it from a body that is at hand.
    assert(head.body === undefined || head.body instanceof Uint8Array, where)
    if (head.body !== undefined) assert.deepEqual(head.body, get.body, where)
  }
  const ranged = await ask('HEAD', '/v1/files/file', { range: 'bytes=1-2' })
  assert.deepEqual([ranged.status, headerOf(ranged, 'content-length')], [200, '10'])
})

test('conditions come before the range', async () => {
  const behind = { range: 'bytes=100-' }
  const stale = await ask('GET', '/v1/files/file', { ...behind, 'if-range': '"old"' })
  assert.deepEqual([stale.status, await textOf(stale)], [200, '0123456789'])
  const unchanged = await ask('GET', '/v1/files/file', { ...behind, 'if-none-match': '"now"' })
  assert.equal(unchanged.status, 304)
  const changed = await ask('GET', '/v1/files/file', { ...behind, 'if-match': '"old"' })
  assert.equal(changed.status, 412)
  const refused = await ask('GET', '/v1/files/file', { ...behind, 'if-range': '"now"' })
  assert.deepEqual([refused.status, headerOf(refused, 'content-range')], [416, 'bytes */10'])
  const part = await ask('GET', '/v1/files/file', { range: 'bytes=2-4', 'if-range': '"now"' })
  assert.deepEqual([part.status, await textOf(part)], [206, '234'])
  assert.equal(headerOf(part, 'content-range'), 'bytes 2-4/10')
})

test('conditions hold for listings, descriptions and block maps', async () => {
  for (const target of ['directory', 'directory/', 'directory?view=info', 'file?view=blocks']) {
    const ask304 = await ask('GET', `/v1/files/${target}`, { 'if-none-match': '"now"' })
    assert.deepEqual([ask304.status, headerOf(ask304, 'etag')], [304, '"now"'], target)
    const ask412 = await ask('GET', `/v1/files/${target}`, { 'if-match': '"old"' })
    assert.equal(ask412.status, 412, target)
    const both = { 'if-match': '"now"', 'if-none-match': '"old"' }
    assert.equal((await ask('GET', `/v1/files/${target}`, both)).status, 200, target)
  }
  assert.equal(headerOf(await ask('GET', '/v1/files/directory'), 'etag'), '"now"')
})

test('405 says in Allow which methods there are', async () => {
  const files = await ask('POST', '/v1/files/file')
  assert.deepEqual([files.status, headerOf(files, 'allow')], [405, 'GET, HEAD, PUT, PATCH, DELETE'])
  const status = await ask('OPTIONS', '/v1/status')
  assert.deepEqual([status.status, headerOf(status, 'allow')], [405, 'GET, HEAD'])
})

test('a refusal of what never became a request is a problem too', async () => {
  for (const [why, status] of [
    ['malformed', 400],
    ['cut-off', 400],
    ['headers-too-large', 431],
  ] as const) {
    const refusal = refusalOf(why)
    assert.equal(refusal.status, status)
    assert.equal(headerOf(refusal, 'content-type'), 'application/problem+json')
    assert.equal(JSON.parse(await textOf(refusal)).status, status)
  }
})
