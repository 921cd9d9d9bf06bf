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

// In turns of the event loop, which no busy machine stretches: whoever waits for a timer, even of
// the least delay there is, sees many of them pass.
test('node-clock: the delay 0 costs a turn of the event loop, not a millisecond', async () => {
  let turnCount = 0
  let ended = false
  const countTurns = (): void => {
    turnCount++
    if (!ended) setImmediate(countTurns)
  }
  setImmediate(countTurns)
  for (let round = 0; round < 200; round++)
    await new Promise<void>((resolve) => nodeClock.after(0, resolve))
  ended = true
  assert.ok(turnCount <= 400, `${turnCount} turns for 200 tasks`)
})
