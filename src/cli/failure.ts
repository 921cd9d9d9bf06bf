/** What went wrong, as one line that says what to do, and an exit code for scripts. */
import { messageOf, UnosysError } from '../base/error.ts'
import { ExitCode, exitCodeOf } from '../main/exit-codes.ts'
import { ProcessorError } from '../main/processor-process.ts'
import { sentenceOf } from '../main/sentences.ts'
import { UnosysApiError } from '../sdk/index.ts'

export const CliCode = {
  /** Wrong use that the parser cannot see, such as two sources and a file as target. */
  Usage: 'cli/usage',
  /** A file or folder of this machine is not there. */
  LocalNotFound: 'cli/local-not-found',
  /** A file or folder of this machine cannot be read or written. */
  Local: 'cli/local',
  /** No token: neither `UNOSYS_TOKEN` nor a token file. */
  NoToken: 'cli/no-token',
} as const
export type CliCode = (typeof CliCode)[keyof typeof CliCode]

export class CliError extends UnosysError<CliCode, Readonly<Record<string, unknown>>> {}

const exitOfCliCode: Readonly<Record<CliCode, number>> = {
  'cli/usage': ExitCode.Usage,
  'cli/local-not-found': ExitCode.NotFound,
  'cli/local': ExitCode.Folder,
  'cli/no-token': ExitCode.Refused,
}

/** As shells tell an end by Ctrl-C. */
export const exitInterrupted = 130

const exitOfApiCode: Readonly<Record<UnosysApiError['code'], number>> = {
  'filesystem/not-found': ExitCode.NotFound,
  'filesystem/exists': ExitCode.Conflict,
  'filesystem/wrong-kind': ExitCode.Conflict,
  'filesystem/not-empty': ExitCode.Conflict,
  'filesystem/cycle': ExitCode.Conflict,
  'filesystem/bad-path': ExitCode.Usage,
  'filesystem/bad-argument': ExitCode.Usage,
  'filesystem/bad-range': ExitCode.Usage,
  'filesystem/wrong-length': ExitCode.Error,
  'filesystem/too-large': ExitCode.Usage,
  'filesystem/precondition': ExitCode.Conflict,
  'filesystem/conflict': ExitCode.Conflict,
  'filesystem/denied': ExitCode.Refused,
  'filesystem/damaged': ExitCode.Damaged,
  'filesystem/unavailable': ExitCode.Unavailable,
  'filesystem/unconfirmed': ExitCode.Unavailable,
  'filesystem/key-reused': ExitCode.Usage,
  'filesystem/full': ExitCode.Folder,
  'filesystem/cancelled': ExitCode.Error,
  'users/unauthenticated': ExitCode.Refused,
  'users/rate-limited': ExitCode.Unavailable,
  'api/bad-request': ExitCode.Usage,
  'api/foreign-host': ExitCode.Refused,
  'api/foreign-origin': ExitCode.Refused,
  'api/no-such-route': ExitCode.Error,
  'api/method-not-allowed': ExitCode.Error,
  'api/unsupported-media': ExitCode.Error,
  'api/expectation-failed': ExitCode.Error,
  'api/headers-too-large': ExitCode.Error,
  'api/not-implemented': ExitCode.Error,
  'api/stopping': ExitCode.Unavailable,
  'api/internal': ExitCode.Error,
  'sdk/unreachable': ExitCode.Unavailable,
  'sdk/aborted': exitInterrupted,
  'sdk/bad-answer': ExitCode.Error,
  'sdk/cut-off': ExitCode.Unavailable,
}

const adviceOf: Readonly<Partial<Record<UnosysApiError['code'], string>>> = {
  'filesystem/wrong-kind': 'use ls for directories, -r to copy or remove them',
  'filesystem/not-empty': 'rm -r removes it with all that is in it',
  'filesystem/exists':
    'choose another name, or replace it where the command has an option for that',
  'filesystem/unavailable':
    'too few Processors answer; "unosys status" shows which; try again then',
  'filesystem/unconfirmed': 'it may have happened; look with "unosys stat", or do the same again',
  'filesystem/full': 'make room on the disks of the Processors',
  'filesystem/damaged': '"unosys status" shows which Processors gave wrong data',
  'users/unauthenticated':
    'the token is not one of this world: set UNOSYS_TOKEN, or name the right folder with --world',
  'users/rate-limited': 'wait a moment',
  'sdk/unreachable': '"npx unosys world up" brings it up; --api names another Processor',
}

/** @returns exit code of whatever a command failed with. */
export function exitCodeOfFailure(error: unknown): number {
  if (error instanceof UnosysApiError) return exitOfApiCode[error.code] ?? ExitCode.Error
  if (error instanceof CliError) return exitOfCliCode[error.code]
  if (error instanceof ProcessorError) return error.detail.exitCode
  return exitCodeOf(error)
}

/** @param about what the command was at, such as a path. */
export function failureLine(error: unknown): string {
  if (!(error instanceof UnosysApiError)) return sentenceOf(error)
  const facts = factsOf(error)
  const advice = adviceOf[error.code]
  return `${messageOf(error)}${facts}${advice === undefined ? '' : `; ${advice}`}`
}

function factsOf({ detail }: UnosysApiError): string {
  const { reachable, needed } = detail
  if (typeof reachable !== 'number' || typeof needed !== 'number') return ''
  return ` (${reachable} of ${needed} needed answer)`
}

/** For `--json`: the failure as one object. */
export function failureObject(error: unknown): object {
  const code = error instanceof UnosysError ? error.code : 'cli/error'
  const status = error instanceof UnosysApiError ? { status: error.status } : {}
  const exitCode = exitCodeOfFailure(error)
  return { event: 'failed', code, message: failureLine(error), exitCode, ...status }
}

/** An error of the operating system about a local file. */
export function localError(path: string, cause: unknown): CliError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  const isMissing = code === 'ENOENT' || code === 'ENOTDIR'
  const why = isMissing ? 'no such file or folder on this machine' : messageOf(cause)
  const cliCode = isMissing ? CliCode.LocalNotFound : CliCode.Local
  return new CliError(cliCode, `${path}: ${why}`, { path }, { cause })
}

export const usage = (message: string): CliError =>
  new CliError(CliCode.Usage, `${message}; --help shows how`, {})
