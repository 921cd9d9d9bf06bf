/** What an operation runs in: one command's turn on the state. @pure */
import type { SessionId, Tag } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Actor } from './access.ts'
import type { AddedBlock, RejectCode } from './interface.ts'
import type { SectionState } from './state.ts'

/** A block that became part of the world, with the replicas that it must have. */
export type PlacedBlock = AddedBlock & { readonly replicas: number }

/** Shared by all commands of one block of the log. */
export type Execution = {
  readonly crypto: Crypto
  /** Good signatures of receipts, and the bytes that they are over (which name the signer). */
  readonly verifiedReceipts: Map<string, Uint8Array>
}

export type Turn = Execution & {
  /** Replaced as operations change it; never changed in place. */
  state: SectionState
  readonly actor: Actor
  readonly session: SessionId
  /** What operations added, in order. */
  readonly added: PlacedBlock[]
}

/** An operation does nothing, and its command neither. */
export type Reject = {
  readonly code: RejectCode
  readonly tag?: Tag
  readonly lastSeq?: number
}

/** What an operation gives: its seq, or why not. */
export type Outcome = number | Reject

export const reject = (code: RejectCode, at?: Omit<Reject, 'code'>): Reject => ({ code, ...at })
