import assert from 'node:assert/strict'
import type { Scheduler } from '../../src/simulator/scheduler.ts'

/** Run `body` with the simulated time passing until it has ended. Rejects as it does. */
export async function driven<Value>(
  scheduler: Scheduler,
  body: () => Promise<Value>,
): Promise<Value> {
  let ended = false
  const end = (): void => {
    ended = true
  }
  const outcome = body()
  outcome.then(end, end)
  assert.equal(await scheduler.run({ until: () => ended }), 'reached', 'the body waits for ever')
  return outcome
}
