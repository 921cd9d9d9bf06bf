/** A broken promise of our own code: the node stops rather than continue wrong. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/**
 * Hold an invariant that only a programmer's mistake can break. Stays on in production.
 *
 * @throws AssertionError never caught by a layer; the process stops.
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** For the branch that the types exclude: `default: return unreachable(value)`. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`)
}
