import { UnosysError } from '../base/error.ts'

export const HttpCode = {
  /** Another program has the port. React: tell the operator which. */
  AddressInUse: 'http/address-in-use',
  /** The port cannot be bound at all. React: tell the operator. */
  ListenFailed: 'http/listen-failed',
  /** The client went away before the end of its request. React: drop what was read. */
  ClientGone: 'http/client-gone',
} as const
export type HttpCode = (typeof HttpCode)[keyof typeof HttpCode]

export class HttpError extends UnosysError<HttpCode, { port: number | undefined }> {}
