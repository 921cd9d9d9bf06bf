import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, utf8 } from '../base/bytes.ts'
import { type Append, logFault, recordBytes, recordOf, recordsIn } from './world-log.ts'

const done = (value: string, startedAt: number, endedAt: number): Append => {
  return { value, startedAt, endedAt, outcome: 'done' }
}
const logOf = (...values: string[]): Uint8Array => concat(values.map(recordOf))

test('records are of one length and come out as they went in', () => {
  assert.equal(recordOf('client-1.14').length, recordBytes)
  assert.deepEqual(recordsIn(logOf('a', 'client-2.3')), ['a', 'client-2.3'])
  assert.equal(recordsIn(logOf('a').subarray(1)), undefined)
  assert.equal(recordsIn(new Uint8Array(recordBytes)), undefined)
})

test('good logs', () => {
  const open: Append = { ...done('c', 0, 9), outcome: 'open' }
  assert.equal(logFault([done('a', 0, 1), done('b', 2, 3)], logOf('a', 'b')), undefined)
  assert.equal(logFault([done('a', 0, 5), done('b', 2, 3)], logOf('b', 'a')), undefined)
  assert.equal(logFault([open, done('a', 10, 11)], logOf('a', 'c')), undefined)
  assert.equal(logFault([open], logOf()), undefined)
})

test('bad logs', () => {
  const a = done('a', 0, 1)
  const b = done('b', 2, 3)
  assert.match(logFault([a, b], logOf('a')) ?? '', /lost/)
  assert.match(logFault([a, b], logOf('b', 'a')) ?? '', /stands before/)
  assert.match(logFault([a], logOf('a', 'a')) ?? '', /twice/)
  assert.match(logFault([a], logOf('a', 'x')) ?? '', /never/)
  assert.match(logFault([{ ...a, outcome: 'nothing' }], logOf('a')) ?? '', /refused/)
  assert.match(logFault([a], utf8('torn')) ?? '', /whole records/)
})
