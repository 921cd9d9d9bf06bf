/** Create: a new object that no entry names yet. docs/spec/operations.md, 1. @pure */
import { mayCreate } from '../access.ts'
import { type Operation, RejectCode } from '../interface.ts'
import { objectsMax } from '../limits.ts'
import { withUnlinked } from '../object-state.ts'
import { currentPlacement } from '../state.ts'
import { emptyMaps } from '../state-maps.ts'
import { type Outcome, reject, type Turn } from '../turn.ts'

/** Seq, and `baseSeq`, of an object that was just created. */
export const firstSeq = 1
const firstKeyEpoch = 1

export function create(turn: Turn, operation: Extract<Operation, { op: 'create' }>): Outcome {
  const { state, actor } = turn
  if (state.objects.size >= objectsMax) return reject(RejectCode.Exhausted)
  if (state.objects.has(operation.object)) return reject(RejectCode.Exists)
  const domain = state.domains.get(operation.domain)
  if (domain === undefined) return reject(RejectCode.NotFound)
  if (!mayCreate(state, operation.domain, actor)) return reject(RejectCode.Denied)
  if (domain.epoch !== operation.domainEpoch) return reject(RejectCode.RetryBase)
  const membersCount = currentPlacement(state).members.length
  if (operation.keyEpoch !== firstKeyEpoch || operation.replicas > membersCount)
    return reject(RejectCode.Invalid)
  turn.state = withUnlinked(state, {
    object: operation.object,
    kind: operation.kind,
    domain: operation.domain,
    domainEpoch: operation.domainEpoch,
    keyEpoch: operation.keyEpoch,
    keySeq: firstSeq,
    wrappedKeys: operation.wrappedKeys,
    replicas: operation.replicas,
    attributes: operation.attributes,
    creator: actor.owner,
    seq: firstSeq,
    createdMs: state.effectiveMs,
    changedMs: state.effectiveMs,
    parent: undefined,
    unlinkedMs: undefined,
    storedBytes: 0,
    entries: emptyMaps.entries,
    baseSeq: firstSeq,
    base: undefined,
    deltas: emptyMaps.deltas,
    deltaBytes: 0,
    tags: emptyMaps.tags,
    stages: emptyMaps.stages,
    stageNumber: 0,
  })
  return firstSeq
}
