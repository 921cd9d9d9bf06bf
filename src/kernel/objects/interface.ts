/** Files as the holder of their keys sees them. */
import type { ObjectKeys } from '../keys/interface.ts'
import type {
  BlockRef,
  CommandResult,
  ObjectView,
  Operation,
  RequestMark,
} from '../section/interface.ts'
import type { Attributes } from './format.ts'
import type { Tree } from './tree.ts'

/** Who acts, until when. */
export type ObjectCall = {
  /** Have operations ordered, all or none. @throws GroupError and session errors. */
  readonly submit: (
    operations: readonly Operation[],
    request?: RequestMark,
  ) => Promise<CommandResult>
  /** Unwrap an object's keys for this caller. @throws ObjectError `objects/denied` */
  readonly keysOf: (view: ObjectView) => Promise<ObjectKeys>
  /** From now, read anew for each step: what the steps before it have left. */
  readonly deadlineMs: number
  /** A long write got on: what is left begins anew. */
  readonly moved?: () => void
  readonly signal: AbortSignal
}

/** A file at one seq: its base with all deltas laid over it. Immutable. */
export type FileState = {
  readonly view: ObjectView
  readonly keys: ObjectKeys
  readonly attributes: Attributes
  readonly size: number
  readonly tree: Tree
  /** References that deltas changed; undefined for a hole. */
  readonly overlay: ReadonlyMap<number, BlockRef | undefined>
  /** Base references at or behind this index are gone. */
  readonly baseLimit: number
}
