import { UnosysError } from '../../base/error.ts'

export const ObjectCode = {
  /** The object is not there (any more). */
  NotFound: 'objects/not-found',
  /** Other writers came between, again and again. React: read and retry. */
  Conflict: 'objects/conflict',
  /** The state that the caller saw is not the current one any more (a precondition). */
  Changed: 'objects/changed',
  /** A delta, base or page does not open or contradicts itself. React: report damage. */
  Damaged: 'objects/damaged',
  /** More blocks than one upload may have. React: larger blocks, or several writes. */
  TooLarge: 'objects/too-large',
  /** The group refused an operation; `detail.code` says why. */
  Refused: 'objects/refused',
  /** Another request was carried out under this request's id. React: draw a new id. */
  Reused: 'objects/request-reused',
  /** The principal has no right, or no key. */
  Denied: 'objects/denied',
} as const
export type ObjectCode = (typeof ObjectCode)[keyof typeof ObjectCode]

export class ObjectError extends UnosysError<ObjectCode, { readonly code?: string }> {}
