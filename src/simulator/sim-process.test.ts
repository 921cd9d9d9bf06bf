import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AssertionError } from '../base/assert.ts'
import { Scheduler } from './scheduler.ts'
import { SimClock, worldStartWallMs } from './sim-clock.ts'
import { SimProcess } from './sim-process.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const stepAll = (scheduler: Scheduler): void => {
  while (scheduler.step());
}

test('process: nothing of a killed process runs, whether asked for before or after', () => {
  const scheduler = new Scheduler({ settle })
  const process = new SimProcess(scheduler, 'a')
  const heard: string[] = []
  process.onDeath(() => heard.push('first'))
  process.onDeath(() => heard.push('second'))
  process.after(1, () => heard.push('before'), 'x')
  process.kill()
  process.kill()
  process.after(1, () => heard.push('after'), 'x')()
  stepAll(scheduler)
  assert.deepEqual(heard, ['first', 'second'])
  assert.equal(process.state, 'dead')
  process.thaw()
  process.freeze()
  assert.equal(process.state, 'dead')
  assert.throws(() => process.onDeath(() => {}), AssertionError)
})

test('process: a frozen one holds its events back and runs them in order when it thaws', () => {
  const scheduler = new Scheduler({ settle })
  const process = new SimProcess(scheduler, 'a')
  const other = new SimProcess(scheduler, 'b')
  const ran: string[] = []
  process.after(1, () => ran.push('one'), 'x')
  const cancelHeld = process.after(2, () => ran.push('cancelled while held'), 'x')
  process.after(3, () => ran.push('three'), 'x')
  other.after(4, () => ran.push('other'), 'x')
  process.after(20, () => ran.push('twenty'), 'x')
  process.onThaw(() => ran.push('thawed'))
  process.freeze()
  scheduler.after(
    10,
    () => {
      cancelHeld()
      process.thaw()
    },
    'thaw',
  )
  stepAll(scheduler)
  assert.deepEqual(ran, ['other', 'thawed', 'one', 'three', 'twenty'])
})

test('process: killed while frozen, it stays silent', () => {
  const scheduler = new Scheduler({ settle })
  const process = new SimProcess(scheduler, 'a')
  process.after(1, () => assert.fail('ran'), 'x')
  process.freeze()
  stepAll(scheduler)
  process.kill()
  process.thaw()
  stepAll(scheduler)
})

test('clock: each node sees virtual time through its own offset, rate and start', () => {
  const scheduler = new Scheduler({ settle })
  const first = new SimClock(new SimProcess(scheduler, 'a'))
  scheduler.after(1_000, () => {}, 'wait')
  stepAll(scheduler)
  const late = new SimClock(new SimProcess(scheduler, 'b'), { wallOffsetMs: -500, rate: 1.01 })
  scheduler.after(1_000.5, () => {}, 'wait')
  stepAll(scheduler)
  assert.equal(first.monotonicMs(), 2_000.5)
  assert.equal(first.wallMs(), worldStartWallMs + 2_000)
  assert.ok(Math.abs(late.monotonicMs() - 1_010.505) < 1e-6)
  assert.equal(late.wallMs(), worldStartWallMs + 1_520)
  late.setWallOffsetMs(0)
  assert.equal(late.wallMs(), worldStartWallMs + 2_020)
  assert.throws(() => new SimClock(new SimProcess(scheduler, 'c'), { rate: 0 }), AssertionError)
})

test('clock: a timer waits in local time', () => {
  const scheduler = new Scheduler({ settle })
  const clock = new SimClock(new SimProcess(scheduler, 'a'), { rate: 2 })
  clock.after(100, () => assert.equal(clock.monotonicMs(), 100))
  stepAll(scheduler)
  assert.equal(scheduler.nowMs, 50)
})
