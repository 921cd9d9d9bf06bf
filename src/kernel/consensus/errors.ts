import { UnosysError } from '../../base/error.ts'

export const ConsensusCode = {
  /**
   * The journal is damaged before its tail, belongs to another group, or is behind the application.
   * React: tell the operator.
   */
  JournalDamaged: 'consensus/journal-damaged',
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
