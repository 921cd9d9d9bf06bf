/**
 * Limits of the HTTP API, stated in the OpenAPI document. Sizes in bytes, times in milliseconds.
 */
export const pathBytesMax = 4_096
export const blockBytesMin = 4 * 1024
export const blockBytesMax = 4 * 1024 * 1024
export const listLimitMax = 1_000
export const blockMapLimitMax = 4_096
export const jsonBodyBytesMax = 16 * 1024
export const idempotencyKeyCharsMax = 255
export const deadlineMsMin = 100
export const deadlineMsMax = 600_000
export const deadlineMsDefault = 30_000
export const sizeMax = 2 ** 52
export const etagsMax = 32
