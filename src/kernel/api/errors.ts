import { UnosysError } from '../../base/error.ts'

export const ApiCode = {
  /** A header, query or body that the schema refuses; the message says which and why. */
  BadRequest: 'api/bad-request',
  /** `Host` is not this machine: a name that somebody pointed here (DNS rebinding). */
  ForeignHost: 'api/foreign-host',
  /** A page of another origin asks: a browser page is not the local user. */
  ForeignOrigin: 'api/foreign-origin',
  NoSuchRoute: 'api/no-such-route',
  MethodNotAllowed: 'api/method-not-allowed',
  UnsupportedMedia: 'api/unsupported-media',
  /** `Expect` asks for what is not known. */
  ExpectationFailed: 'api/expectation-failed',
  /** More bytes of headers than are read. */
  HeadersTooLarge: 'api/headers-too-large',
  /** A `Transfer-Encoding` other than chunked. */
  NotImplemented: 'api/not-implemented',
  /** The Processor is shutting down. React: retry at another time. */
  Stopping: 'api/stopping',
  /** A fault of the Processor; its log has the reason under the request's id. */
  Internal: 'api/internal',
} as const
export type ApiCode = (typeof ApiCode)[keyof typeof ApiCode]

export class ApiError extends UnosysError<ApiCode, Readonly<Record<string, unknown>>> {}
