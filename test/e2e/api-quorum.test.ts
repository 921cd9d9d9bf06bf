/** Fewer Processors than a quorum: a clear answer in time, and recovery by itself. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isApiError, type UnosysApiError } from '../../src/sdk/index.ts'
import { cleanupOf } from './folders.ts'
import { request } from './http.ts'
import { waitFor } from './wait.ts'
import { startWorld, type TestWorld } from './world.ts'

const cleanup = cleanupOf({ after })
let world: TestWorld

before(async () => {
  world = await startWorld({ cleanup })
})

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
/** What a call may take beyond its deadline, on a busy machine. */
const slackMs = 4_000

async function failureOf(call: Promise<unknown>): Promise<UnosysApiError> {
  const error = await call.then(
    () => assert.fail('it succeeded'),
    (caught: unknown) => caught,
  )
  assert(isApiError(error), String(error))
  return error
}

test('C29: with one of four killed, reads and writes go on', async () => {
  await world.client(1).write('/public/before', 'before')
  await world.kill(2)
  await world.client(1).write('/public/during', 'during')
  assert.equal(textOf(await world.client(3).readAll('/public/before')), 'before')
  assert.equal(textOf(await world.client(4).readAll('/public/during')), 'during')
  await waitFor('it is seen to be down', async () => {
    const status = await world.client(1).status()
    return status.processors[1]?.up === false && status.group.reachable === 3
  })
})

test('fewer alive than a quorum: 503 within the deadline, saying what is missing, and nothing is changed', async () => {
  await world.kill(3)
  const deadlineMs = 2_000
  const started = performance.now()
  const call = { deadlineMs }
  const failures = await Promise.all([
    failureOf(world.client(1).write('/public/refused', 'x', call)),
    failureOf(world.client(1).write('/public/before', 'x', call)),
    failureOf(world.client(1).readAll('/public/before', call)),
    failureOf(world.client(1).stat('/public/before', call)),
    failureOf(world.client(1).mkdir('/public/refused-directory', call)),
    failureOf(world.client(1).remove('/public/before', call)),
    failureOf(world.client(1).listPage('/public', call)),
  ])
  const tookMs = performance.now() - started
  assert(tookMs < deadlineMs + slackMs, `${tookMs} ms`)
  for (const failure of failures) {
    assert.deepEqual([failure.status, failure.code], [503, 'filesystem/unavailable'])
    assert.equal(failure.detail.retryAfterSeconds, 1)
    assert.match(failure.message, /\S/)
  }
  assert(
    failures.some(({ detail }) => detail.reachable === 2 && detail.needed === 3),
    JSON.stringify(failures.map(({ detail, message }) => ({ detail, message }))),
  )
})

test('fewer alive than a quorum: status tells, at a Processor that knows the token', async () => {
  const status = await world.client(1).status()
  assert.equal(status.ready, false)
  assert.deepEqual([status.group.reachable, status.group.quorum], [2, 3])
  const up = status.processors.map((processor) => processor.up)
  assert.deepEqual(up, [true, false, false, true])
})

test('fewer alive than a quorum: a Processor that has not seen the token yet says 503, not 500', async () => {
  await world.restart(4)
  const answer = await request(world, 4, {
    path: '/v1/status',
    headers: { 'unosys-deadline-ms': '1000' },
  })
  assert.equal(answer.status, 503, answer.text)
  assert.equal(answer.headers['retry-after'], '1')
})

test('recovery needs nobody: when a quorum is back, the same calls succeed, and nothing refused was done', async () => {
  await world.restart(3)
  await waitFor('writes succeed again', async () => {
    try {
      await world.client(1).write('/public/after', 'after')
      return true
    } catch (error) {
      if (isApiError(error, 'filesystem/unavailable')) return false
      if (isApiError(error, 'filesystem/unconfirmed')) return false
      throw error
    }
  })
  assert.equal(textOf(await world.client(3).readAll('/public/after')), 'after')
  assert.equal(textOf(await world.client(4).readAll('/public/before')), 'before')
  assert.equal(await world.client(1).exists('/public/refused'), false)
  assert.equal(await world.client(1).exists('/public/refused-directory'), false)
})

test('a Processor that returns catches up, and serves what it missed', async () => {
  await world.client(1).write('/public/missed', 'missed', { replicas: 4 })
  await world.restart(2)
  await waitFor('it is ready', async () => (await world.status(2))?.ready === true)
  assert.equal(textOf(await world.client(2).readAll('/public/missed')), 'missed')
  const { height } = (await world.client(1).status()).group
  await waitFor('it has checked all heights', async () => {
    const status = await world.status(2)
    return (
      status !== undefined && status.vault.checkedHeight >= height && status.vault.awaited === 0
    )
  })
})

test('a call that waits for a quorum goes on when it comes, within its deadline', async () => {
  await world.kill(2)
  await world.kill(3)
  const writing = world.client(1).write('/public/waited', 'waited', { deadlineMs: 60_000 })
  const settled = writing.then(
    () => 'done',
    (error: unknown) => (isApiError(error) ? error.code : String(error)),
  )
  await world.restart(3)
  const outcome = await settled
  // A call may give up before its deadline when no quorum is in sight for long; it says so.
  assert(['done', 'filesystem/unavailable'].includes(outcome), outcome)
  await world.restart(2)
  await world.ready()
})

test('SIGTERM stops a Processor soon, with exit code 0, also while it serves', async () => {
  await world.client(1).write('/public/served', new Uint8Array(16 * 1024 * 1024))
  const { bytes } = await world.client(4).read('/public/served')
  const reading = bytes[Symbol.asyncIterator]()
  await reading.next()
  const started = performance.now()
  assert.equal(await world.stopOne(4), 0)
  assert(performance.now() - started < 10_000)
  const drained = (async () => {
    for (let next = await reading.next(); next.done !== true; next = await reading.next());
  })()
  // What was not sent in the grace time is cut off, and the reader knows.
  const [outcome] = await Promise.allSettled([drained])
  if (outcome?.status === 'rejected') {
    assert(isApiError(outcome.reason, 'sdk/cut-off'), String(outcome.reason))
  }
  await world.restart(4)
  await world.ready()
})
