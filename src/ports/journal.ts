/**
 * A small embedded store: an ordered map from byte keys to byte values with atomic, durable
 * commits. Holds the consensus log and the section's state. Order of keys is by unsigned bytes.
 *
 * Commits resolve in the order in which they were asked for. When a commit resolves, it and all
 * before it survive any crash; one that did not resolve is there whole or not at all. A commit
 * that fails means that the node must stop.
 */
import { UnosysError } from '../base/error.ts'

export const JournalCode = {
  /** No room. React: stop this node with a clear message; nothing was half written. */
  Full: 'journal/full',
  /** The disk failed. React: stop this node. */
  Failed: 'journal/failed',
  /**
   * What is there is not what was committed. React: stop this node; it may begin again without the
   * store, as one that has lost its memory.
   */
  Damaged: 'journal/damaged',
  /** Another process has it open. React: tell the operator. */
  Locked: 'journal/locked',
} as const
export type JournalCode = (typeof JournalCode)[keyof typeof JournalCode]
export class JournalError extends UnosysError<JournalCode, { path: string }> {}

export type JournalWrite =
  | {
      readonly kind: 'put'
      readonly key: Uint8Array
      readonly value: Uint8Array
    }
  | { readonly kind: 'delete'; readonly key: Uint8Array }
  /** Every key in [from, to). */
  | {
      readonly kind: 'deleteRange'
      readonly from: Uint8Array
      readonly to: Uint8Array
    }

export type JournalEntry = {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

export interface Journal {
  /** Takes ownership of the bytes. Commits queued while one is being synced share the next sync. */
  commit(writes: readonly JournalWrite[]): Promise<void>
  /** The committed value. */
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  /** Entries of [from, to) in key order, at most `countMax`. */
  range(input: {
    readonly from: Uint8Array
    readonly to: Uint8Array
    readonly countMax: number
  }): Promise<readonly JournalEntry[]>
  close(): Promise<void>
}

export interface JournalOpener {
  /** Open or create the store `name` in the node's data folder. @throws JournalError */
  open(name: string): Promise<Journal>
}
