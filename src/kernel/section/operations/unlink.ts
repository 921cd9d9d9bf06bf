/** Unlink: take a name away; its object stays unlinked. docs/spec/operations.md, 3. @pure */
import { assert } from '../../../base/assert.ts'
import { type Operation, RejectCode } from '../interface.ts'
import { directoryOf, isReject, withObject, withUnlinked } from '../object-state.ts'
import { type Outcome, reject, type Turn } from '../turn.ts'
import { mayChange, staysNonEmpty } from './entries.ts'

export function unlink(turn: Turn, operation: Extract<Operation, { op: 'unlink' }>): Outcome {
  const { tag } = operation
  const directory = directoryOf(turn, operation.directory)
  if (isReject(directory)) return directory
  const entry = directory.entries.get(tag)
  if (entry === undefined) return reject(RejectCode.NotFound, { tag })
  if (!mayChange(turn, directory, entry)) return reject(RejectCode.Denied)
  if (entry.seq !== operation.seenSeq)
    return reject(RejectCode.Conflict, { tag, lastSeq: entry.seq })
  if (staysNonEmpty(turn, entry.object)) return reject(RejectCode.NotEmpty)

  const object = turn.state.objects.get(entry.object)
  assert(object !== undefined, 'an entry names an object')
  const seq = directory.seq + 1
  turn.state = withUnlinked(turn.state, object)
  turn.state = withObject(turn.state, {
    ...directory,
    seq,
    changedMs: turn.state.effectiveMs,
    entries: directory.entries.delete(tag),
  })
  return seq
}
