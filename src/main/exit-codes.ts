/**
 * Exit codes of every program of the project, for scripts; docs/cli.md has the table. They are
 * part of the interface: a number is never given another meaning.
 */
import { UnosysError } from '../base/error.ts'

export const ExitCode = {
  Ok: 0,
  /** Anything without a code of its own. */
  Error: 1,
  /** Wrong use: an unknown option, a value out of range. */
  Usage: 2,
  /** The file, folder or world is not there. */
  NotFound: 3,
  /** The Processor does not answer, or too few of the world do. Later it may work. */
  Unavailable: 4,
  /** No token, a wrong one, or no right. */
  Refused: 5,
  /** Contradicts what is there: it exists already, is not empty, was changed meanwhile. */
  Conflict: 6,
  /** A port is in use, or may not be opened. */
  Port: 10,
  /** A folder or file of the world cannot be read or written, or the disk is full. */
  Folder: 11,
  /** The world was made by another version of this program. */
  OtherVersion: 12,
  /** Another process runs on this data. */
  AlreadyRunning: 13,
  /** Keys or files of the world are missing, damaged, or open to others. */
  Damaged: 14,
  /** The Processor stopped itself: its disk failed, or it met what must never be. */
  Fault: 15,
} as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

const exitCodeOfCode: Readonly<Record<string, ExitCode>> = {
  'http/address-in-use': ExitCode.Port,
  'http/listen-failed': ExitCode.Port,
  'transport/address-in-use': ExitCode.Port,
  'transport/listen-failed': ExitCode.Port,
  'disk/denied': ExitCode.Folder,
  'disk/full': ExitCode.Folder,
  'disk/busy': ExitCode.Folder,
  'disk/unreadable': ExitCode.Folder,
  'disk/failed': ExitCode.Fault,
  'vault/unusable': ExitCode.Folder,
  'vault/full': ExitCode.Folder,
  'vault/busy': ExitCode.Folder,
  'vault/failed': ExitCode.Fault,
  'journal/full': ExitCode.Folder,
  'journal/locked': ExitCode.AlreadyRunning,
  'journal/failed': ExitCode.Fault,
  'journal/damaged': ExitCode.Damaged,
  'consensus/journal-damaged': ExitCode.Damaged,
  'consensus/journal-foreign': ExitCode.Damaged,
  'keyring/missing': ExitCode.Damaged,
  'keyring/malformed': ExitCode.Damaged,
  'keyring/exposed': ExitCode.Damaged,
  'keyring/unreadable': ExitCode.Folder,
  'keyring/unwritable': ExitCode.Folder,
  'keyring/exists': ExitCode.Conflict,
  'kernel/not-of-this-world': ExitCode.Damaged,
  'world/bad-argument': ExitCode.Usage,
  'world/exists': ExitCode.Conflict,
  'world/not-empty': ExitCode.Conflict,
  'world/incomplete': ExitCode.Damaged,
  'world/missing': ExitCode.NotFound,
  'world/other-version': ExitCode.OtherVersion,
  'world/malformed': ExitCode.Damaged,
  'world/unreadable': ExitCode.Folder,
  'world/unwritable': ExitCode.Folder,
  'start/already-running': ExitCode.AlreadyRunning,
  'start/folder': ExitCode.Folder,
  'start/usage': ExitCode.Usage,
  'start/other-size': ExitCode.Conflict,
  'start/fault': ExitCode.Fault,
}

/** What a program that fails with this error exits with. */
export const exitCodeOf = (error: unknown): ExitCode =>
  error instanceof UnosysError ? (exitCodeOfCode[error.code] ?? ExitCode.Error) : ExitCode.Error

export const StartCode = {
  /** Another process runs on this data. React: stop it first, or use its world. */
  AlreadyRunning: 'start/already-running',
  /** The data folder cannot be used. React: check that it is there, and its rights. */
  Folder: 'start/folder',
  /** An option is not understood or out of range. */
  Usage: 'start/usage',
  /** The world has another number of Processors than was asked for. React: another folder. */
  OtherSize: 'start/other-size',
  /** A Processor stopped itself. React: read its log. */
  Fault: 'start/fault',
} as const
export type StartCode = (typeof StartCode)[keyof typeof StartCode]

/** What keeps a program from starting; the message is a sentence for the user. */
export class StartError extends UnosysError<StartCode, Readonly<Record<string, unknown>>> {}
