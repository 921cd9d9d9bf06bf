import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { isApiError, UnosysApiError, UnosysClient } from './index.ts'

// Goal: what applications ask for is what the Processor hears, and what it answers is what they
// get.

type Heard = {
  readonly method: string
  readonly url: string
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

type Answer = (request: http.IncomingMessage, response: http.ServerResponse, body: string) => void

const servers: http.Server[] = []
after(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

/** A stand-in for a Processor that answers with `answers` in turn, the last one for ever. */
async function stand(...answers: Answer[]): Promise<{ client: UnosysClient; heard: Heard[] }> {
  const heard: Heard[] = []
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8')
      const { method = '', url = '', headers } = request
      heard.push({ method, url, headers, body })
      const answer = answers[Math.min(heard.length, answers.length) - 1]
      answer?.(request, response, body)
    })
    request.on('error', () => {})
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { client: new UnosysClient({ api, token: 'id.secret' }), heard }
}

const json =
  (body: unknown, status = 200): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }

const problem =
  (status: number, code: string, more: object = {}): Answer =>
  (_request, response) => {
    const body = { type: `urn:unosys:problem:${code}`, title: 'x', status, detail: 'why', code }
    response
      .writeHead(status, {
        'content-type': 'application/problem+json',
        ...(status === 503 ? { 'retry-after': '0' } : {}),
      })
      .end(JSON.stringify({ ...body, ...more }))
  }

const file =
  (bytes: string, headers: http.OutgoingHttpHeaders = {}): Answer =>
  (_request, response) => {
    response
      .writeHead(200, {
        'unosys-kind': 'file',
        etag: '"e1"',
        'content-length': bytes.length,
        ...headers,
      })
      .end(bytes)
  }

const codeOf = async (call: Promise<unknown>): Promise<string> => {
  try {
    await call
  } catch (error) {
    assert(error instanceof UnosysApiError, String(error))
    return error.code
  }
  return 'no error'
}

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text)
}

test('sdk: every call carries the token; reads carry no Idempotency-Key, changes do', async () => {
  const { client, heard } = await stand(json({ name: 'a' }))
  await client.stat('/a')
  await client.truncate('/a', 3)
  assert.equal(heard[0]?.headers.authorization, 'Bearer id.secret')
  assert.equal(heard[0]?.headers['idempotency-key'], undefined)
  assert.match(String(heard[1]?.headers['idempotency-key']), /^[0-9a-f-]{36}$/)
})

test('sdk: names are percent-encoded one by one', async () => {
  const { client, heard } = await stand(json({}))
  await client.stat('/public/ä b/100%?#.txt')
  assert.equal(heard[0]?.url, '/v1/files/public/%C3%A4%20b/100%25%3F%23.txt?view=info')
  await client.stat('/')
  assert.equal(heard[1]?.url, '/v1/files/?view=info')
})

test('sdk: a path that a URL would silently change is refused before it leaves', async () => {
  const { client, heard } = await stand(json({}))
  for (const path of ['/a/../b', '/./a', 'a', '', '/\ud800']) {
    assert.equal(await codeOf((async () => client.stat(path))()), 'filesystem/bad-path', path)
  }
  assert.equal(heard.length, 0)
})

test('sdk: write sends text and bytes with their length, streams in chunks', async () => {
  const { client, heard } = await stand(json({}, 201))
  await client.write('/a', 'grüße', { blockBytes: 4096, replicas: 2, parents: true })
  assert.equal(heard[0]?.method, 'PUT')
  assert.equal(heard[0]?.url, '/v1/files/a?blockBytes=4096&replicas=2&parents=1')
  assert.equal(heard[0]?.headers['content-length'], '7')
  assert.equal(heard[0]?.body, 'grüße')
  await client.write('/a', new Uint8Array([104, 105]))
  assert.equal(heard[1]?.body, 'hi')
  await client.write('/a', chunks('one ', '', 'two'))
  assert.equal(heard[2]?.headers['transfer-encoding'], 'chunked')
  assert.equal(heard[2]?.body, 'one two')
  await client.write('/a', chunks('one ', 'two'), { sizeBytes: 7 })
  assert.equal(heard[3]?.headers['content-length'], '7')
  await client.write('/a', new Blob(['blob']))
  assert.equal(heard[4]?.body, 'blob')
  await client.write('/a', new Blob(['stream']).stream())
  assert.equal(heard[5]?.body, 'stream')
})

