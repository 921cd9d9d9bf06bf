import { UnosysError } from '../../base/error.ts'

export const LinkCode = {
  /** No link to the peer, or it ended meanwhile. The peer MAY have acted. React: another peer. */
  Down: 'link/down',
  /** No reply in time. The peer MAY have acted. React: another peer, or the same request again. */
  Deadline: 'link/deadline',
  /** The caller gave up. */
  Cancelled: 'link/cancelled',
  /** Too many requests are waiting for this peer already; nothing was sent. React: slow down. */
  Overloaded: 'link/overloaded',
  /** The peer answered with an error; `peerCode` says which. */
  Refused: 'link/refused',
} as const
export type LinkCode = (typeof LinkCode)[keyof typeof LinkCode]

export class LinkError extends UnosysError<
  LinkCode,
  { readonly peer: string; readonly peerCode?: string }
> {}
