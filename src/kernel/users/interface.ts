/** Who is calling, as the layers above see it. */
import type { Digest, PrincipalId } from '../../base/ids.ts'
import type { PrincipalKeys } from '../keys/interface.ts'
import type { CommandResult, Operation, RequestMark } from '../section/interface.ts'

/** A caller whose token was opened. Lives in memory only. */
export type AuthenticatedSession = {
  readonly principal: PrincipalId
  readonly keys: PrincipalKeys
  /** Sum of the section's `Rights`. */
  readonly rights: number
  /** HMAC key of request ids: equal on every Processor for the same user. */
  readonly requestKey: Uint8Array
}

export type SubmitOptions = {
  /** From now. */
  readonly deadlineMs: number
  readonly signal: AbortSignal
  readonly request?: RequestMark
}

export interface Sessions {
  /**
   * Open a bearer token, or find it opened. The token's record is read again every `tokenFreshMs`;
   * while no quorum answers, a token opened before stays good for `tokenStaleMs` (what it may do
   * is decided by the group all the same).
   *
   * @throws UserError `users/unauthenticated`, `users/revoked`, `users/rate-limited`; GroupError
   *   while no quorum answers and the token was not opened before.
   */
  authenticate(bearer: string): Promise<AuthenticatedSession>

  /**
   * Have one command ordered: all its operations or none. Commands of one session in one turn
   * share a signature; their order among each other is not promised.
   *
   * @throws GroupError `group/unavailable`, `group/overloaded` (nothing happened),
   *   `group/unconfirmed`, `group/cancelled` (it MAY have happened); UserError `users/revoked`.
   */
  submit(
    session: AuthenticatedSession,
    operations: readonly Operation[],
    options: SubmitOptions,
  ): Promise<CommandResult>

  /** Keyed hash of an Idempotency-Key, and of what is asked under it: for a `RequestMark`. */
  requestIdOf(session: AuthenticatedSession, text: string): Digest
}
