import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../base/assert.ts'
import { Scheduler } from './scheduler.ts'
import { TraceRecorder } from './trace.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('scheduler: events run by time, and at equal times in the order of asking', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 200 }), (delays) => {
      const scheduler = new Scheduler({ settle })
      const ran: { delayMs: number; index: number }[] = []
      for (const [index, delayMs] of delays.entries())
        scheduler.after(delayMs, () => ran.push({ delayMs, index }), 'x')
      while (scheduler.step()) assert.equal(scheduler.nowMs, ran.at(-1)?.delayMs)
      const expected = delays
        .map((delayMs, index) => ({ delayMs, index }))
        .sort((a, b) => a.delayMs - b.delayMs || a.index - b.index)
      assert.deepEqual(ran, expected)
      assert.equal(scheduler.waitingCount, 0)
    }),
  )
})

test('scheduler: a cancelled event does not run, and time does not move to it', () => {
  const scheduler = new Scheduler({ settle })
  const ran: string[] = []
  const cancel = scheduler.after(5, () => ran.push('cancelled'), 'a')
  scheduler.after(9, () => ran.push('kept'), 'b')
  cancel()
  cancel()
  assert.equal(scheduler.waitingCount, 1)
  assert.equal(scheduler.step(), true)
  assert.equal(scheduler.nowMs, 9)
  assert.equal(scheduler.step(), false)
  assert.deepEqual(ran, ['kept'])
})

test('scheduler: events asked for by an event take their place', () => {
  const scheduler = new Scheduler({ settle })
  const ran: string[] = []
  scheduler.after(
    1,
    () => {
      ran.push('first')
      scheduler.after(0, () => ran.push('third'), 'c')
      scheduler.after(4, () => ran.push('fifth'), 'e')
    },
    'a',
  )
  scheduler.after(1, () => ran.push('second'), 'b')
  scheduler.after(5, () => ran.push('fourth'), 'd')
  while (scheduler.step());
  assert.deepEqual(ran, ['first', 'second', 'third', 'fourth', 'fifth'])
})

test('scheduler: run lets chains of promises of any length end before the next event', async () => {
  const scheduler = new Scheduler({ settle })
  const ran: string[] = []
  const chain = async (name: string, length: number): Promise<void> => {
    for (let index = 0; index < length; index++) await null
    ran.push(name)
    scheduler.after(0, () => ran.push(`${name} timer`), name)
  }
  scheduler.after(1, () => void chain('long', 5_000), 'a')
  scheduler.after(1, () => void chain('short', 1), 'b')
  assert.equal(await scheduler.run({}), 'idle')
  assert.deepEqual(ran, ['long', 'short', 'long timer', 'short timer'])
})

test('scheduler: run says why it ended', async () => {
  const scheduler = new Scheduler({ settle })
  let count = 0
  const again = (): void => {
    count++
    scheduler.after(10, again, 'again')
  }
  scheduler.after(10, again, 'again')
  assert.equal(await scheduler.run({ until: () => count === 3 }), 'reached')
  assert.equal(scheduler.nowMs, 30)
  assert.equal(await scheduler.run({ eventCountMax: 2 }), 'events')
  assert.equal(count, 5)
  assert.equal(await scheduler.run({ timeMsMax: 25 }), 'time')
  assert.equal(scheduler.nowMs, 75)
  assert.equal(count, 7)
})

test('scheduler: what a task throws ends the run', async () => {
  const scheduler = new Scheduler({ settle })
  scheduler.after(1, () => assert.fail('broken world'), 'a')
  await assert.rejects(scheduler.run({}), /broken world/)
})

test('scheduler: real work becomes an event at its virtual time, in an order of its own', async () => {
  const scheduler = new Scheduler({ settle })
  const ran: string[] = []
  const work = (realMs: number): Promise<string> =>
    new Promise((resolve) => setTimeout(() => resolve(`${realMs}`), realMs))
  const slow = scheduler.afterWork(5, work(30), 'slow').then(() => ran.push('slow'))
  const quick = scheduler.afterWork(7, work(1), 'quick').then(() => ran.push('quick'))
  const bad = scheduler.afterWork(8, Promise.reject(new Error('no memory')), 'bad')
  const caught = bad.catch((error: Error) => ran.push(error.message))
  scheduler.after(6, () => ran.push('between'), 'between')
  assert.equal(await scheduler.run({}), 'idle')
  await Promise.all([slow, quick, caught])
  assert.deepEqual(ran, ['slow', 'between', 'quick', 'no memory'])
  assert.equal(scheduler.nowMs, 8)
})

test('scheduler: step refuses to pass real work, and delays that make no sense', () => {
  const scheduler = new Scheduler({ settle })
  void scheduler.afterWork(1, Promise.resolve(), 'work')
  assert.throws(() => scheduler.step(), AssertionError)
  for (const delayMs of [-1, Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => scheduler.after(delayMs, () => {}, 'x'), AssertionError)
})

test('trace: hears every event; equal runs give equal hashes, different ones do not', async () => {
  const run = async (delayMs: number): Promise<TraceRecorder> => {
    const recorder = new TraceRecorder()
    const scheduler = new Scheduler({ settle, onTrace: recorder.listen })
    scheduler.after(delayMs, () => scheduler.trace('test/fact', 'a', -1.5), 'one')
    await scheduler.run({})
    return recorder
  }
  const first = await run(1.25)
  assert.equal(first.count, 2)
  assert.equal(first.hash, (await run(1.25)).hash)
  assert.notEqual(first.hash, (await run(1.26)).hash)
  assert.match(first.hash, /^[0-9a-f]{32}$/)
  assert.deepEqual(first.lastLines(1), ['     1.250 ms  test/fact  a -1.5'])
  assert.equal(first.lastLines(99).length, 2)
})

test('trace: keeps the last 4,096 events', () => {
  const recorder = new TraceRecorder()
  for (let index = 0; index < 5_000; index++)
    recorder.listen({ atMs: index, kind: 'k', facts: [index] })
  const lines = recorder.lastLines(10_000)
  assert.equal(lines.length, 4_096)
  assert.match(lines[0] ?? '', / 904$/)
  assert.match(lines.at(-1) ?? '', / 4999$/)
})
