import { UnosysError } from '../../base/error.ts'

export const BlockCode = {
  /**
   * Fewer holders than receipts needed are reachable; nothing counts as written. React: retry
   * later.
   */
  TooFewHolders: 'blocks/too-few-holders',
  /** Not enough receipts in time. Nothing counts as written. React: write again (new blocks). */
  Unconfirmed: 'blocks/unconfirmed',
  /** Holders refuse for want of room. React: tell the user; freeing space or adding nodes helps. */
  Full: 'blocks/full',
  /** Every holder answered and none had it intact. React: report loss; retrying does not help. */
  Lost: 'blocks/lost',
  /** No holder that answered had it, and some did not answer. React: retry later. */
  Unreachable: 'blocks/unreachable',
  /** The caller gave up. */
  Cancelled: 'blocks/cancelled',
} as const
export type BlockCode = (typeof BlockCode)[keyof typeof BlockCode]

export class BlockError extends UnosysError<
  BlockCode,
  {
    readonly needed?: number
    readonly reachable?: number
    readonly reports?: readonly { readonly holder: string; readonly code: string }[]
  }
> {}
