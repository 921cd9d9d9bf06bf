/** Limits of the API beside those of `wire/limits.ts`, which clients are told. In milliseconds. */

/**
 * How long after a request's deadline its answer comes at the latest. Until then the step that was
 * waiting says itself what it missed, which tells more.
 */
export const deadlineGraceMs = 500
