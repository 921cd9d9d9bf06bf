import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpHandler, HttpRequest, HttpResponse } from '../../ports/http.ts'
import { Scheduler } from '../../simulator/scheduler.ts'
import { SimClock } from '../../simulator/sim-clock.ts'
import { SimProcess } from '../../simulator/sim-process.ts'
import type { StatusBody } from '../../wire/schemas.ts'
import {
  type CallContext,
  FileCode,
  FileError,
  type FileInfo,
  type FileSystem,
} from '../filesystem/index.ts'
import { GroupCode, GroupError } from '../group/index.ts'
import type { AuthenticatedSession } from '../users/interface.ts'
import { createApi } from './index.ts'
import { deadlineGraceMs } from './limits.ts'

const info = { etag: '"e"', modifiedMs: 0, path: '/f', kind: 'file' } as unknown as FileInfo

/** An API over a file system made for the test, in virtual time. */
class Bench {
  readonly scheduler = new Scheduler({
    settle: () => new Promise((resolve) => setImmediate(resolve)),
  })
  readonly clock = new SimClock(new SimProcess(this.scheduler, 'api'))
  readonly #api: HttpHandler

  constructor(
    verbs: (bench: Bench) => Partial<FileSystem>,
    authenticate: (bench: Bench) => Promise<void> = async () => {},
  ) {
    const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, for: () => log }
    this.#api = createApi({
      filesystem: verbs(this) as FileSystem,
      authenticate: async () => {
        await authenticate(this)
        return {} as AuthenticatedSession
      },
      status: () => ({ group: { quorum: 3, reachable: 2 } }) as StatusBody,
      clock: this.clock,
      log,
      metrics: { count: () => {}, gauge: () => {}, snapshot: () => ({}) },
    })
  }

  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.clock.after(delayMs, resolve))
  }

  /** A step that asks others, and gives up in its own words at its own deadline. */
  async step(context: CallContext, tookMs: number): Promise<void> {
    const { leftMs } = context.deadline
    await this.pause(Math.min(tookMs, leftMs))
    if (tookMs <= leftMs) return
    const message = '2 of 4 group members answer, 3 are needed'
    throw new GroupError(GroupCode.Unavailable, message, { needed: 3, reachable: 2 })
  }

  /** The answer, and when it came. */
  async ask(method: string, more: Partial<HttpRequest> = {}): Promise<[HttpResponse, number]> {
    const given: HttpRequest = {
      method,
      path: '/v1/files/f',
      query: new URLSearchParams(),
      headers: new Map([
        ['host', '127.0.0.1:1'],
        ['unosys-deadline-ms', '1000'],
      ]),
      body: (async function* () {})(),
      signal: new AbortController().signal,
      ...more,
    }
    return this.run(async () => [await this.#api(given), this.scheduler.nowMs])
  }

  async run<Value>(work: () => Promise<Value>): Promise<Value> {
    let isOver = false
    const settling = Promise.allSettled([work()]).finally(() => {
      isOver = true
    })
    await this.scheduler.run({ until: () => isOver, timeMsMax: 1_000_000 })
    const [result] = await settling
    if (result.status === 'rejected') throw result.reason
    return result.value
  }
}

const problemOf = ({ body }: HttpResponse): Record<string, unknown> => {
  assert(body instanceof Uint8Array)
  return JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>
}

test('one deadline holds for all steps of a request together, and the step that ran out answers', async () => {
  const bench = new Bench((own) => ({
    remove: async (_path, _options, context) => {
      for (let count = 0; count < 10; count++) await own.step(context, 300)
    },
  }))
  const [response, tookMs] = await bench.ask('DELETE')
  const { code, needed, reachable } = problemOf(response)
  assert.deepEqual(
    [response.status, code, needed, reachable],
    [503, 'filesystem/unavailable', 3, 2],
  )
  assert.equal(tookMs, 1_000)
})

test('a step without an end of its own is ended: a change may have happened, a look has not', async () => {
  for (const [method, wanted] of [
    ['DELETE', 'filesystem/unconfirmed'],
    ['HEAD', 'filesystem/unavailable'],
  ] as const) {
    for (const heeds of [true, false]) {
      const stuck = ({ signal }: CallContext): Promise<never> =>
        new Promise((_resolve, reject) => {
          const gone = new FileError(FileCode.Cancelled, 'the caller gave up', {})
          if (heeds) signal.addEventListener('abort', () => reject(gone))
        })
      const bench = new Bench(() => ({
        read: (_path, _options, context) => stuck(context),
        remove: (_path, _options, context) => stuck(context),
      }))
      const [response, tookMs] = await bench.ask(method)
      const { code, needed, reachable } = problemOf(response)
      assert.deepEqual([response.status, code, needed, reachable], [503, wanted, 3, 2])
      assert.equal(tookMs, 1_000 + deadlineGraceMs)
    }
  }
})

test('the look at the token counts, and what it leaves is for the rest', async () => {
  const verbs = (own: Bench): Partial<FileSystem> => ({
    read: async (_path, _options, context) => {
      await own.step(context, 700)
      return { info, start: 0, end: 0, stream: (async function* () {})() }
    },
  })
  const [late, lateMs] = await new Bench(verbs, (own) => own.pause(400)).ask('HEAD')
  assert.deepEqual([late.status, lateMs], [503, 1_000])
  const [never, neverMs] = await new Bench(verbs, (own) => own.pause(9_000)).ask('DELETE')
  assert.deepEqual([never.status, neverMs], [503, 1_000 + deadlineGraceMs])
  assert.equal(problemOf(never).code, 'filesystem/unavailable')
})

test('a body may take its time while it moves; standing still ends it', async () => {
  const upload = (own: Bench, storeMs: number): Partial<FileSystem> => ({
    write: async (_path, body, _options, context) => {
      for await (const _ of body) await own.step(context, storeMs)
      await own.step(context, 900)
      return { info, created: true }
    },
  })
  const pieces = async function* (own: Bench): AsyncGenerator<Uint8Array> {
    for (let count = 0; count < 5; count++) {
      // The client is slow: longer than the deadline, which is not the Processors' fault.
      await own.pause(3_000)
      yield new Uint8Array(1)
    }
  }
  const slow = new Bench((own) => upload(own, 800))
  const [done, doneMs] = await slow.ask('PUT', { body: pieces(slow) })
  assert.deepEqual([done.status, doneMs], [201, 5 * 3_800 + 900])
  const still = new Bench((own) => upload(own, 1_100))
  const [refused, refusedMs] = await still.ask('PUT', { body: pieces(still) })
  assert.deepEqual([refused.status, refusedMs], [503, 4_000])
})

test('an answer may take its time while it moves; standing still cuts it', async () => {
  const bench = new Bench((own) => ({
    read: async (_path, _options, context) => {
      const stream = async function* (): AsyncGenerator<Uint8Array> {
        for (const tookMs of [800, 800, 800, 1_100]) {
          await own.step(context, tookMs)
          yield new Uint8Array(1)
        }
      }
      return { info, start: 0, end: 4, stream: stream() }
    },
  }))
  const [response] = await bench.ask('GET')
  const { body } = response
  assert(body !== undefined && !(body instanceof Uint8Array))
  let count = 0
  const read = bench.run(async () => {
    for await (const _ of body) {
      count++
      // A client that reads slowly.
      await bench.pause(5_000)
    }
  })
  await assert.rejects(read)
  assert.equal(count, 3)
  assert.equal(bench.scheduler.nowMs, 3 * 5_800 + 1_000)
})
