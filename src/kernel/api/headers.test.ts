import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUnosysError } from '../../base/error.ts'
import type { HttpRequest } from '../../ports/http.ts'
import { pathOf } from './file-request.ts'
import {
  bearerOf,
  checkDeadline,
  checkFraming,
  checkLocal,
  contentLengthOf,
  deadlineOf,
  idempotencyKeyOf,
  preconditionsOf,
  rangeOf,
} from './headers.ts'

const request = (headers: Record<string, string>): HttpRequest => ({
  method: 'GET',
  path: '/',
  query: new URLSearchParams(),
  headers: new Map(Object.entries(headers)),
  body: (async function* () {})(),
  signal: new AbortController().signal,
})

const code = (wanted: string) => (error: unknown) => isUnosysError(error, wanted)

test('C6: foreign Host and Origin headers are refused', () => {
  for (const host of ['127.0.0.1:7300', 'localhost', 'LOCALHOST:1', '[::1]:7300']) {
    checkLocal(request({ host }))
    checkLocal(request({ host, origin: `http://${host.toLowerCase()}` }))
  }
  const foreign = ['', 'example.org', '127.0.0.1.example.org', '10.0.0.1:7300', '127.0.0.1:99999x']
  for (const host of foreign) {
    assert.throws(() => checkLocal(request({ host })), code('api/foreign-host'), host)
  }
  assert.throws(() => checkLocal(request({})), code('api/bad-request'))
  const two = { host: '127.0.0.1:7300, 127.0.0.1:7300' }
  assert.throws(() => checkLocal(request(two)), code('api/bad-request'))
  for (const origin of [
    'http://example.org',
    'null',
    'http://127.0.0.1:1',
    'https://127.0.0.1:7300',
  ]) {
    assert.throws(
      () => checkLocal(request({ host: '127.0.0.1:7300', origin })),
      code('api/foreign-origin'),
      origin,
    )
  }
  const cross = { host: '127.0.0.1:7300', 'sec-fetch-site': 'cross-site' }
  assert.throws(() => checkLocal(request(cross)), code('api/foreign-origin'))
})

test('a bearer token is taken from its header alone', () => {
  assert.equal(bearerOf(request({ authorization: 'Bearer abc.def' })), 'abc.def')
  assert.equal(bearerOf(request({ authorization: 'bearer abc' })), 'abc')
  for (const authorization of [
    '',
    'Basic abc',
    'Bearer',
    'Bearer a b',
    `Bearer ${'x'.repeat(513)}`,
  ]) {
    assert.equal(bearerOf(request({ authorization })), '')
  }
  assert.equal(bearerOf(request({})), '')
})

test('bad input: negative, overlong and malformed ranges', () => {
  assert.deepEqual(rangeOf('bytes=0-0', 10), { start: 0, end: 1 })
  assert.deepEqual(rangeOf('bytes=2-', 10), { start: 2, end: 10 })
  assert.deepEqual(rangeOf('bytes=-3', 10), { start: 7, end: 10 })
  assert.deepEqual(rangeOf('bytes=-30', 10), { start: 0, end: 10 })
  assert.deepEqual(rangeOf('bytes=5-500', 10), { start: 5, end: 10 })
  assert.equal(rangeOf('bytes=10-', 10), 'unsatisfiable')
  assert.equal(rangeOf('bytes=0-0', 0), 'unsatisfiable')
  assert.equal(rangeOf('bytes=-0', 10), 'unsatisfiable')
  for (const ignored of [
    undefined,
    '',
    'bytes=-',
    'bytes=5-2',
    'bytes=0-1,3-4',
    'lines=1-2',
    'bytes=a-b',
  ]) {
    assert.equal(rangeOf(ignored, 10), undefined, String(ignored))
  }
  // However many digits: RFC 9110 sets no bound on positions.
  const far = '9'.repeat(400)
  assert.equal(rangeOf(`bytes=${far}-`, 10), 'unsatisfiable')
  assert.equal(rangeOf(`bytes=${far}-${far}`, 10), 'unsatisfiable')
  assert.deepEqual(rangeOf(`bytes=5-${far}`, 10), { start: 5, end: 10 })
  assert.deepEqual(rangeOf(`bytes=-${far}`, 10), { start: 0, end: 10 })
})

test('conditions, keys, lengths and deadlines are parsed or refused', () => {
  assert.deepEqual(preconditionsOf(request({ 'if-match': '"a", "b"' })), {
    ifMatch: ['"a"', '"b"'],
  })
  assert.deepEqual(preconditionsOf(request({ 'if-none-match': 'W/"a"' })), { ifNoneMatch: ['"a"'] })
  assert.deepEqual(preconditionsOf(request({ 'if-none-match': ' * ' })), { ifNoneMatch: '*' })
  assert.throws(() => preconditionsOf(request({ 'if-match': 'a' })), code('api/bad-request'))
  assert.deepEqual(idempotencyKeyOf(request({})), {})
  assert.deepEqual(idempotencyKeyOf(request({ 'idempotency-key': 'k1' })), { idempotencyKey: 'k1' })
  for (const key of ['', 'a b', 'é', 'x'.repeat(256)]) {
    assert.throws(
      () => idempotencyKeyOf(request({ 'idempotency-key': key })),
      code('api/bad-request'),
    )
  }
  assert.equal(contentLengthOf(request({})), undefined)
  assert.equal(contentLengthOf(request({ 'content-length': '12' })), 12)
  assert.throws(() => contentLengthOf(request({ 'content-length': '-1' })), code('api/bad-request'))
  assert.equal(deadlineOf(request({})), 30_000)
  assert.equal(deadlineOf(request({ 'unosys-deadline-ms': '500' })), 500)
  for (const text of ['99', '600001', 'soon', '-5', '1e9']) {
    assert.throws(
      () => checkDeadline(deadlineOf(request({ 'unosys-deadline-ms': text }))),
      code('api/bad-request'),
    )
  }
})

test('bad input: wrappings of a body and expectations that nobody understands are refused', () => {
  for (const headers of [
    {},
    { 'transfer-encoding': 'chunked', expect: '100-continue' },
    { 'transfer-encoding': 'Chunked', 'content-encoding': 'Identity', expect: '100-Continue' },
  ]) {
    checkFraming(request(headers))
  }
  for (const [headers, wanted] of [
    [{ 'transfer-encoding': 'gzip, chunked' }, 'api/not-implemented'],
    [{ 'content-encoding': 'gzip' }, 'api/unsupported-media'],
    [{ 'content-encoding': 'identity, gzip' }, 'api/unsupported-media'],
    [{ expect: 'coffee' }, 'api/expectation-failed'],
  ] as const) {
    assert.throws(() => checkFraming(request(headers)), code(wanted))
  }
})

test('bad input: request paths are decoded once, name by name', () => {
  assert.equal(pathOf('/v1/files'), '/')
  assert.equal(pathOf('/v1/files/'), '/')
  assert.equal(pathOf('/v1/files/a%20b/c%25'), '/a b/c%')
  assert.equal(pathOf('/v1/files/%252e%252e'), '/%2e%2e')
  assert.throws(() => pathOf('/v1/files/a%2fb'), code('filesystem/bad-path'))
  assert.throws(() => pathOf('/v1/files/a%zz'), code('api/bad-request'))
  assert.throws(() => pathOf('/v1/files/a%ff'), code('api/bad-request'))
  assert.equal(pathOf('/v1/files/%2e%2e/x'), '/../x')
})
