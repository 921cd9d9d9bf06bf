import assert from 'node:assert/strict'
import { once } from 'node:events'
import type http from 'node:http'
import net from 'node:net'
import type { HttpHandler } from '../../src/ports/http.ts'
import { bounds, cuts, listening } from './http-endings.ts'
import { pipelining } from './http-pipelining.ts'
import {
  answerTo,
  ask,
  checksOf,
  echo,
  empty,
  type HttpSubject,
  ofText,
  sizeOf,
  start,
  until,
} from './http-site.ts'

/** What every `HttpServer` promises. */
export function httpCompliance(subject: HttpSubject): void {
  shapes(subject)
  bodies(subject)
  cuts(subject)
  bounds(subject)
  pipelining(subject)
  listening(subject)
}

function shapes(subject: HttpSubject): void {
  const check = checksOf(subject)

  let seen: Parameters<HttpHandler>[0] | undefined
  check(
    'method, path, query and headers arrive as the client wrote them',
    async (request) => {
      seen = request
      return { status: 200, headers: [] }
    },
    async (site) => {
      const path = '/v1/a/../b%2Fc//%zz?x=1&x=2&y=%20a'
      const headers = { 'X-One': ['a', 'b'], host: 'example.test:1' }
      await ask(site, { method: 'PROPFIND', path, headers })
      assert.equal(seen?.method, 'PROPFIND')
      assert.equal(seen?.path, '/v1/a/../b%2Fc//%zz')
      assert.deepEqual(seen?.query.getAll('x'), ['1', '2'])
      assert.equal(seen?.query.get('y'), ' a')
      assert.equal(seen?.headers.get('x-one'), 'a, b')
      assert.equal(seen?.headers.get('host'), 'example.test:1')
      assert.equal(seen?.headers.has('X-One'), false)
    },
  )

  check(
    'status, headers and body arrive as the handler gave them, on one kept connection',
    async ({ path }) => ({
      status: 207,
      headers: [
        ['content-type', 'text/plain'],
        ['x-many', 'a'],
        ['x-many', 'b'],
      ],
      body: ofText(`you asked for ${path}`),
    }),
    async (site) => {
      for (const path of ['/a', '/b']) {
        const answer = await ask(site, { path })
        assert.equal(answer.status, 207)
        assert.equal(answer.headers['content-type'], 'text/plain')
        assert.equal(answer.headers['x-many'], 'a, b')
        assert.equal(answer.headers['content-length'], String(answer.body.length))
        assert.equal(answer.body.toString(), `you asked for ${path}`)
      }
      assert.equal(Object.keys(site.agent.freeSockets).length, 1)
    },
  )

  let bodyStarted = false
  check(
    'HEAD gets the headers of GET without a body, and the body is never asked for',
    async () => ({
      status: 200,
      headers: [['content-length', '5']],
      body: (async function* (): AsyncGenerator<Uint8Array> {
        bodyStarted = true
        yield ofText('hello')
      })(),
    }),
    async (site) => {
      const head = await ask(site, { method: 'HEAD', path: '/' })
      assert.equal(head.headers['content-length'], '5')
      assert.equal(head.body.length, 0)
      assert.equal(bodyStarted, false)
      assert.equal((await ask(site, { path: '/' })).body.toString(), 'hello')
    },
  )

  check(
    'HEAD gets no length when the handler says none',
    async () => ({ status: 200, headers: [] }),
    async (site) => {
      const head = await ask(site, { method: 'HEAD', path: '/' })
      assert.equal(head.headers['content-length'], undefined)
      assert.equal((await ask(site, { path: '/' })).headers['content-length'], '0')
    },
  )

  check('an empty answer is a whole answer', empty, async (site) => {
    const answer = await ask(site, { path: '/' })
    assert.equal(answer.status, 204)
    assert.equal(answer.headers['content-length'], undefined)
    assert.equal(answer.headers['transfer-encoding'], undefined)
  })

  check(
    'a handler that throws is a 500 without a word, reported, and the next request is served',
    async ({ path }) => {
      if (path === '/throw') throw new Error('secret detail')
      return { status: 200, headers: [] }
    },
    async (site) => {
      const answer = await ask(site, { path: '/throw' })
      assert.equal(answer.status, 500)
      assert.equal(answer.body.length, 0)
      assert.match(String(site.faults[0]), /secret detail/)
      assert.equal((await ask(site, { path: '/' })).status, 200)
    },
  )

  check('what is not HTTP is refused', empty, async (site) => {
    const socket = net.connect(site.port, '127.0.0.1')
    socket.write('\x16\x03\x01 not HTTP\r\n\r\n')
    const [bytes] = await once(socket, 'data')
    assert.match(String(bytes), /^HTTP\/1.1 400 /)
    await once(socket, 'close')
  })
}

