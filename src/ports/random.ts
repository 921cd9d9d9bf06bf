/**
 * Unpredictable bytes. In the simulator every fork is a stream of its own, named, so that a new
 * caller does not shift the numbers of the others.
 */
export interface Random {
  /** `count` fresh bytes, fit for keys and nonces. The caller owns them. */
  bytes(count: number): Uint8Array

  /** A stream for one purpose. The same purpose again gives a new stream, not the same numbers. */
  fork(purpose: string): Random
}
