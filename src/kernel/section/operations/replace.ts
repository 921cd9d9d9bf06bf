/** Replace: a whole new base. docs/spec/operations.md, 7. @pure */
import { type Operation, RejectCode } from '../interface.ts'
import { isReject, withWritten, writableOf } from '../object-state.ts'
import { emptyMaps } from '../state-maps.ts'
import { type Outcome, reject, type Turn } from '../turn.ts'
import { provedFor } from './contents.ts'

export function replace(turn: Turn, operation: Extract<Operation, { op: 'replace' }>): Outcome {
  const object = writableOf(turn, operation.object, operation.keyEpoch)
  if (isReject(object)) return object
  if (operation.seenSeq !== undefined && operation.seenSeq !== object.seq)
    return reject(RejectCode.Conflict, { lastSeq: object.seq })
  const proved = provedFor(turn, object, operation)
  if (isReject(proved)) return proved

  const seq = object.seq + 1
  const taken = proved.take(operation.freed)
  turn.state = withWritten(turn.state, {
    ...taken,
    seq,
    changedMs: turn.state.effectiveMs,
    baseSeq: seq,
    base: operation.base,
    deltas: emptyMaps.deltas,
    deltaBytes: 0,
    tags: emptyMaps.tags,
  })
  return seq
}
