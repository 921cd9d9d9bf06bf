/** Waiting for a condition, with a deadline instead of luck. */
import { messageOf } from '../../src/base/error.ts'

const pauseMs = 50

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

/** How long to wait at most, and what ends it before. */
export type Limit = { readonly deadlineMs: number; readonly signal: AbortSignal | undefined }

/**
 * Resolves as soon as `condition` holds. A condition that throws counts as not met yet.
 *
 * @param limit in milliseconds, when nothing ends it before.
 * @throws Error after the deadline, with the last reason; the signal's reason when it is aborted.
 */
export async function until(
  what: string,
  limit: number | Limit,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const { deadlineMs, signal } =
    typeof limit === 'number' ? { deadlineMs: limit, signal: undefined } : limit
  const endMs = performance.now() + deadlineMs
  for (;;) {
    signal?.throwIfAborted()
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
