/** What the operating system said, in words for people: its own text repeats path and call. */
import { messageOf } from '../base/error.ts'

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'it, or a folder above it, is a file',
  EISDIR: 'it is a folder, not a file',
  EEXIST: 'there is something already',
  EACCES: 'this user has no right to it',
  EPERM: 'this user has no right to it',
  EROFS: 'its disk can only be read',
  ENOSPC: 'its disk is full',
  EDQUOT: 'this user may put no more on its disk',
  ENAMETOOLONG: 'its name is too long',
  ELOOP: 'its symbolic links lead in a circle',
  EMFILE: 'this process has too many files open',
  ENFILE: 'the system has too many files open',
  EADDRINUSE: 'in use by another program',
  EADDRNOTAVAIL: 'not an address of this machine',
}

export function systemReason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return reasons[code] ?? messageOf(error)
}
