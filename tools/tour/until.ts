/** Waiting for a condition, with a deadline instead of luck. */
import { messageOf } from '../../src/base/error.ts'

const pauseMs = 50

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

/**
 * Resolves as soon as `condition` holds. A condition that throws counts as not met yet.
 *
 * @throws Error after `deadlineMs`, with the last reason.
 */
export async function until(
  what: string,
  deadlineMs: number,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const endMs = performance.now() + deadlineMs
  for (;;) {
    let reason = ''
    try {
      if (await condition()) return
    } catch (error) {
      reason = `: ${messageOf(error)}`
    }
    if (performance.now() > endMs) {
      throw new Error(`not within ${Math.round(deadlineMs / 1000)} s: ${what}${reason}`)
    }
    await pause(pauseMs)
  }
}
