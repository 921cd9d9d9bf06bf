import { FileCode, FileError } from './errors.ts'
import type { Preconditions } from './interface.ts'

/** True when the outcome depends on the state that is replaced. */
export const isConditional = (conditions: Preconditions): boolean =>
  conditions.ifMatch !== undefined || conditions.ifNoneMatch !== undefined

/**
 * RFC 9110 section 13.1, on the current etag (undefined: nothing is there).
 * @throws FileError `filesystem/precondition`
 */
export function checkPreconditions(conditions: Preconditions, etag: string | undefined): void {
  const { ifMatch, ifNoneMatch } = conditions
  if (ifMatch !== undefined) {
    const holds = etag !== undefined && (ifMatch === '*' || ifMatch.includes(etag))
    if (!holds) throw failed('If-Match', etag)
  }
  if (ifNoneMatch !== undefined) {
    const hit = etag !== undefined && (ifNoneMatch === '*' || ifNoneMatch.includes(etag))
    if (hit) throw failed('If-None-Match', etag)
  }
}

function failed(header: string, etag: string | undefined): FileError {
  const now = etag === undefined ? 'nothing is there' : `the current version is ${etag}`
  return new FileError(FileCode.Precondition, `${header} does not hold: ${now}`, {
    ...(etag === undefined ? {} : { etag }),
  })
}
