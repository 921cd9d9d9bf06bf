import { UnosysError } from '../../base/error.ts'

export const ConsensusCode = {
  /**
   * The journal is damaged before its tail, or behind the application. React: stop; the node may
   * begin again without it, as one that has lost its memory.
   */
  JournalDamaged: 'consensus/journal-damaged',
  /** It is another group's, or of another version. Nothing is wrong with it. React: refuse it. */
  JournalForeign: 'consensus/journal-foreign',
  /** The journal could not be made durable. React: stop this process; nothing was sent. */
  JournalFailed: 'consensus/journal-failed',
  /**
   * Two certificates conflict: more liars than the bound. `what` carries both in hexadecimal.
   * React: stop, publish them.
   */
  SafetyViolated: 'consensus/safety-violated',
} as const
export type ConsensusCode = (typeof ConsensusCode)[keyof typeof ConsensusCode]

export class ConsensusError extends UnosysError<ConsensusCode, { readonly what: string }> {}
