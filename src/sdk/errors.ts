/** Errors of the SDK: what the Processor answered, or that it did not answer. */
import { UnosysError } from '../base/error.ts'
import type { PublicCode } from '../wire/http-status.ts'

export const SdkCode = {
  /** Nobody listens at the address, or the connection broke. React: is the Processor running? */
  Unreachable: 'sdk/unreachable',
  /** The caller's signal fired. */
  Aborted: 'sdk/aborted',
  /** The answer is not one of this API. React: is this the address of a Processor? */
  BadAnswer: 'sdk/bad-answer',
  /** A body that ends before its announced end. React: read again. */
  CutOff: 'sdk/cut-off',
} as const
export type SdkCode = (typeof SdkCode)[keyof typeof SdkCode]

/** Facts beside the code: what the problem carried, such as `needed` and `reachable`. */
export type ApiErrorDetail = Readonly<Record<string, unknown>>

/**
 * Whatever a call of the SDK fails with. `code` is one of `wire/http-status.ts` (what the Processor
 * said) or `SdkCode`; `message` says what to do; `status` is the HTTP status, 0 without an answer.
 */
export class UnosysApiError extends UnosysError<PublicCode | SdkCode, ApiErrorDetail> {
  readonly status: number

  constructor(
    code: PublicCode | SdkCode,
    message: string,
    facts: { readonly status: number; readonly detail?: ApiErrorDetail; readonly cause?: unknown },
  ) {
    const { status, detail, cause } = facts
    super(code, message, detail ?? {}, cause === undefined ? undefined : { cause })
    this.status = status
  }
}

/** True for an error of the SDK, with `code` given: for that code. */
export function isApiError(error: unknown, code?: PublicCode | SdkCode): error is UnosysApiError {
  return error instanceof UnosysApiError && (code === undefined || error.code === code)
}
