import { UnosysError } from '../../base/error.ts'

export const GroupCode = {
  /** Fewer members than a quorum are reachable; nothing was sent. React: retry later. */
  Unavailable: 'group/unavailable',
  /** Sent, but no quorum answered in time: it MAY have happened. React: the same batch again. */
  Unconfirmed: 'group/unconfirmed',
  /**
   * The members' pools are full, and none has the batch: nothing happened. Where members may lie
   * their refusals prove nothing, and it is `Unconfirmed`. React: slow down, retry.
   */
  Overloaded: 'group/overloaded',
  /** The caller gave up; a batch that was sent MAY have happened. */
  Cancelled: 'group/cancelled',
  /** The answer to a read does not fit a message. React: ask fewer things at once. */
  TooLarge: 'group/too-large',
  /** No member serves that root of a listing any more. React: confirm a newer root. */
  RootGone: 'group/root-gone',
} as const
export type GroupCode = (typeof GroupCode)[keyof typeof GroupCode]

export class GroupError extends UnosysError<
  GroupCode,
  { readonly needed?: number; readonly reachable?: number }
> {}
