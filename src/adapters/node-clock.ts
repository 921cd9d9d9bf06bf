import { performance } from 'node:perf_hooks'
import { assert } from '../base/assert.ts'
import type { Clock } from '../ports/clock.ts'

/** The longest delay that `setTimeout` keeps, 24.8 days; a longer one would fire at once. */
const timeoutMsMax = 0x7fff_ffff

function afterTurn(task: () => void): () => void {
  const immediate = setImmediate(task)
  return () => clearImmediate(immediate)
}

/**
 * The event loop counts whole milliseconds from the last whole one: a timer may fire a fraction
 * early. One more millisecond keeps the promise that nothing runs before it is due; looking at the
 * clock when it fires, and waiting again, would break the order of equal delays.
 */
const timeoutMsOf = (delayMs: number): number => Math.ceil(delayMs) + 1

function afterDelay(delayMs: number, task: () => void): () => void {
  let timer: NodeJS.Timeout
  const arm = (remainingMs: number): void => {
    const legMs = Math.min(timeoutMsOf(remainingMs), timeoutMsMax)
    const next = legMs < timeoutMsMax ? task : (): void => arm(remainingMs - legMs)
    timer = setTimeout(next, legMs)
  }
  arm(delayMs)
  return () => clearTimeout(timer)
}

/**
 * The real clock. A delay of 0 runs directly after the current turn of the event loop, without the
 * millisecond that a timer costs: whatever was queued in one turn leaves together.
 *
 * A pending task keeps the process alive: who arms a timer cancels it at its own end.
 */
export const nodeClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, task) => {
    assert(delayMs >= 0 && Number.isFinite(delayMs), 'delay is finite and not negative')
    return delayMs === 0 ? afterTurn(task) : afterDelay(delayMs, task)
  },
}
