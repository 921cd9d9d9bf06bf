import { UnosysError } from '../../base/error.ts'

export const NameCode = {
  /** The path breaks a rule; the message says which. */
  BadPath: 'namespace/bad-path',
  /** Nothing there, or a directory on the way is missing. */
  NotFound: 'namespace/not-found',
  /** Something on the way is not a directory. */
  NotDirectory: 'namespace/not-directory',
  /** The caller has no key or no right. */
  Denied: 'namespace/denied',
  /** The listing changed too often to confirm, or a cursor is none of ours. */
  BadCursor: 'namespace/bad-cursor',
  /** The path kept changing while it was looked up. React: try again. */
  Busy: 'namespace/busy',
} as const
export type NameCode = (typeof NameCode)[keyof typeof NameCode]

export class NameError extends UnosysError<NameCode, { readonly path?: string }> {}
