import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import type { HttpRequest } from '../../src/ports/http.ts'
import { checksOf, type HttpSubject, ofText, type Site, sizeOf, until } from './http-site.ts'

/** A connection on which bytes are sent by hand, and all that came back. */
function connection(site: Site): { readonly socket: net.Socket; readonly heard: () => string } {
  const socket = net.connect(site.port, '127.0.0.1')
  let heard = ''
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    heard += String(chunk)
  })
  return { socket, heard: () => heard }
}

const get = (path: string, more = ''): string =>
  `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${more}\r\n`

const countOf = (text: string, part: string): number => text.split(part).length - 1

export function pipelining(subject: HttpSubject): void {
  const check = checksOf(subject)

  const order: string[] = []
  check(
    'requests that come at once on one connection run one after another, in their order',
    async ({ path, body }) => {
      order.push(`begin ${path}`)
      await sizeOf(body)
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
      order.push(`end ${path}`)
      return { status: 200, headers: [], body: ofText(`answer to ${path};`) }
    },
    async (site) => {
      const { socket, heard } = connection(site)
      const upload = 'PUT /1 HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 5\r\n\r\nhello'
      socket.write(upload + get('/2') + get('/3'))
      await until(() => heard().includes('answer to /3;'))
      const wanted = ['/1', '/2', '/3'].flatMap((path) => [`begin ${path}`, `end ${path}`])
      assert.deepEqual(order, wanted)
      assert.match(heard(), /to \/1;[\s\S]+to \/2;[\s\S]+to \/3;/)
      socket.destroy()
    },
  )

  const hung: string[] = []
  check(
    'when the client is gone, what still waits on its connection never runs',
    async ({ path, signal }) => {
      hung.push(path)
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      hung.push('gone')
      return { status: 200, headers: [] }
    },
    async (site) => {
      const { socket } = connection(site)
      socket.write(get('/1') + get('/2'))
      await until(() => hung.length === 1)
      socket.destroy()
      await until(() => hung.length === 2)
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
      assert.deepEqual(hung, ['/1', 'gone'])
    },
  )

  bounded(subject)
  refusals(subject)
}

function bounded(subject: HttpSubject): void {
  const check = checksOf(subject)

  let gate = Promise.withResolvers<void>()
  check(
    'any number of requests may be sent at once: reading pauses while many wait',
    async () => {
      await gate.promise
      return { status: 200, headers: [], body: ofText('answer') }
    },
    async (site) => {
      const { socket, heard } = connection(site)
      const count = 20_000
      const padding = `x-padding: ${'p'.repeat(400)}\r\n`
      socket.write(get('/', padding).repeat(count))
      for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve))
      assert.ok(socket.writableLength > 0, 'the sender still holds some')
      gate.resolve()
      await until(() => countOf(heard(), 'answer') === count, 30_000)
      socket.destroy()
    },
  )

  let runCount = 0
  check(
    'a connection that brings more than may wait is cut',
    async () => {
      runCount++
      await gate.promise
      return { status: 200, headers: [] }
    },
    async (site) => {
      gate = Promise.withResolvers()
      const { socket } = connection(site)
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(5_000))
      await new Promise((resolve) => socket.on('close', resolve))
      gate.resolve()
      assert.ok(runCount <= 1)
    },
  )
}

function refusals(subject: HttpSubject): void {
  const check = checksOf(subject)

  check(
    'what is no HTTP is refused after the requests before it are answered',
    async () => {
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
      return { status: 200, headers: [], body: ofText('answer') }
    },
    async (site) => {
      const { socket, heard } = connection(site)
      socket.write(`${get('/1')}${get('/2')}\x16\x03\x01 no HTTP\r\n\r\n`)
      await once(socket, 'close')
      assert.match(heard(), /^HTTP\/1.1 200 [\s\S]+answerHTTP\/1.1 200 [\s\S]+answerHTTP\/1.1 400 /)
    },
  )

  const ended: unknown[] = []
  check(
    'a body that breaks off is refused, whatever its request waits for',
    async ({ body }) => {
      try {
        await sizeOf(body)
      } catch (error) {
        ended.push(error)
        throw error
      }
      return { status: 200, headers: [] }
    },
    async (site) => {
      const { socket, heard } = connection(site)
      socket.end('PUT / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 10\r\n\r\nhalf')
      await once(socket, 'close')
      assert.match(heard(), /^HTTP\/1.1 400 /)
      await until(() => ended.length === 1)
      assert.deepEqual(site.faults, [], 'that is the client s fault')
    },
  )

  const seen: HttpRequest[] = []
  check(
    'targets of every form, a missing Host and unknown expectations are left to the handler',
    async (request) => {
      seen.push(request)
      return { status: 200, headers: [] }
    },
    async (site) => {
      const { socket } = connection(site)
      socket.write('GET http://other.test:81/a%2Fb/../c?x=1 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n')
      socket.write('GET http://other.test?x=1 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n')
      socket.write('OPTIONS * HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n')
      socket.write('GET /none HTTP/1.1\r\n\r\n')
      socket.write('GET /expects HTTP/1.1\r\nhost: a b\r\nexpect: coffee\r\n\r\n')
      await until(() => seen.length === 5)
      assert.deepEqual(
        seen.map(({ path, query, headers }) => [path, query.get('x'), headers.get('host')]),
        [
          ['/a%2Fb/../c', '1', 'other.test:81'],
          ['/', '1', 'other.test'],
          ['*', null, '127.0.0.1'],
          ['/none', null, undefined],
          ['/expects', null, 'a b'],
        ],
      )
      assert.equal(seen[4]?.headers.get('expect'), 'coffee')
      socket.destroy()
    },
  )
}
