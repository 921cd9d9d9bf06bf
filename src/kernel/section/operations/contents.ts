/**
 * What Apply, Replace and Compact share: taking blocks into an object, and letting some go. @pure
 */
import type { Added, FreedBlock } from '../interface.ts'
import { addBytes, isReject, withoutStages } from '../object-state.ts'
import { proveBlocks } from '../receipts.ts'
import { namedStages } from '../stages.ts'
import type { ObjectState } from '../state.ts'
import type { Reject, Turn } from '../turn.ts'

/** Blocks of an operation, proved but not taken yet. */
export type Taking = {
  /** Take them: the object without its used stages, its bytes counted, freed ones let go. */
  readonly take: (freed: readonly FreedBlock[] | 'all') => ObjectState
}

/** Check the blocks of an operation, and the stages that it names. */
export function provedFor(
  turn: Turn,
  object: ObjectState,
  operation: { readonly added: Added; readonly stages?: readonly number[] },
): Taking | Reject {
  const named = namedStages(turn, object, operation.stages)
  if (isReject(named)) return named
  const { stages } = named
  const proved = proveBlocks(turn, operation.added, { replicas: object.replicas, stages })
  if (isReject(proved)) return proved
  const take: Taking['take'] = (freed) => {
    const { replicas, storedBytes } = object
    for (const block of proved.fresh) turn.added.push({ ...block, replicas })
    const freedBytes = freed === 'all' ? storedBytes : Math.min(storedBytes, sumOf(freed))
    const without = withoutStages(turn.state, object, stages)
    turn.state = { ...without.state, freedBytes: addBytes(turn.state.freedBytes, freedBytes) }
    const addedBytes = proved.freshBytes + sumOf(stages)
    return { ...without.object, storedBytes: addBytes(storedBytes - freedBytes, addedBytes) }
  }
  return { take }
}

const sumOf = (items: readonly { readonly sealedBytes: number }[]): number =>
  items.reduce((sum, { sealedBytes }) => sum + sealedBytes, 0)
