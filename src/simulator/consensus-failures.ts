/**
 * How a run of a consensus group fails. All three are failures of an ordinary seed; where a rule is
 * broken on purpose only the first says that a checker sees.
 */

/** A promise was broken, and a check says so. */
export class Violation extends Error {}

/** Not done in time, or too much said: a check says so, but no two truths came of it. */
export class Standstill extends Error {}

/** A correct member stopped by itself: production's own error, or the simulator's. */
export class ProductionStopped extends Error {}

export type ClusterFailure = Violation | Standstill | ProductionStopped

/** With the place where it was thrown. */
export const textOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error)

/** What a check said, however often what it was called from wrapped it. */
function checkIn(error: unknown): Violation | Standstill | undefined {
  let inner = error
  while (inner instanceof Error) {
    if (inner instanceof Violation || inner instanceof Standstill) return inner
    inner = inner.cause
  }
  return undefined
}

/** What a member stopped for: production may have met the error of a check, or one of its own. */
export function failureOf(node: number, error: unknown): ClusterFailure {
  return checkIn(error) ?? new ProductionStopped(`node ${node}: ${textOf(error)}`, { cause: error })
}

/** The same kind of failure with more words. */
export function explained(error: unknown, message: string): ClusterFailure {
  const Kind = [Violation, Standstill].find((one) => error instanceof one) ?? ProductionStopped
  return new Kind(message, { cause: error })
}
