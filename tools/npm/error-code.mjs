/**
 * The code of a system error, such as 'ENOENT'.
 *
 * @param {unknown} error
 * @returns {unknown}
 */
export function codeOf(error) {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
