import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeClock } from '../../src/adapters/node-clock.ts'
import { Scheduler } from '../../src/simulator/scheduler.ts'
import { SimClock } from '../../src/simulator/sim-clock.ts'
import { SimProcess } from '../../src/simulator/sim-process.ts'
import { clockCompliance } from './clock.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const deadlineMs = 5_000

clockCompliance({
  name: 'node-clock',
  open: () => ({
    clock: nodeClock,
    until: async (condition) => {
      const endMs = performance.now() + deadlineMs
      while (!condition()) {
        assert.ok(performance.now() < endMs, 'not within the deadline')
        await settle()
      }
    },
  }),
})

clockCompliance({
  name: 'sim-clock',
  open: () => {
    const scheduler = new Scheduler({ settle })
    return {
      clock: new SimClock(new SimProcess(scheduler, 'a')),
      until: async (condition) =>
        assert.equal(await scheduler.run({ until: condition }), 'reached'),
    }
  },
})

test('node-clock: the delay 0 does not cost a millisecond', async () => {
  const startMs = nodeClock.monotonicMs()
  for (let round = 0; round < 200; round++)
    await new Promise<void>((resolve) => nodeClock.after(0, resolve))
  assert.ok(nodeClock.monotonicMs() - startMs < 150, `${nodeClock.monotonicMs() - startMs} ms`)
})
