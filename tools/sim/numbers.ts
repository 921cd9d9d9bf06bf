/** Numbers on the command line. */

/** The command was not understood; the message says what. */
export class UsageError extends Error {}

/** @throws UsageError */
export function wholeNumber(
  text: string,
  name: string,
  range: { readonly min: number; readonly max: number },
): number {
  const value = Number(text)
  if (/^\d{1,15}$/.test(text) && value >= range.min && value <= range.max) return value
  throw new UsageError(`--${name} takes a whole number from ${range.min} to ${range.max}`)
}
