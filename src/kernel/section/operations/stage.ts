/**
 * Stage: blocks of a large write, ahead of the operation that names them. docs/spec/operations.md,
 * 5. @pure
 */
import { type Operation, RejectCode } from '../interface.ts'
import {
  stagedBlocksMax,
  stagedBlocksPerObjectMax,
  stageLifeMaxMs,
  stagesPerObjectMax,
} from '../limits.ts'
import { numberKey } from '../merkle-map.ts'
import { isReject, stageExpiry, withWritten, writableOf } from '../object-state.ts'
import { proveBlocks } from '../receipts.ts'
import { ownStages, packBlocks } from '../stages.ts'
import type { ObjectState, Stage } from '../state.ts'
import { type Outcome, reject, type Turn } from '../turn.ts'

type StageOperation = Extract<Operation, { op: 'stage' }>

export function stage(turn: Turn, operation: StageOperation): Outcome {
  const { state } = turn
  const { blocks } = operation.added
  const object = writableOf(turn, operation.object, operation.keyEpoch)
  if (isReject(object)) return object
  const lifeMs = operation.expiryMs - state.effectiveMs
  if (lifeMs <= 0 || lifeMs > stageLifeMaxMs) return reject(RejectCode.Invalid)
  if (blocks.length === 0) return renew(turn, object, operation.expiryMs)
  if (!hasRoom(turn, object, blocks.length)) return reject(RejectCode.Exhausted)
  const proof = { replicas: object.replicas, stages: [] }
  const proved = proveBlocks(turn, operation.added, proof)
  if (isReject(proved)) return proved

  const number = object.stageNumber + 1
  const staged: Stage = {
    number,
    session: turn.session,
    expiryMs: operation.expiryMs,
    blockCount: blocks.length,
    sealedBytes: proved.freshBytes,
    blocks: packBlocks(blocks),
  }
  for (const block of proved.fresh) turn.added.push({ ...block, replicas: object.replicas })
  const stages = object.stages.set(numberKey(number), staged)
  turn.state = {
    ...withWritten(state, { ...object, stages, stageNumber: number }),
    stagedBlockCount: state.stagedBlockCount + blocks.length,
  }
  const expiries = turn.state.expiries.set(stageExpiry(object.object, staged), true)
  turn.state = { ...turn.state, expiries }
  return number
}

function hasRoom(turn: Turn, object: ObjectState, blockCount: number): boolean {
  let stagedCount = blockCount
  for (const { value } of object.stages.leaves()) stagedCount += value.blockCount
  return (
    object.stages.size < stagesPerObjectMax &&
    stagedCount <= stagedBlocksPerObjectMax &&
    turn.state.stagedBlockCount + blockCount <= stagedBlocksMax
  )
}

function renew(turn: Turn, object: ObjectState, expiryMs: number): Outcome {
  const own = ownStages(turn, object)
  if (own.length === 0) return reject(RejectCode.NotFound)
  let { stages } = object
  let { expiries } = turn.state
  for (const old of own) {
    if (old.expiryMs >= expiryMs) continue
    const renewed = { ...old, expiryMs }
    stages = stages.set(numberKey(old.number), renewed)
    expiries = expiries.delete(stageExpiry(object.object, old))
    expiries = expiries.set(stageExpiry(object.object, renewed), true)
  }
  turn.state = withWritten({ ...turn.state, expiries }, { ...object, stages })
  return 0
}
