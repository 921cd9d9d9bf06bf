import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Log } from '../ports/log.ts'
import { createPinoLog, type LogLevel } from './pino-log.ts'

const folder = mkdtempSync(join(tmpdir(), 'unosys-log-'))
after(() => rmSync(folder, { recursive: true }))
let count = 0

/** What `write` logs, line by line, read back without waiting for anything. */
function linesOf(
  level: LogLevel | undefined,
  write: (log: Log) => void,
): Record<string, unknown>[] {
  const path = join(folder, `log-${count++}`)
  const fd = openSync(path, 'a')
  write(createPinoLog(level === undefined ? { fd } : { fd, level }))
  closeSync(fd)
  const text = readFileSync(path, 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

test('log: one JSON line per entry, written before the call returns', () => {
  const [line, ...rest] = linesOf(undefined, (log) =>
    log.for('vault').warn('the disk is slow', { waitedMs: 12, retry: true, path: 'a"b\n' }),
  )
  assert.deepEqual(rest, [])
  assert.ok(line)
  const { time, ...fields } = line
  assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000)
  assert.deepEqual(fields, {
    level: 'warn',
    layer: 'vault',
    waitedMs: 12,
    retry: true,
    path: 'a"b\n',
    msg: 'the disk is slow',
  })
})

test('log: the level decides what is written; info by default', () => {
  const all = (log: Log): void => {
    log.debug('1')
    log.info('2')
    log.warn('3')
    log.error('4')
  }
  const messages = (level?: LogLevel): string =>
    linesOf(level, all)
      .map(({ msg }) => msg)
      .join('')
  assert.equal(messages(), '234')
  assert.equal(messages('debug'), '1234')
  assert.equal(messages('error'), '4')
  assert.equal(messages('silent'), '')
})

test('log: fields without a value are left out, and a log without fields is fine', () => {
  const [first, second] = linesOf('info', (log) => {
    log.info('a', { there: 0, missing: undefined })
    log.info('b')
  })
  assert.deepEqual(Object.keys(first ?? {}), ['level', 'time', 'there', 'msg'])
  assert.deepEqual(Object.keys(second ?? {}), ['level', 'time', 'msg'])
})

test('log: text from elsewhere cannot start a line of its own or use a format', () => {
  const lines = linesOf('info', (log) => log.info('%s %j {"level":"x"}\n{"forged":1}', { a: '%d' }))
  assert.equal(lines.length, 1)
  assert.equal(lines[0]?.msg, '%s %j {"level":"x"}\n{"forged":1}')
})