test('sdk: a stream that fails fails the call with its own error', async () => {
  const { client } = await stand(json({}))
  const failing = async function* (): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(10)
    throw new RangeError('my own')
  }
  await assert.rejects(client.write('/a', failing()), (error) => error instanceof RangeError)
})

test('sdk: a stream is asked for no more than the connection takes', async () => {
  let asked = 0
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    for (;;) {
      asked++
      yield new Uint8Array(256 * 1024)
    }
  }
  const server = http.createServer(() => {}) // reads nothing
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = new UnosysClient({ api, token: 't' })
  const stop = new AbortController()
  const writing = codeOf(client.write('/a', endless(), { signal: stop.signal }))
  let before = -1
  // The sockets' own buffers fill up; then nothing more is asked for.
  while (before !== asked) {
    before = asked
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert(asked < 200, `${asked} chunks were taken`)
  stop.abort()
  assert.equal(await writing, 'sdk/aborted')
})

test('sdk: patch, append, truncate, rename, mkdir, volume, remove say what they mean', async () => {
  const { client, heard } = await stand(json({}))
  await client.patch('/a', 'x', { at: 0 })
  await client.append('/a', 'y')
  await client.truncate('/a', 5)
  await client.rename('/a', '/b', { replace: true })
  await client.mkdir('/d', { parents: true })
  await client.makeVolume('/v', { replicas: 1 })
  await client.remove('/a', { ifMatch: '"e"' })
  const seen = heard.map(({ method, url, body }) => `${method} ${url} ${body}`)
  assert.deepEqual(seen, [
    'PATCH /v1/files/a?at=0 x',
    'PATCH /v1/files/a?at=end y',
    'PATCH /v1/files/a {"op":"truncate","size":5}',
    'PATCH /v1/files/a {"op":"rename","to":"/b","replace":true}',
    'PUT /v1/files/d?kind=directory&parents=1 ',
    'PUT /v1/files/v?kind=volume&replicas=1 ',
    'DELETE /v1/files/a ',
  ])
  assert.equal(heard[0]?.headers['content-type'], 'application/octet-stream')
  assert.equal(heard[2]?.headers['content-type'], 'application/json')
  assert.equal(heard[6]?.headers['if-match'], '"e"')
})

test('sdk: list goes through the pages as they are consumed', async () => {
  const page = (names: string[], cursor?: string): Answer =>
    json({ directory: {}, entries: names.map((name) => ({ name })), cursor, damagedCount: 0 })
  const { client, heard } = await stand(page(['a', 'b'], 'c1'), page([], 'c2'), page(['c']))
  const names: string[] = []
  for await (const { name } of client.list('/d', { pageSize: 2 })) {
    if (name === 'a') assert.equal(heard.length, 1)
    names.push(name)
  }
  assert.deepEqual(names, ['a', 'b', 'c'])
  assert.deepEqual(
    heard.map(({ url }) => url),
    ['/v1/files/d?limit=2', '/v1/files/d?limit=2&cursor=c1', '/v1/files/d?limit=2&cursor=c2'],
  )
})

test('sdk: read gives what the range gives, and its place in the file', async () => {
  const ranged: Answer = (_request, response) => {
    response
      .writeHead(206, {
        'unosys-kind': 'file',
        etag: '"e"',
        'content-length': 3,
        'content-range': 'bytes 2-4/10',
      })
      .end('cde')
  }
  const { client, heard } = await stand(ranged)
  const content = await client.read('/a', { start: 2, end: 5 })
  assert.deepEqual(
    { ...content, bytes: undefined },
    { etag: '"e"', sizeBytes: 10, start: 2, end: 5, bytes: undefined },
  )
  let text = ''
  for await (const bytes of content.bytes) text += new TextDecoder().decode(bytes)
  assert.equal(text, 'cde')
  assert.equal(heard[0]?.headers.range, 'bytes=2-4')
  await client.readAll('/a', { start: 7 })
  assert.equal(heard[1]?.headers.range, 'bytes=7-')
  await client.readAll('/a', { start: -4 })
  assert.equal(heard[2]?.headers.range, 'bytes=-4')
  assert.equal(await codeOf(client.read('/a', { start: 5, end: 5 })), 'filesystem/bad-range')
})

