/** Paths to objects, and the operations that change directories. */

import type { ObjectKeys, PrincipalKeys } from '../keys/interface.ts'
import type { Entry, ObjectView } from '../section/interface.ts'

/** Who looks, until when. */
export type NameCall = {
  readonly principal: PrincipalKeys
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

/** One child of a directory, opened. */
export type ListedChild = {
  readonly name: string
  readonly entry: Entry
  readonly view: ObjectView
  readonly keys: ObjectKeys
}

export type ListedPage = {
  readonly children: readonly ListedChild[]
  readonly cursor: string | undefined
  /** Entries that do not open, or whose name does not fit their tag: never shown by name. */
  readonly damagedCount: number
}