function bodies(subject: HttpSubject): void {
  const check = checksOf(subject)

  check('bodies of any size come back as they went, in pieces or whole', echo, async (site) => {
    for (const length of [0, 1, 65_535, 65_536, 1_000_003]) {
      const sent = Buffer.from(Uint8Array.from({ length }, (_, index) => index * 7))
      const whole = await ask(site, { method: 'PUT', path: '/' }, sent)
      assert.ok(whole.body.equals(sent))
      const request = start(site, { method: 'PUT', path: '/' })
      const answer = answerTo(request)
      for (let offset = 0; offset < length; offset += 100_000)
        request.write(sent.subarray(offset, offset + 100_000))
      request.end()
      assert.ok((await answer).body.equals(sent))
    }
  })

  check(
    'what arrives is plain Uint8Arrays',
    async ({ body }) => {
      const kinds = new Set<unknown>()
      for await (const bytes of body) kinds.add(bytes.constructor)
      return { status: [...kinds].every((kind) => kind === Uint8Array) ? 200 : 500, headers: [] }
    },
    async (site) => {
      assert.equal((await ask(site, { method: 'PUT', path: '/' }, Buffer.alloc(9))).status, 200)
    },
  )

  const gate = Promise.withResolvers<void>()
  check(
    'reading slowly slows the sender',
    async ({ body }) => {
      await gate.promise
      return { status: 200, headers: [], body: ofText(String(await sizeOf(body))) }
    },
    async (site) => {
      const request = start(site, { method: 'PUT', path: '/' })
      const answer = answerTo(request)
      const piece = Buffer.alloc(1024 * 1024)
      const totalCount = 32
      for (let count = 0; count < totalCount; count++) request.write(piece)
      request.end()
      await until(() => (request.socket?.bytesWritten ?? 0) > 0)
      for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve))
      assert.ok(request.writableLength > piece.length, 'the sender still holds most of it')
      gate.resolve()
      assert.equal((await answer).body.toString(), String(totalCount * piece.length))
    },
  )

  let producedBytes = 0
  check(
    'a client that reads slowly slows the body',
    async () => ({
      status: 200,
      headers: [],
      body: (async function* (): AsyncGenerator<Uint8Array> {
        for (let count = 0; count < 1024; count++) {
          producedBytes += 65_536
          yield new Uint8Array(65_536)
        }
      })(),
    }),
    async (site) => {
      const request = start(site, { path: '/' })
      request.end()
      const [response] = (await once(request, 'response')) as [http.IncomingMessage]
      for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve))
      assert.ok(producedBytes < 32 * 1024 * 1024, `${producedBytes} bytes were asked for`)
      let length = 0
      for await (const chunk of response) length += chunk.length
      assert.equal(length, 64 * 1024 * 1024)
    },
  )

  check(
    'a client that waits to be told to send is told when the handler reads, and not before',
    async ({ path, body }) => {
      if (path === '/refuse') return { status: 403, headers: [] }
      return { status: 200, headers: [], body: ofText(String(await sizeOf(body))) }
    },
    async (site) => {
      const headers = { expect: '100-continue', 'content-length': '5' }
      const taken = start(site, { method: 'PUT', path: '/', headers })
      taken.flushHeaders()
      await once(taken, 'continue')
      const answer = answerTo(taken)
      taken.end('hello')
      assert.equal((await answer).body.toString(), '5')

      const refused = start(site, { method: 'PUT', path: '/refuse', headers })
      refused.on('continue', () => assert.fail('told to send what nobody wants'))
      refused.on('error', () => {})
      refused.flushHeaders()
      const refusal = await answerTo(refused)
      assert.equal(refusal.status, 403)
      assert.equal(refusal.headers.connection, 'close')
      refused.destroy()
    },
  )

  check(
    'an answer before the end of the request reaches the client, and the connection stays good',
    async ({ path, body }) => {
      if (path === '/part') for await (const bytes of body) if (bytes.length > 0) break
      return { status: 413, headers: [], body: ofText('too much') }
    },
    async (site) => {
      for (const path of ['/none', '/part', '/none']) {
        const answer = await ask(site, { method: 'PUT', path }, Buffer.alloc(3_000_000))
        assert.equal(answer.status, 413)
        assert.equal(answer.body.toString(), 'too much')
      }
      assert.deepEqual(site.faults, [])
    },
  )
}
