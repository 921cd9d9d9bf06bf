import { UnosysError } from '../base/error.ts'
import { systemReason } from './system-reason.ts'

export const TransportCode = {
  /** Somebody else listens there. React: tell the operator the address. */
  AddressInUse: 'transport/address-in-use',
  /** The address cannot be bound at all. React: tell the operator. */
  ListenFailed: 'transport/listen-failed',
  /** Refused, timed out, not a Processor, or aborted by the caller. React: try again later. */
  Unreachable: 'transport/unreachable',
} as const
export type TransportCode = (typeof TransportCode)[keyof typeof TransportCode]

export class TransportError extends UnosysError<TransportCode, { address: string }> {}

/** `cause` becomes part of the message and stays attached. */
export function transportError(
  code: TransportCode,
  address: string,
  cause: unknown,
): TransportError {
  const message = `${address}: ${systemReason(cause)}`
  return new TransportError(code, message, { address }, { cause })
}
