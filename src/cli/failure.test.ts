import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExitCode } from '../main/exit-codes.ts'
import { ProcessorError } from '../main/processor-process.ts'
import { UnosysApiError } from '../sdk/index.ts'
import { httpStatusOf, type PublicCode } from '../wire/http-status.ts'
import {
  CliCode,
  CliError,
  exitCodeOfFailure,
  failureLine,
  failureObject,
  localError,
  usage,
} from './failure.ts'

const apiError = (code: UnosysApiError['code'], detail = {}): UnosysApiError =>
  new UnosysApiError(code, 'what happened', { status: 503, detail })

test('failure: every code of the API has an exit code that fits its status', () => {
  for (const [code, status] of Object.entries(httpStatusOf)) {
    const exitCode = exitCodeOfFailure(apiError(code as PublicCode))
    assert.notEqual(exitCode, 0)
    if (status === 404 && code.startsWith('filesystem')) assert.equal(exitCode, ExitCode.NotFound)
    if (status === 503) assert.equal(exitCode, ExitCode.Unavailable, code)
    if (status === 401 || status === 403) assert.equal(exitCode, ExitCode.Refused, code)
    if (status === 412) assert.equal(exitCode, ExitCode.Conflict, code)
  }
})

test('failure: the line says what is missing and what to do', () => {
  const line = failureLine(apiError('filesystem/unavailable', { reachable: 2, needed: 3 }))
  assert.match(line, /^what happened \(2 of 3 needed answer\); .*unosys status/)
  assert.equal(failureLine(apiError('filesystem/not-found')), 'what happened')
})

test('failure: for programs, one object with code, message, status and exit code', () => {
  assert.deepEqual(failureObject(apiError('filesystem/not-found')), {
    event: 'failed',
    code: 'filesystem/not-found',
    message: 'what happened',
    exitCode: 3,
    status: 503,
  })
  assert.deepEqual(failureObject(usage('wrong')), {
    event: 'failed',
    code: 'cli/usage',
    message: 'wrong; --help shows how',
    exitCode: 2,
  })
})

test('failure: errors of this machine, of a Processor, and unexpected ones', () => {
  const missing = localError('x', Object.assign(new Error('ENOENT'), { code: 'ENOENT' }))
  assert.deepEqual(
    [missing.code, exitCodeOfFailure(missing)],
    [CliCode.LocalNotFound, ExitCode.NotFound],
  )
  const denied = localError('x', Object.assign(new Error('EACCES'), { code: 'EACCES' }))
  assert.equal(exitCodeOfFailure(denied), ExitCode.Folder)
  assert.equal(exitCodeOfFailure(new ProcessorError('a/b', 'x', { exitCode: 12 })), 12)
  assert.equal(exitCodeOfFailure(new CliError(CliCode.NoToken, 'x', {})), ExitCode.Refused)
  assert.equal(exitCodeOfFailure(new TypeError('x')), ExitCode.Error)
  assert.equal(exitCodeOfFailure(apiError('sdk/aborted')), 130)
})
