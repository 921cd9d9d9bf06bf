/** Objects in the state: finding, putting, linking, removing, with what hangs on each. @pure */
import type { ObjectId } from '../../base/ids.ts'
import { mayWrite } from './access.ts'
import { expiryKey } from './expiry-key.ts'
import { ObjectKind, RejectCode } from './interface.ts'
import { byteSumMax, unlinkedKeepMs } from './limits.ts'
import { numberKey } from './merkle-map.ts'
import type { ObjectState, SectionState, Stage } from './state.ts'
import { type Reject, reject, type Turn } from './turn.ts'

export const isReject = <Value extends object>(value: Value | Reject): value is Reject =>
  'code' in value

/** The directory, or why it is none. */
export function directoryOf(turn: Turn, id: ObjectId): ObjectState | Reject {
  const object = turn.state.objects.get(id)
  if (object === undefined) return reject(RejectCode.NotFound)
  return object.kind === ObjectKind.Directory ? object : reject(RejectCode.Invalid)
}

/** True when an operation was built with the keys that stand now. */
export function keysFit(turn: Turn, object: ObjectState, keyEpoch: number): boolean {
  const domain = turn.state.domains.get(object.domain)
  return object.keyEpoch === keyEpoch && domain?.epoch === object.domainEpoch
}

/** The file or table that an operation may write, or why not: the checks that all of them share. */
export function writableOf(turn: Turn, id: ObjectId, keyEpoch: number): ObjectState | Reject {
  const object = turn.state.objects.get(id)
  if (object === undefined) return reject(RejectCode.NotFound)
  if (object.kind === ObjectKind.Directory) return reject(RejectCode.Invalid)
  if (!mayWrite(turn.state, object, turn.actor)) return reject(RejectCode.Denied)
  return keysFit(turn, object, keyEpoch) ? object : reject(RejectCode.RetryBase)
}

export const unlinkedExpiry = (
  object: ObjectId,
  unlinkedMs: number,
): ReturnType<typeof expiryKey> =>
  expiryKey(unlinkedMs + unlinkedKeepMs, { kind: 'unlinked', object })

export const stageExpiry = (object: ObjectId, stage: Stage): ReturnType<typeof expiryKey> =>
  expiryKey(stage.expiryMs, { kind: 'stage', object, number: stage.number })

export const withObject = (state: SectionState, object: ObjectState): SectionState => ({
  ...state,
  objects: state.objects.set(object.object, object),
})

/** Put an object that an entry names from now on. */
export function withLinked(
  state: SectionState,
  object: ObjectState,
  parent: ObjectId,
): SectionState {
  const { expiries } = state
  const linked = { ...object, parent, unlinkedMs: undefined }
  const left =
    object.unlinkedMs === undefined
      ? expiries
      : expiries.delete(unlinkedExpiry(object.object, object.unlinkedMs))
  return { ...withObject(state, linked), expiries: left }
}

/** Put an object that no entry names (any more); its time to be deleted counts from now. */
export function withUnlinked(state: SectionState, object: ObjectState): SectionState {
  const unlinkedMs = state.effectiveMs
  const unlinked = { ...object, parent: undefined, unlinkedMs }
  let { expiries } = state
  if (object.unlinkedMs !== undefined && object.unlinkedMs !== unlinkedMs)
    expiries = expiries.delete(unlinkedExpiry(object.object, object.unlinkedMs))
  expiries = expiries.set(unlinkedExpiry(object.object, unlinkedMs), true)
  return { ...withObject(state, unlinked), expiries }
}

/** Put an object whose contents were written: if no entry names it, it stays for longer. */
export const withWritten = (state: SectionState, object: ObjectState): SectionState =>
  object.unlinkedMs === undefined ? withObject(state, object) : withUnlinked(state, object)

/** A sum of bytes as the state counts them: it stops at `byteSumMax`. */
export const addBytes = (sum: number, bytes: number): number => Math.min(sum + bytes, byteSumMax)

/** The object is gone with all that hangs on it; its bytes are freed. */
export function withoutObject(state: SectionState, object: ObjectState): SectionState {
  let { expiries, stagedBlockCount, freedBytes } = state
  freedBytes = addBytes(freedBytes, object.storedBytes)
  for (const { value: stage } of object.stages.leaves()) {
    expiries = expiries.delete(stageExpiry(object.object, stage))
    stagedBlockCount -= stage.blockCount
    freedBytes = addBytes(freedBytes, stage.sealedBytes)
  }
  if (object.unlinkedMs !== undefined)
    expiries = expiries.delete(unlinkedExpiry(object.object, object.unlinkedMs))
  const objects = state.objects.delete(object.object)
  return { ...state, objects, expiries, stagedBlockCount, freedBytes }
}

/** `object` without these stages; their blocks are counted by the caller. */
export function withoutStages(
  state: SectionState,
  object: ObjectState,
  stages: readonly Stage[],
): { state: SectionState; object: ObjectState } {
  if (stages.length === 0) return { state, object }
  let { expiries, stagedBlockCount } = state
  let left = object.stages
  for (const stage of stages) {
    left = left.delete(numberKey(stage.number))
    expiries = expiries.delete(stageExpiry(object.object, stage))
    stagedBlockCount -= stage.blockCount
  }
  return {
    state: { ...state, expiries, stagedBlockCount },
    object: { ...object, stages: left },
  }
}
