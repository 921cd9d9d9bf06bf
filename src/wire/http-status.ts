/**
 * Every code that an application can see, with its HTTP status. A code of the file system without
 * a line here does not compile (see `kernel/api/problems.ts`).
 */
export const httpStatusOf = {
  'filesystem/not-found': 404,
  'filesystem/exists': 409,
  'filesystem/wrong-kind': 409,
  'filesystem/not-empty': 409,
  'filesystem/cycle': 409,
  'filesystem/bad-path': 400,
  'filesystem/bad-argument': 400,
  'filesystem/bad-range': 416,
  'filesystem/wrong-length': 400,
  'filesystem/too-large': 413,
  'filesystem/precondition': 412,
  'filesystem/conflict': 409,
  'filesystem/denied': 403,
  'filesystem/damaged': 500,
  'filesystem/unavailable': 503,
  'filesystem/unconfirmed': 503,
  'filesystem/key-reused': 422,
  'filesystem/full': 507,
  'filesystem/cancelled': 499,
  'users/unauthenticated': 401,
  'users/rate-limited': 429,
  'api/bad-request': 400,
  'api/foreign-host': 403,
  'api/foreign-origin': 403,
  'api/no-such-route': 404,
  'api/method-not-allowed': 405,
  'api/unsupported-media': 415,
  'api/expectation-failed': 417,
  'api/headers-too-large': 431,
  'api/not-implemented': 501,
  'api/stopping': 503,
  'api/internal': 500,
} as const

export type PublicCode = keyof typeof httpStatusOf

/** What an answer of 503, 429 or 409 should make a client do, in whole seconds. */
export const retryAfterSeconds = 1
