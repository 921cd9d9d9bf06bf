import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { UnosysError } from '../base/error.ts'
import { KeyringCode } from '../ports/keyring.ts'
import { ExitCode, exitCodeOf, StartCode, StartError } from './exit-codes.ts'
import { exitCodeOfStart, ProcessorError } from './processor-process.ts'
import { sentenceOf } from './sentences.ts'
import { version } from './version.ts'
import { WorldCode } from './world-errors.ts'

// Goal: scripts can rely on exit codes, and people on sentences.

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

test('exit codes: every code of a start has one of its own meaning', () => {
  const codes = [
    ...Object.values(KeyringCode),
    ...Object.values(WorldCode),
    ...Object.values(StartCode),
  ]
  for (const code of codes) {
    const exitCode = exitCodeOf(new UnosysError(code, 'x', {}))
    assert.notEqual(exitCode, ExitCode.Error, `${code} has no exit code`)
    assert.notEqual(exitCode, ExitCode.Ok)
  }
  assert.equal(exitCodeOf(new Error('x')), ExitCode.Error)
})

test('exit codes: no number has two meanings, and docs/cli.md has each', () => {
  const numbers = Object.values(ExitCode)
  assert.equal(new Set(numbers).size, numbers.length)
  const page = read('docs/cli.md')
  for (const number of numbers) assert.match(page, new RegExp(`^\\| ${number} \\|`, 'm'))
})

test('exit codes: what a Processor gave is what its starter gives', () => {
  const error = new ProcessorError('http/address-in-use', 'x', { exitCode: 10 })
  assert.equal(exitCodeOfStart(error), 10)
  assert.equal(exitCodeOfStart(new StartError(StartCode.Usage, 'x', {})), ExitCode.Usage)
})

test('sentences: what to do stands behind what is wrong', () => {
  const error = new UnosysError('http/address-in-use', '127.0.0.1:7300: in use', {})
  assert.match(sentenceOf(error), /^127\.0\.0\.1:7300: in use; .*--http-port/)
  // A Processor's process has said it with its advice: not again.
  const said = new ProcessorError('http/address-in-use', sentenceOf(error), { exitCode: 10 })
  assert.equal(sentenceOf(said), sentenceOf(error))
  assert.equal(sentenceOf(new Error('plain')), 'plain')
  assert.equal(sentenceOf('text'), 'text')
})

test('version: that of package.json', () => {
  assert.equal(version, JSON.parse(read('package.json')).version)
})
