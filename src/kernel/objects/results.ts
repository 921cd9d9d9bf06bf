/** From the section's reject codes to what a caller can do. */
import { type CommandResult, RejectCode } from '../section/index.ts'
import { ObjectCode, ObjectError } from './errors.ts'

export type Attempt = 'done' | 'again' | 'fold'

/**
 * `done`, `again` (read the state anew and rebuild the operation), `fold` (compact first).
 * @throws ObjectError for what trying again does not mend.
 */
export function judge(result: CommandResult): Attempt {
  if (result.ok) return 'done'
  switch (result.code) {
    case RejectCode.Conflict:
    case RejectCode.RetryBase:
      return 'again'
    case RejectCode.MustCompact:
      return 'fold'
    case RejectCode.NotFound:
      throw new ObjectError(ObjectCode.NotFound, 'the object is not there any more', {})
    case RejectCode.Denied:
      throw new ObjectError(ObjectCode.Denied, 'no right to change this object', {})
    case RejectCode.Reused:
      throw new ObjectError(ObjectCode.Reused, 'another request has used this request id', {})
    default:
      throw new ObjectError(ObjectCode.Refused, `the group refused: ${result.code}`, {
        code: result.code,
      })
  }
}
