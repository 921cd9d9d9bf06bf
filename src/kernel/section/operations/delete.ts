/** Delete: an object that no entry names. docs/spec/operations.md, 9. @pure */
import { mayWrite } from '../access.ts'
import { type Operation, RejectCode } from '../interface.ts'
import { withoutObject } from '../object-state.ts'
import { type Outcome, reject, type Turn } from '../turn.ts'

export function deleteObject(turn: Turn, operation: Extract<Operation, { op: 'delete' }>): Outcome {
  const object = turn.state.objects.get(operation.object)
  if (object === undefined) return reject(RejectCode.NotFound)
  if (!mayWrite(turn.state, object, turn.actor)) return reject(RejectCode.Denied)
  if (object.unlinkedMs === undefined) return reject(RejectCode.Conflict)
  turn.state = withoutObject(turn.state, object)
  return 0
}
