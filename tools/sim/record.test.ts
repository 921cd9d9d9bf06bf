/** Goal: a large run goes on where it was stopped, and mixes nothing. */
import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parseManyArguments } from './many-arguments.ts'
import { UsageError } from './numbers.ts'
import { planOf, scaled, type Task, tasksOf } from './plan.ts'
import { RecordError, type Recorded, RunRecord, taskKey } from './record.ts'
import { resultOf, summaryLines } from './summary.ts'

const folder = mkdtempSync(join(tmpdir(), 'sim-record-'))
after(() => rmSync(folder, { recursive: true }))

const head = { plan: 'ci', commit: 'abc', startedAt: '2026-01-01T00:00:00.000Z' }
const task: Task = { kind: 'consensus', nodeCount: 4, seed: 7 }
const outcomeOf = (one: Task, more: Partial<Recorded> = {}): Recorded => ({
  commit: 'abc',
  ...{ task: one, runCount: 1, crashCount: 2, height: 30, eventCount: 1_000, healedInMs: 5 },
  wallMs: 90,
  ...more,
})

test('what was recorded is there again, also after a line that was cut off', () => {
  const path = join(folder, 'deeper', 'one.jsonl')
  RunRecord.begin(path, head).add(outcomeOf(task))
  appendFileSync(path, '{"task":{"kind":"consen')
  const again = RunRecord.read(path)
  assert(again !== undefined)
  assert.deepEqual(again.head, head)
  assert(again.has(task))
  assert(!again.has({ ...task, seed: 8 }))
  again.add(outcomeOf({ ...task, seed: 8 }, { failure: 'broken' }))
  assert(again.has({ ...task, seed: 8 }))
  assert(!again.has({ ...task, seed: 8 }, { failedAgain: true }), 'once more')
  again.add(outcomeOf({ ...task, seed: 8 }))
  assert(again.has({ ...task, seed: 8 }, { failedAgain: true }))
  assert.equal(RunRecord.read(path)?.outcomes.size, 2)
  assert.equal(readFileSync(path, 'utf8').split('\n').length, 5)
})

test('a file that is no record is not taken for one', () => {
  const path = join(folder, 'two.jsonl')
  appendFileSync(path, '{"plan":"ci"}\n')
  assert.throws(() => RunRecord.read(path), RecordError)
  appendFileSync(path, 'nonsense\n')
  assert.throws(() => RunRecord.read(path), RecordError)
  assert.equal(RunRecord.read(join(folder, 'three.jsonl')), undefined)
})

test('a line that is no outcome, and a folder, are refused with a sentence', () => {
  for (const [place, line] of ['null', '7', '{}', '{"task":null}', '[]'].entries()) {
    const path = join(folder, `line-${place}.jsonl`)
    RunRecord.begin(path, head)
    appendFileSync(path, `${line}\n`)
    assert.throws(() => RunRecord.read(path), RecordError, line)
  }
  assert.throws(() => RunRecord.read(folder), RecordError)
  assert.throws(() => RunRecord.begin(folder, head), RecordError)
  appendFileSync(join(folder, 'null.jsonl'), 'null\n')
  assert.throws(() => RunRecord.read(join(folder, 'null.jsonl')), RecordError)
})

test('each outcome keeps its commit; those of before the head has', () => {
  const path = join(folder, 'mixed.jsonl')
  RunRecord.begin(path, head)
  const { commit: _, ...old } = outcomeOf(task, { failure: 'fork' })
  appendFileSync(path, `${JSON.stringify(old)}\n`)
  RunRecord.read(path)?.add(outcomeOf({ ...task, seed: 8 }, { commit: 'def', failure: 'fork' }))
  const again = RunRecord.read(path)
  assert(again !== undefined)
  assert.deepEqual(again.commits, ['abc', 'def'])
  const result = resultOf({ kind: 'consensus', nodeCount: 4, first: 7, count: 2 }, again)
  assert.deepEqual(result.failures, ['fork\ncommit: abc', 'fork\ncommit: def'])
  const [first] = summaryLines([result], { ...head, commits: again.commits })
  assert.match(first ?? '', /^Plan ci, mixed commits abc, def, begun/)
})

test('the plans have the seeds that PROTOCOL 7.5 asks for, each once', () => {
  const countOf = (name: 'ci' | 'accept', kind: string): number =>
    planOf(name, 10)
      .filter((batch) => batch.kind === kind)
      .reduce((total, { count }) => total + count, 0)
  assert.equal(countOf('ci', 'consensus'), 1_000)
  assert.equal(countOf('ci', 'world'), 300)
  assert.equal(countOf('accept', 'consensus'), 10_000)
  assert.equal(countOf('accept', 'world'), 2_000)
  assert.equal(countOf('accept', 'over'), 100)
  const keys = planOf('accept', 10).flatMap(tasksOf).map(taskKey)
  assert.equal(new Set(keys).size, keys.length)
  assert(scaled(planOf('ci', 10), 1_000).every(({ count }) => count === 1))
})

test('failures are counted; a batch over the bound that saw nothing is one', () => {
  const path = join(folder, 'four.jsonl')
  const record = RunRecord.begin(path, head)
  const over = { kind: 'over', nodeCount: 4, first: 1, count: 2 } as const
  const plain = { kind: 'consensus', nodeCount: 4, first: 7, count: 1 } as const
  for (const one of tasksOf(over)) record.add(outcomeOf(one))
  record.add(outcomeOf(task, { failure: 'fork at height 3' }))
  const results = [over, plain].map((batch) => resultOf(batch, record))
  assert.deepEqual(
    results.map(({ failures }) => failures.length),
    [1, 1],
  )
  assert.match(results[0]?.failures[0] ?? '', /saw nothing/)
  const text = summaryLines(results, { ...head, commits: record.commits }).join('\n')
  assert.match(text, /Plan ci, commit abc/)
  assert.match(text, /consensus n=4 \| 1 of 1 \| 1 \| 1 \| 2 \| 30 \| 1,000 \| 5 ms/)
  record.add(outcomeOf({ ...over, seed: 2 }, { seen: 'fork' }))
  assert.deepEqual(resultOf(over, record).failures, [])
})

test('options are understood, or refused', () => {
  const options = parseManyArguments(['ci', '--jobs', '3', '--divide', '10'])
  assert.deepEqual([options.plan, options.jobs, options.divisor], ['ci', 3, 10])
  assert.equal(options.record, '.unosys/sim/ci.jsonl')
  for (const wrong of [[], ['all'], ['ci', '--jobs', '0'], ['ci', '--nonsense']])
    assert.throws(() => parseManyArguments(wrong), UsageError)
})
