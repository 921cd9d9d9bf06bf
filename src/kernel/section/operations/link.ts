/** Link: a name for an object, new or in the place of another. docs/spec/operations.md, 2. @pure */
import { mayWrite } from '../access.ts'
import { type Operation, RejectCode } from '../interface.ts'
import { entriesMax } from '../limits.ts'
import { directoryOf, isReject, keysFit, withLinked, withObject } from '../object-state.ts'
import { type Outcome, reject, type Turn } from '../turn.ts'
import { mayEnter, removeReplaced, staysNonEmpty } from './entries.ts'

export function link(turn: Turn, operation: Extract<Operation, { op: 'link' }>): Outcome {
  const { actor } = turn
  const { tag, keyEpoch, sealedName } = operation
  const directory = directoryOf(turn, operation.directory)
  if (isReject(directory)) return directory
  if (directory.unlinkedMs !== undefined) return reject(RejectCode.NotEmpty)
  const present = directory.entries.get(tag)
  if (!mayEnter(turn, directory, present)) return reject(RejectCode.Denied)
  if (!keysFit(turn, directory, keyEpoch)) return reject(RejectCode.RetryBase)
  const lastSeq = present?.seq ?? 0
  if (lastSeq !== operation.seenSeq) return reject(RejectCode.Conflict, { tag, lastSeq })
  const object = turn.state.objects.get(operation.object)
  if (object === undefined) return reject(RejectCode.NotFound)
  if (object.unlinkedMs === undefined) return reject(RejectCode.Conflict)
  if (!mayWrite(turn.state, object, actor)) return reject(RejectCode.Denied)
  if (present !== undefined && staysNonEmpty(turn, present.object))
    return reject(RejectCode.NotEmpty)
  if (present === undefined && directory.entries.size >= entriesMax)
    return reject(RejectCode.Exhausted)

  removeReplaced(turn, present)
  const seq = directory.seq + 1
  const entry = {
    tag,
    seq,
    object: object.object,
    kind: object.kind,
    creator: actor.owner,
    keyEpoch,
    sealedName,
  }
  turn.state = withLinked(turn.state, object, directory.object)
  turn.state = withObject(turn.state, {
    ...directory,
    seq,
    changedMs: turn.state.effectiveMs,
    entries: directory.entries.set(tag, entry),
  })
  return seq
}
