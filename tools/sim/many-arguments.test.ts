/** Goal: the large runs do what all their options say, or refuse them with a sentence. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseManyArguments } from './many-arguments.ts'
import { UsageError } from './numbers.ts'

const parse = (text: string): ReturnType<typeof parseManyArguments> =>
  parseManyArguments(text.split(' '))

test('what is given is taken, and the rest has its defaults', () => {
  const usual = parse('accept')
  assert.deepEqual([usual.plan, usual.fresh, usual.anyCommit], ['accept', false, false])
  assert.deepEqual([usual.record, usual.divisor], ['.unosys/sim/accept.jsonl', 1])
  assert.equal(usual.minutes, undefined)
  const short = parse('ci --jobs 1 --minutes 12 --fresh --divide 9 --record x.jsonl')
  assert.deepEqual([short.jobs, short.minutes, short.divisor], [1, 12, 9])
  assert.deepEqual([short.fresh, short.record], [true, 'x.jsonl'])
})

test('what names no run is refused', () => {
  for (const text of ['', 'all', 'ci accept', 'ci --minutes 0', 'ci --minutes x', 'ci --jobs 0'])
    assert.throws(() => parse(text), UsageError, text)
})
