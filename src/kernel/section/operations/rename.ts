/** Rename: within or across directories, in one step. docs/spec/operations.md, 4. @pure */
import { assert } from '../../../base/assert.ts'
import type { ObjectId } from '../../../base/ids.ts'
import { ObjectKind, type Operation, RejectCode } from '../interface.ts'
import { directoryDepthMax, entriesMax } from '../limits.ts'
import { directoryOf, isReject, keysFit, withLinked, withObject } from '../object-state.ts'
import type { ObjectState } from '../state.ts'
import { type Outcome, type Reject, reject, type Turn } from '../turn.ts'
import { mayChange, mayEnter, removeReplaced, staysNonEmpty } from './entries.ts'

type Rename = Extract<Operation, { op: 'rename' }>

export function rename(turn: Turn, operation: Rename): Outcome {
  const { fromTag, toTag, keyEpoch } = operation
  const from = directoryOf(turn, operation.fromDirectory)
  if (isReject(from)) return from
  const to = directoryOf(turn, operation.toDirectory)
  if (isReject(to)) return to
  if (to.unlinkedMs !== undefined) return reject(RejectCode.NotEmpty)
  const isWithin = from.object === to.object
  if (isWithin && fromTag === toTag) return reject(RejectCode.Invalid)
  const entry = from.entries.get(fromTag)
  if (entry === undefined) return reject(RejectCode.NotFound, { tag: fromTag })
  const present = to.entries.get(toTag)
  if (!mayChange(turn, from, entry) || !mayEnter(turn, to, present))
    return reject(RejectCode.Denied)
  if (!keysFit(turn, to, keyEpoch)) return reject(RejectCode.RetryBase)
  if (entry.seq !== operation.fromSeq)
    return reject(RejectCode.Conflict, { tag: fromTag, lastSeq: entry.seq })
  const lastSeq = present?.seq ?? 0
  if (lastSeq !== operation.toSeq) return reject(RejectCode.Conflict, { tag: toTag, lastSeq })
  const circle = entry.kind === ObjectKind.Directory ? below(turn, to, entry.object) : undefined
  if (circle !== undefined) return circle
  if (present !== undefined && staysNonEmpty(turn, present.object))
    return reject(RejectCode.NotEmpty)
  if (!isWithin && present === undefined && to.entries.size >= entriesMax)
    return reject(RejectCode.Exhausted)

  const object = turn.state.objects.get(entry.object)
  assert(object !== undefined, 'an entry names an object')
  removeReplaced(turn, present)
  const changedMs = turn.state.effectiveMs
  const seq = to.seq + 1
  const moved = { ...entry, tag: toTag, seq, keyEpoch, sealedName: operation.sealedName }
  const left = from.entries.delete(fromTag)
  turn.state = withLinked(turn.state, object, to.object)
  if (!isWithin)
    turn.state = withObject(turn.state, { ...from, seq: from.seq + 1, changedMs, entries: left })
  const entries = (isWithin ? left : to.entries).set(toTag, moved)
  turn.state = withObject(turn.state, { ...to, seq, changedMs, entries })
  return seq
}

/** Why `moved` cannot go into `to`: it is `to` or above it, or nobody walks that far to see. */
function below(turn: Turn, to: ObjectState, moved: ObjectId): Reject | undefined {
  let above: ObjectState | undefined = to
  for (let depth = 0; above !== undefined; depth++) {
    if (above.object === moved) return reject(RejectCode.Cycle)
    if (depth >= directoryDepthMax) return reject(RejectCode.Exhausted)
    above = above.parent === undefined ? undefined : turn.state.objects.get(above.parent)
  }
  return undefined
}
