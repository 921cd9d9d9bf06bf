/**
 * Base of every operating error: something outside our code went wrong and a caller can react.
 * Programmer errors are assertions, not this.
 */
export class UnosysError<Code extends string = string, Detail = unknown> extends Error {
  /** Stable, `layer/what-is-wrong`; a code exists only if a caller could react to it alone. */
  readonly code: Code
  readonly detail: Detail

  constructor(code: Code, message: string, detail: Detail, options?: ErrorOptions) {
    super(message, options)
    // Defined, not assigned: a property that is assigned is one of those that are listed.
    Object.defineProperty(this, 'name', {
      value: new.target.name,
      configurable: true,
    })
    this.code = code
    this.detail = detail
  }
}

/** True for an operating error, with `code` given: for that code. */
export function isUnosysError(error: unknown, code?: string): error is UnosysError {
  return error instanceof UnosysError && (code === undefined || error.code === code)
}

/** What to print for anything thrown; never includes a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