test('sdk: readAll joins; an empty file is no bytes', async () => {
  const { client } = await stand(file('hello'), file(''))
  assert.equal(new TextDecoder().decode(await client.readAll('/a')), 'hello')
  assert.equal((await client.readAll('/a')).length, 0)
})

test('sdk: reading a directory is an error, not its listing', async () => {
  const { client } = await stand(json({ entries: [] }))
  assert.equal(await codeOf(client.read('/d')), 'filesystem/wrong-kind')
})

test('sdk: an answer that breaks off is an error, never a short file', async () => {
  const cut: Answer = (_request, response) => {
    response.writeHead(200, { 'unosys-kind': 'file', 'content-length': 10 })
    response.write('abc', () => response.destroy())
  }
  const { client } = await stand(cut)
  assert.equal(await codeOf(client.readAll('/a')), 'sdk/cut-off')
})

test('sdk: an answer of JSON that breaks off is an error of the SDK, too', async () => {
  const cut: Answer = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 })
    response.write('{"name":', () => response.destroy())
  }
  const { client } = await stand(cut)
  assert.equal(await codeOf(client.stat('/a')), 'sdk/cut-off')
  assert.equal(await codeOf(client.write('/a', 'text')), 'sdk/cut-off')
})

test('sdk: a problem becomes an error with its code, status, message and facts', async () => {
  const { client } = await stand(problem(404, 'filesystem/not-found', { needed: 3 }))
  const error = await client.stat('/a').catch((caught: unknown) => caught)
  assert(isApiError(error, 'filesystem/not-found'))
  assert.equal(error.status, 404)
  assert.equal(error.message, 'why')
  assert.deepEqual(error.detail, { needed: 3 })
  assert.equal(await client.exists('/a'), false)
  assert(!isApiError(error, 'filesystem/exists') && !isApiError(new Error('x')))
})

test('sdk: an answer that is not of this API says so', async () => {
  const page: Answer = (_request, response) => response.writeHead(200).end('<html>')
  const { client } = await stand(page, (_request, response) => response.writeHead(502).end('bad'))
  assert.equal(await codeOf(client.stat('/a')), 'sdk/bad-answer')
  assert.equal(await codeOf(client.stat('/a')), 'sdk/bad-answer')
  const make = (api: string) => (): UnosysClient => new UnosysClient({ api, token: '' })
  assert.throws(make('127.0.0.1:7300'), UnosysApiError)
  assert.throws(make('file:///etc'), UnosysApiError)
})

test('sdk: unconfirmed is repeated with the same key and content until it is confirmed', async () => {
  const unconfirmed = problem(503, 'filesystem/unconfirmed')
  const { client, heard } = await stand(unconfirmed, unconfirmed, json({ name: 'a' }))
  await client.write('/a', 'text')
  assert.equal(heard.length, 3)
  assert.equal(new Set(heard.map(({ headers }) => headers['idempotency-key'])).size, 1)
  assert.equal(new Set(heard.map(({ body }) => body)).size, 1)
})

test('sdk: what may have happened is not taken back by a later try that finds no quorum', async () => {
  const unconfirmed = problem(503, 'filesystem/unconfirmed')
  for (const [status, code] of [
    [503, 'filesystem/unavailable'],
    [409, 'filesystem/conflict'],
    [429, 'users/rate-limited'],
    [503, 'api/stopping'],
  ] as const) {
    const { client } = await stand(unconfirmed, problem(status, code))
    assert.equal(await codeOf(client.write('/a', 'text')), 'filesystem/unconfirmed', code)
  }
  // It speaks of the state of things, in which the first try has its part.
  const { client } = await stand(unconfirmed, problem(404, 'filesystem/not-found'))
  assert.equal(await codeOf(client.remove('/a')), 'filesystem/not-found')
  const broken: Answer = (request) => request.socket.destroy()
  const other = (await stand(broken, problem(503, 'filesystem/unavailable'))).client
  assert.equal(await codeOf(other.remove('/a')), 'sdk/unreachable')
  const reader = (await stand(broken, problem(503, 'filesystem/unavailable'))).client
  assert.equal(await codeOf(reader.stat('/a')), 'filesystem/unavailable')
})

