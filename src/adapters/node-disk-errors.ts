/** What the operating system says, in the words of the disk port. */
import { messageOf } from '../base/error.ts'
import { DiskCode, DiskError } from '../ports/disk.ts'

const codeOf: ReadonlyMap<string, DiskCode> = new Map([
  ['ENOENT', DiskCode.NotFound],
  ['EEXIST', DiskCode.Exists],
  ['ENOSPC', DiskCode.Full],
  ['EDQUOT', DiskCode.Full],
  ['EACCES', DiskCode.Denied],
  ['EPERM', DiskCode.Denied],
  ['EROFS', DiskCode.Denied],
  ['EMFILE', DiskCode.Busy],
  ['ENFILE', DiskCode.Busy],
  ['ENOMEM', DiskCode.Busy],
  ['EAGAIN', DiskCode.Busy],
])

/** A medium that fails, and a folder or a link where a file should be. */
const unreadableCodes: ReadonlySet<string> = new Set(['EIO', 'EISDIR', 'ELOOP'])
const inTheWayCodes: ReadonlySet<string> = new Set(['EISDIR', 'ENOTEMPTY', 'ENOTDIR'])

/** The `code` of a system error (`ENOENT` …), empty for anything else. */
export function systemCodeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}

/** `path` is relative to the data folder; the message of the system stays in `cause`. */
export function diskError(path: string, error: unknown): DiskError {
  if (error instanceof DiskError) return error
  return withCode(codeOf.get(systemCodeOf(error)) ?? DiskCode.Failed, path, error)
}

/** Of reading a whole file. */
export const readError = (path: string, error: unknown): DiskError =>
  unreadableCodes.has(systemCodeOf(error))
    ? withCode(DiskCode.Unreadable, path, error)
    : diskError(path, error)

export const renameError = (path: string, error: unknown): DiskError =>
  inTheWayCodes.has(systemCodeOf(error))
    ? withCode(DiskCode.Exists, path, error)
    : diskError(path, error)

const withCode = (code: DiskCode, path: string, error: unknown): DiskError =>
  new DiskError(code, `${path}: ${messageOf(error)}`, { path }, { cause: error })

/** After a failed sync nobody knows what the disk holds: always `disk/failed`, whatever it was. */
export const syncError = (path: string, error: unknown): DiskError =>
  new DiskError(DiskCode.Failed, `${path}: sync: ${messageOf(error)}`, { path }, { cause: error })
