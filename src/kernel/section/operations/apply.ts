/** Apply: a delta behind conflict tags, or a check alone. docs/spec/operations.md, 6. @pure */
import { addedBlockBytes } from '../codec-block.ts'
import { type Operation, RejectCode } from '../interface.ts'
import { deltaBytesMax, deltasMax } from '../limits.ts'
import { numberKey } from '../merkle-map.ts'
import { isReject, withWritten, writableOf } from '../object-state.ts'
import type { DeltaState, ObjectState } from '../state.ts'
import { type Outcome, type Reject, reject, type Turn } from '../turn.ts'
import { provedFor } from './contents.ts'

type ApplyOperation = Extract<Operation, { op: 'apply' }>

/** A delta without its variable parts: seq, writer, key epoch, time, three counts. Bytes. */
const deltaFixedBytes = 8 + 32 + 4 + 8 + 3 * 4

/** Bytes of a delta as the state encodes it. */
export const deltaBytesOf = (parts: {
  readonly sealedBytes: number
  readonly addedCount: number
  readonly writeCount: number
}): number =>
  deltaFixedBytes + parts.sealedBytes + parts.addedCount * addedBlockBytes + parts.writeCount * 32

export function apply(turn: Turn, operation: ApplyOperation): Outcome {
  const { writes, sealed, added } = operation
  const object = writableOf(turn, operation.object, operation.keyEpoch)
  if (isReject(object)) return object
  const conflict = conflictOf(object, operation)
  if (conflict !== undefined) return conflict
  if (writes.length === 0)
    return changesNothing(operation) ? object.seq : reject(RejectCode.Invalid)
  const addedCount = added.blocks.length
  const bytes = deltaBytesOf({ sealedBytes: sealed.length, addedCount, writeCount: writes.length })
  const deltaBytes = object.deltaBytes + bytes
  if (object.deltas.size >= deltasMax || deltaBytes > deltaBytesMax)
    return reject(RejectCode.MustCompact)
  const proved = provedFor(turn, object, operation)
  if (isReject(proved)) return proved

  const seq = object.seq + 1
  const timeMs = turn.state.effectiveMs
  const writer = turn.actor.principal.principal
  const { keyEpoch } = operation
  const delta: DeltaState = {
    delta: { seq, writer, keyEpoch, sealed, added: added.blocks, timeMs },
    writes,
  }
  let { tags } = object
  for (const tag of writes) tags = tags.set(tag, seq)
  const deltas = object.deltas.set(numberKey(seq), delta)
  const taken = proved.take(operation.freed)
  const written = { ...taken, seq, changedMs: timeMs, deltas, deltaBytes, tags }
  turn.state = withWritten(turn.state, written)
  return seq
}

/** The rule of PROTOCOL 1.2(a): all seqs first, then the base, then each tag. */
function conflictOf(object: ObjectState, operation: ApplyOperation): Reject | undefined {
  const earliest = Math.max(object.baseSeq, object.keySeq)
  if (operation.reads.some(({ seenSeq }) => seenSeq > object.seq)) return reject(RejectCode.Invalid)
  if (operation.reads.some(({ seenSeq }) => seenSeq < earliest)) return reject(RejectCode.RetryBase)
  if (operation.baseSeq !== 0 && operation.baseSeq !== object.baseSeq)
    return reject(RejectCode.RetryBase)
  for (const { tag, seenSeq } of operation.reads) {
    const lastSeq = object.tags.get(tag) ?? 0
    if (lastSeq > seenSeq) return reject(RejectCode.Conflict, { tag, lastSeq })
  }
  return undefined
}

function changesNothing({ sealed, added, stages, freed }: ApplyOperation): boolean {
  const counts = [sealed, added.blocks, added.receipts, stages ?? [], freed]
  return counts.every(({ length }) => length === 0)
}
