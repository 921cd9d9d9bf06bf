import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../base/bytes.ts'
import type { HttpHandler, HttpRequest } from '../ports/http.ts'
import { Scheduler } from './scheduler.ts'
import { SimProcess } from './sim-process.ts'
import { exchange, type SimCall, type SimRequest, type SimResponse } from './world-http.ts'

type Bench = {
  readonly scheduler: Scheduler
  readonly process: SimProcess
  readonly call: (request: SimRequest) => SimCall
  readonly finish: (call: SimCall) => Promise<SimResponse>
}

function benchOf(handler: HttpHandler): Bench {
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const scheduler = new Scheduler({ settle })
  const process = new SimProcess(scheduler, 'p1')
  return {
    scheduler,
    process,
    call: (request) => exchange({ process, handler, token: 'secret' }, request),
    finish: async (call) => {
      await scheduler.run({})
      return call.done
    },
  }
}

test('a request arrives as from a socket: path and query apart, headers in lower case, body in pieces', async () => {
  const seen: HttpRequest[] = []
  let length = 0
  const { call, finish } = benchOf(async (request) => {
    seen.push(request)
    for await (const piece of request.body) {
      assert(piece.length <= 64 * 1024)
      length += piece.length
    }
    return { status: 201, headers: [['ETag', '"1"']], body: utf8('made') }
  })
  const body = new Uint8Array(200_000)
  const reply = await finish(
    call({ method: 'PUT', path: '/v1/f?a=b%20c', headers: { 'If-Match': '*' }, body }),
  )
  const [request] = seen
  assert.equal(request?.path, '/v1/f')
  assert.equal(request.query.get('a'), 'b c')
  assert.equal(request.headers.get('if-match'), '*')
  assert.equal(request.headers.get('authorization'), 'Bearer secret')
  assert.equal(request.headers.get('content-length'), '200000')
  assert.equal(length, 200_000)
  assert.deepEqual([reply.status, reply.whole, reply.headers.get('etag')], [201, true, '"1"'])
  assert.deepEqual(reply.body, utf8('made'))
})

test('a body that breaks off is told from a whole one', async () => {
  const { call, finish } = benchOf(async () => ({
    status: 200,
    headers: [],
    body: (async function* () {
      yield utf8('begin')
      throw new Error('a block is lost')
    })(),
  }))
  const reply = await finish(call({ method: 'GET', path: '/' }))
  assert.deepEqual([reply.status, reply.whole, reply.body], [200, false, utf8('begin')])
})

test('a Processor that dies answers nothing; an application that hangs up is heard', async () => {
  let signal: AbortSignal | undefined
  const bench = benchOf((request) => {
    signal = request.signal
    return new Promise(() => undefined)
  })
  const dying = bench.call({ method: 'GET', path: '/' })
  bench.process.after(10, () => bench.process.kill(), 'killed')
  assert.equal((await bench.finish(dying)).status, 0)
  assert.equal((await bench.finish(bench.call({ method: 'GET', path: '/' }))).status, 0)
  const other = benchOf((request) => {
    signal = request.signal
    return new Promise(() => undefined)
  })
  const call = other.call({ method: 'GET', path: '/' })
  await other.scheduler.run({})
  assert.equal(signal?.aborted, false)
  call.hangUp()
  assert.equal(signal?.aborted, true)
  assert.equal((await other.finish(call)).status, 0)
})
