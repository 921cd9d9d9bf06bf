import assert from 'node:assert/strict'
import { once } from 'node:events'
import type http from 'node:http'
import net from 'node:net'
import { isUnosysError } from '../../src/base/error.ts'
import {
  answerTo,
  ask,
  checksOf,
  empty,
  type HttpSubject,
  limits,
  ofText,
  sizeOf,
  start,
  until,
} from './http-site.ts'

export function cuts(subject: HttpSubject): void {
  const check = checksOf(subject)

  async function* broken(): AsyncGenerator<Uint8Array> {
    yield ofText('the first half')
    await new Promise((resolve) => setImmediate(resolve))
    throw new Error('block lost')
  }

  check(
    'a throw in the middle of a body never looks like its end',
    async ({ path }) => ({
      status: 200,
      headers: path === '/sized' ? [['content-length', '100']] : [],
      body: broken(),
    }),
    async (site) => {
      for (const path of ['/sized', '/unsized'])
        await assert.rejects(ask(site, { path }), { code: 'ECONNRESET' })
      assert.equal(site.faults.length, 2)
    },
  )

  check(
    'a body shorter or longer than declared never looks whole',
    async ({ path }) => ({
      status: 200,
      headers: [['content-length', '10']],
      body: (async function* (): AsyncGenerator<Uint8Array> {
        yield new Uint8Array(5)
        yield new Uint8Array(path === '/long' ? 6 : 4)
      })(),
    }),
    async (site) => {
      for (const path of ['/short', '/long'])
        await assert.rejects(ask(site, { path }), { code: 'ECONNRESET' })
    },
  )

  const uploads: { ended: string; aborted: boolean }[] = []
  check(
    'a client that hangs up while sending: reading throws and the signal fires',
    async ({ body, signal }) => {
      const upload = { ended: '', aborted: false }
      uploads.push(upload)
      signal.addEventListener('abort', () => {
        upload.aborted = true
      })
      try {
        await sizeOf(body)
        upload.ended = 'whole'
      } catch (error) {
        upload.ended = isUnosysError(error, 'http/client-gone') ? 'gone' : String(error)
        throw error
      }
      return { status: 200, headers: [] }
    },
    async (site) => {
      for (const headers of [{ 'content-length': '1000' }, { 'transfer-encoding': 'chunked' }]) {
        const request = start(site, { method: 'PUT', path: '/', headers })
        request.on('error', () => {})
        request.write('a part')
        await until(() => uploads.length > 0)
        request.destroy()
        await until(() => uploads.at(-1)?.ended !== '' && uploads.at(-1)?.aborted === true)
        assert.equal(uploads.pop()?.ended, 'gone')
      }
      assert.deepEqual(site.faults, [], 'that is the client s fault')
    },
  )

  const downloads = { finished: 0, aborted: 0 }
  check(
    'a client that hangs up while reading or waiting: the signal fires and the body is let go',
    async ({ path, signal }) => {
      signal.addEventListener('abort', () => downloads.aborted++)
      if (path === '/wait') {
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        return { status: 200, headers: [] }
      }
      return {
        status: 200,
        headers: [],
        body: (async function* (): AsyncGenerator<Uint8Array> {
          try {
            for (;;) yield new Uint8Array(65_536)
          } finally {
            downloads.finished++
          }
        })(),
      }
    },
    async (site) => {
      const reading = start(site, { path: '/' })
      reading.on('error', () => {})
      reading.end()
      const [response] = (await once(reading, 'response')) as [http.IncomingMessage]
      response.on('error', () => {})
      response.once('data', () => response.destroy())
      await until(() => downloads.finished === 1 && downloads.aborted === 1)
      const waiting = start(site, { path: '/wait' })
      waiting.on('error', () => {})
      waiting.end()
      await once(waiting, 'socket')
      await until(() => waiting.writableFinished)
      waiting.destroy()
      await until(() => downloads.aborted === 2)
      assert.deepEqual(site.faults, [])
    },
  )

  const finished: boolean[] = []
  check(
    'the signal of a request that was answered in full does not fire',
    async ({ signal }) => {
      signal.addEventListener('abort', () => finished.push(true))
      return { status: 200, headers: [], body: ofText('done') }
    },
    async (site) => {
      await ask(site, { path: '/', agent: false })
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
      assert.deepEqual(finished, [])
    },
  )
}