test('sdk: unconfirmed for ever is an error after a few tries; a stream is not repeated', async () => {
  const { client, heard } = await stand(problem(503, 'filesystem/unconfirmed'))
  assert.equal(await codeOf(client.remove('/a')), 'filesystem/unconfirmed')
  assert.equal(heard.length, 4)
  assert.equal(await codeOf(client.write('/a', chunks('x'))), 'filesystem/unconfirmed')
  assert.equal(heard.length, 5)
  const large = new Uint8Array(2 * 1024 * 1024)
  assert.equal(await codeOf(client.write('/a', large)), 'filesystem/unconfirmed')
  assert.equal(heard.length, 6)
})

test('sdk: unavailable is told at once: the Processor has waited already', async () => {
  const { client, heard } = await stand(problem(503, 'filesystem/unavailable', { reachable: 2 }))
  assert.equal(await codeOf(client.mkdir('/d')), 'filesystem/unavailable')
  assert.equal(heard.length, 1)
})

test('sdk: a connection that breaks is tried once more, with the same key', async () => {
  const broken: Answer = (request) => request.socket.destroy()
  const { client, heard } = await stand(broken, json({}))
  await client.append('/a', 'x')
  assert.equal(heard.length, 2)
  assert.equal(heard[0]?.headers['idempotency-key'], heard[1]?.headers['idempotency-key'])
  const dead = await stand(broken)
  assert.equal(await codeOf(dead.client.append('/a', 'x')), 'sdk/unreachable')
  assert.equal(dead.heard.length, 2)
})

test('sdk: nobody at the address is an error that says what to look at', async () => {
  const server = http.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  const client = new UnosysClient({ api: `http://127.0.0.1:${port}/`, token: 't' })
  const error = await client.status().catch((caught: unknown) => caught)
  assert(isApiError(error, 'sdk/unreachable'))
  assert.equal(error.status, 0)
  assert.match(error.message, /no answer from the Processor at http/)
})

test('sdk: the signal ends a call, a pause between tries and a body', async () => {
  const silent = await stand(() => {})
  const signal = (): AbortSignal => AbortSignal.timeout(50)
  assert.equal(await codeOf(silent.client.stat('/a', { signal: signal() })), 'sdk/aborted')
  const pausing = await stand((_request, response) => {
    response.writeHead(503, { 'retry-after': '60', 'content-type': 'application/problem+json' })
    response.end(JSON.stringify({ code: 'filesystem/unconfirmed', detail: 'x', status: 503 }))
  })
  assert.equal(await codeOf(pausing.client.remove('/a', { signal: signal() })), 'sdk/aborted')
  const hanging = await stand((_request, response) => {
    response.writeHead(200, { 'unosys-kind': 'file', 'content-length': 10 }).write('abc')
  })
  assert.equal(await codeOf(hanging.client.readAll('/a', { signal: signal() })), 'sdk/aborted')
})

test('sdk: deadline and fetch can be given', async () => {
  const { heard, client: _client } = await stand(json({}))
  const seen: string[] = []
  const client = new UnosysClient({
    api: 'http://127.0.0.1:1',
    token: 't',
    deadlineMs: 500,
    fetch: async (input, init) => {
      seen.push(`${String(input)} ${new Headers(init?.headers).get('unosys-deadline-ms')}`)
      return Response.json({})
    },
  })
  await client.stat('/a')
  await client.stat('/a', { deadlineMs: 900 })
  assert.deepEqual(seen, [
    'http://127.0.0.1:1/v1/files/a?view=info 500',
    'http://127.0.0.1:1/v1/files/a?view=info 900',
  ])
  assert.equal(heard.length, 0)
})
