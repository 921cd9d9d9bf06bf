/** What Link, Unlink and Rename share. @pure */

import type { ObjectId } from '../../../base/ids.ts'
import { mayCreate, mayWrite } from '../access.ts'
import type { Entry } from '../interface.ts'
import { withoutObject } from '../object-state.ts'
import type { ObjectState } from '../state.ts'
import type { Turn } from '../turn.ts'

/** True when the actor may change this entry: its domain is the directory's. */
export const mayChange = (turn: Turn, directory: ObjectState, entry: Entry): boolean =>
  mayWrite(turn.state, { domain: directory.domain, creator: entry.creator }, turn.actor)

/** True when the actor may put a name there, new or in the place of `present`. */
export const mayEnter = (
  turn: Turn,
  directory: ObjectState,
  present: Entry | undefined,
): boolean =>
  present === undefined
    ? mayCreate(turn.state, directory.domain, turn.actor)
    : mayChange(turn, directory, present)

/** True for a directory with entries: its name is not taken away. */
export const staysNonEmpty = (turn: Turn, object: ObjectId): boolean =>
  (turn.state.objects.get(object)?.entries.size ?? 0) > 0

/** Delete the object of an entry that another one replaces. */
export function removeReplaced(turn: Turn, entry: Entry | undefined): void {
  const object = entry === undefined ? undefined : turn.state.objects.get(entry.object)
  if (object !== undefined) turn.state = withoutObject(turn.state, object)
}
