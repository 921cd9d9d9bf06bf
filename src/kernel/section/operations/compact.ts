/**
 * Compact: fold deltas into the base, the one compare-and-swap. docs/spec/operations.md, 8. @pure
 */
import { type Operation, RejectCode } from '../interface.ts'
import { isReject, withWritten, writableOf } from '../object-state.ts'
import type { ObjectState } from '../state.ts'
import { type Outcome, reject, type Turn } from '../turn.ts'
import { deltaBytesOf } from './apply.ts'
import { provedFor } from './contents.ts'

export function compact(turn: Turn, operation: Extract<Operation, { op: 'compact' }>): Outcome {
  const { baseSeq, uptoSeq, base } = operation
  const object = writableOf(turn, operation.object, operation.keyEpoch)
  if (isReject(object)) return object
  if (baseSeq !== object.baseSeq) return reject(RejectCode.RetryBase)
  if (uptoSeq <= baseSeq || uptoSeq > object.seq) return reject(RejectCode.Invalid)
  const proved = provedFor(turn, object, operation)
  if (isReject(proved)) return proved

  const folded = foldedUpto(object, uptoSeq)
  const taken = proved.take(operation.freed)
  turn.state = withWritten(turn.state, { ...taken, ...folded, baseSeq: uptoSeq, base })
  return uptoSeq
}

/** Deltas after `uptoSeq`, and the tags that they wrote. */
function foldedUpto(
  object: ObjectState,
  uptoSeq: number,
): Pick<ObjectState, 'deltas' | 'deltaBytes' | 'tags'> {
  let { deltas, deltaBytes, tags } = object
  for (const { key, value } of object.deltas.leaves()) {
    const { delta, writes } = value
    if (delta.seq > uptoSeq) break
    deltas = deltas.delete(key)
    deltaBytes -= deltaBytesOf({
      sealedBytes: delta.sealed.length,
      addedCount: delta.added.length,
      writeCount: writes.length,
    })
    for (const tag of writes) if (tags.get(tag) === delta.seq) tags = tags.delete(tag)
  }
  return { deltas, deltaBytes, tags }
}
