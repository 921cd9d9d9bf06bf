import { UnosysError } from '../../base/error.ts'

export const FileCode = {
  /** Nothing at the path (or a parent is missing). */
  NotFound: 'filesystem/not-found',
  /** Something is there already. */
  Exists: 'filesystem/exists',
  /** A file where a directory is needed, or the reverse; `detail.is` says what it is. */
  WrongKind: 'filesystem/wrong-kind',
  /** A directory with entries is not removed or replaced. */
  NotEmpty: 'filesystem/not-empty',
  /** A directory cannot move into itself. */
  Cycle: 'filesystem/cycle',
  /** The path or name breaks a rule; the message says which. */
  BadPath: 'filesystem/bad-path',
  /** Block size, replicas, size or offset out of range; the message names the range. */
  BadArgument: 'filesystem/bad-argument',
  /** The requested range begins behind the end. */
  BadRange: 'filesystem/bad-range',
  /** A body shorter or longer than announced. Nothing was changed. */
  WrongLength: 'filesystem/wrong-length',
  /** Above `patchBytesMax` or `fileBytesMax`. */
  TooLarge: 'filesystem/too-large',
  /** `If-Match`/`If-None-Match` did not hold. */
  Precondition: 'filesystem/precondition',
  /** Another writer came between, again and again. React: read and retry. */
  Conflict: 'filesystem/conflict',
  /** The caller has no right here. */
  Denied: 'filesystem/denied',
  /** The file's contents cannot be opened: damaged or lost beyond its replicas. */
  Damaged: 'filesystem/damaged',
  /** Not enough Processors answer; nothing was changed. React: retry later. */
  Unavailable: 'filesystem/unavailable',
  /**
   * No quorum answered in time: the change MAY have happened. React: same request, same
   * Idempotency-Key.
   */
  Unconfirmed: 'filesystem/unconfirmed',
  /**
   * Another request was carried out under this Idempotency-Key; this one changed nothing. React:
   * draw a new key for each change.
   */
  KeyReused: 'filesystem/key-reused',
  /** No room on the holders. */
  Full: 'filesystem/full',
  /** The caller gave up. */
  Cancelled: 'filesystem/cancelled',
} as const
export type FileCode = (typeof FileCode)[keyof typeof FileCode]

export class FileError extends UnosysError<FileCode, Readonly<Record<string, unknown>>> {}