export function bounds(subject: HttpSubject): void {
  const check = checksOf(subject)

  check('headers over the limit are refused', empty, async (site) => {
    const fits = await ask(site, { path: '/', headers: { 'x-long': 'a'.repeat(15_000) } })
    assert.equal(fits.status, 204)
    const over = await ask(site, { path: '/', headers: { 'x-long': 'a'.repeat(17_000) } })
    assert.equal(over.status, 431)
  })

  check(
    'connections over the limit are ended at once, and taken again when others are gone',
    empty,
    async (site) => {
      const sockets = Array.from({ length: 3 }, () => net.connect(site.port, '127.0.0.1'))
      for (const socket of sockets) socket.on('error', () => {})
      await Promise.all(sockets.map((socket) => once(socket, 'connect')))
      await Promise.race(sockets.map((socket) => once(socket, 'close')))
      for (const socket of sockets) socket.destroy()
      let status = 0
      const endMs = performance.now() + 5_000
      while (status !== 204 && performance.now() < endMs)
        status = await ask(site, { path: '/' }).then(
          (answer) => answer.status,
          () => 0,
        )
      assert.equal(status, 204)
    },
    { connectionCountMax: 2 },
  )

  check(
    'who says nothing for the idle time is cut: before, within and after a request',
    async ({ body }) => ({ status: 200, headers: [], body: ofText(String(await sizeOf(body))) }),
    async (site) => {
      const beginnings = [
        '',
        'GET / HTTP/1.1\r\n',
        'PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nab',
        'GET / HTTP/1.1\r\nhost: x\r\n\r\n',
      ]
      const startMs = performance.now()
      await Promise.all(
        beginnings.map(async (beginning) => {
          const socket = net.connect(site.port, '127.0.0.1')
          socket.on('error', () => {})
          socket.resume()
          socket.write(beginning)
          await once(socket, 'close')
        }),
      )
      const tookMs = performance.now() - startMs
      assert.ok(tookMs >= 300 && tookMs < 8_000, `${tookMs} ms`)
    },
    { idleTimeoutMs: 400 },
  )

  check(
    'a slow but steady client is not cut',
    async ({ body }) => ({ status: 200, headers: [], body: ofText(String(await sizeOf(body))) }),
    async (site) => {
      const request = start(site, { method: 'PUT', path: '/' })
      const answer = answerTo(request)
      for (let count = 0; count < 8; count++) {
        request.write('a')
        await new Promise((resolve) => setTimeout(resolve, 250))
      }
      request.end()
      assert.equal((await answer).body.toString(), '8')
    },
    { idleTimeoutMs: 1_500 },
  )
}

export function listening(subject: HttpSubject): void {
  const check = checksOf(subject)

  check('it listens on loopback only, and not where another does', empty, async (site) => {
    assert.match(site.listener.url, /^http:\/\/127\.0\.0\.1:\d+$/)
    const again = subject.create(() => {}).listen({ port: site.port, limits }, empty)
    await assert.rejects(again, (error) => isUnosysError(error, 'http/address-in-use'))
  })

  const gate = Promise.withResolvers<void>()
  let runningCount = 0
  check(
    'closing lets a running request end within its grace, and takes no new ones',
    async () => {
      runningCount++
      await gate.promise
      return { status: 200, headers: [], body: ofText('in time') }
    },
    async (site) => {
      const answer = ask(site, { path: '/' })
      await until(() => runningCount === 1)
      const closed = site.listener.close(10_000)
      await assert.rejects(ask(site, { path: '/', agent: false }), { code: 'ECONNREFUSED' })
      gate.resolve()
      assert.equal((await answer).body.toString(), 'in time')
      const startMs = performance.now()
      await closed
      assert.ok(performance.now() - startMs < 5_000, 'the kept connection does not hold it up')
    },
  )

  let hungCount = 0
  check(
    'closing cuts what runs longer than its grace, and ends idle connections at once',
    async ({ path, signal }) => {
      if (path === '/idle') return { status: 204, headers: [] }
      hungCount++
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      return { status: 200, headers: [] }
    },
    async (site) => {
      await ask(site, { path: '/idle' })
      const answer = ask(site, { path: '/hang' })
      const cut = assert.rejects(answer, { code: 'ECONNRESET' })
      await until(() => hungCount === 1)
      await site.listener.close(50)
      await site.listener.close(50)
      await cut
    },
  )
}
