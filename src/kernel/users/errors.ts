import { UnosysError } from '../../base/error.ts'

export const UserCode = {
  /** No token, or one that nobody made. React: get a valid one. */
  Unauthenticated: 'users/unauthenticated',
  /** It was valid, and is revoked or expired. React: stop using it; ask its owner for another. */
  Revoked: 'users/revoked',
  /** Too many unknown tokens lately. React: wait a second. */
  RateLimited: 'users/rate-limited',
} as const
export type UserCode = (typeof UserCode)[keyof typeof UserCode]

/** Tells nothing of the token: it may stand in a log. */
export class UserError extends UnosysError<UserCode, Record<string, never>> {}
