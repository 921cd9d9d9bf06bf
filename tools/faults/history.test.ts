// Goal: good histories pass and bad ones are found, whatever kind of thing they are about.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordOf } from '../../src/simulator/world-contents.ts'
import type { DirectoryInput, DirectoryOutput } from './directory-model.ts'
import { absent, History } from './history.ts'

const directory = '/d'

/** Calls one after the other, each a millisecond long; no output: open. */
function directoryFaults(
  calls: readonly (readonly [DirectoryInput, DirectoryOutput | undefined])[],
): string[] {
  const history = new History()
  for (const [at, [input, output]] of calls.entries()) {
    history.directory({ input, output, startedAt: at * 2, endedAt: at * 2 + 1 })
  }
  return history.verdict()
}

const create = (name: string, mark: number): DirectoryInput => ({
  ...{ kind: 'create', directory, name, mark },
})
const rename = (name: string, to: string): DirectoryInput => ({
  ...{ kind: 'rename', directory, name, to },
})
const remove = (name: string): DirectoryInput => ({ kind: 'remove', directory, name })
const look = (name: string): DirectoryInput => ({ kind: 'look', directory, name })
const list: DirectoryInput = { kind: 'list', directory }
const done: DirectoryOutput = { kind: 'done' }
const marked = (mark: number): DirectoryOutput => ({ kind: 'done', mark })
const gone: DirectoryOutput = { kind: 'absent' }
const exists: DirectoryOutput = { kind: 'exists' }
const entries = (given: Readonly<Record<string, number>>): DirectoryOutput => ({
  kind: 'entries',
  entries: new Map(Object.entries(given)),
})

test('directories: what one computer would answer', () => {
  const faults = directoryFaults([
    [look('a'), gone],
    [create('a', 1), done],
    [create('a', 2), exists],
    [look('a'), marked(1)],
    [rename('a', 'b'), marked(1)],
    [rename('a', 'c'), gone],
    [create('c', 3), done],
    [rename('c', 'b'), exists],
    [list, entries({ b: 1, c: 3 })],
    [remove('b'), done],
    [remove('b'), gone],
    [list, entries({ c: 3 })],
  ])
  assert.deepEqual(faults, [])
})

test('directories: what nobody answered may have happened, later or never', () => {
  const open = undefined
  const seen = (last: readonly [DirectoryInput, DirectoryOutput]): string[] =>
    directoryFaults([[create('a', 1), open], [look('a'), gone], last])
  assert.deepEqual(seen([list, entries({})]), [])
  assert.deepEqual(seen([list, entries({ a: 1 })]), [])
  assert.deepEqual(seen([create('a', 2), exists]), [])
  assert.deepEqual(seen([create('a', 2), done]), [])
  assert.equal(seen([list, entries({ a: 9 })]).length, 1)
  // It cannot be undone once it was seen.
  const flicker = [
    [create('a', 1), open],
    [list, entries({ a: 1 })],
    [look('a'), gone],
  ] as const
  assert.equal(directoryFaults(flicker).length, 1)
})

const bad: Readonly<Record<string, readonly (readonly [DirectoryInput, DirectoryOutput])[]>> = {
  'an entry that was acknowledged is lost': [
    [create('a', 1), done],
    [list, entries({})],
  ],
  'two creations of one name': [
    [create('a', 1), done],
    [create('a', 2), done],
  ],
  'a removed entry comes back': [
    [create('a', 1), done],
    [remove('a'), done],
    [look('a'), marked(1)],
  ],
  'a rename leaves both names': [
    [create('a', 1), done],
    [rename('a', 'b'), marked(1)],
    [list, entries({ a: 1, b: 1 })],
  ],
  'a creation is refused although nothing is there': [[create('a', 1), exists]],
  'another content under the name': [
    [create('a', 1), done],
    [look('a'), marked(2)],
  ],
}
for (const [name, calls] of Object.entries(bad)) {
  test(`directories: ${name}`, () => {
    const [fault, ...more] = directoryFaults(calls)
    assert.match(fault ?? '', /no order explains/)
    assert.deepEqual(more, [])
  })
}

test('files: a read of what was before, and of what nobody wrote', () => {
  const history = new History()
  const path = '/f'
  history.register(path, { kind: 'write', value: 'x', startedAt: 1, endedAt: 2 })
  history.register(path, { kind: 'read', value: 'x', startedAt: 3, endedAt: 4 })
  assert.deepEqual(history.verdict(), [])
  history.register(path, { kind: 'read', value: absent, startedAt: 5, endedAt: 6 })
  assert.equal(history.verdict().length, 1)
  const foreign = new History()
  foreign.register(path, { kind: 'read', value: 'y', startedAt: 3, endedAt: 4 })
  assert.match(foreign.verdict()[0] ?? '', /never written/)
})

test('logs: a lost record, and one that stands twice', () => {
  const history = new History()
  history.append('/l', { value: 'x', startedAt: 1, endedAt: 2, outcome: 'done' })
  history.logEnd('/l', recordOf('x'))
  assert.deepEqual(history.verdict(), [])
  history.logEnd('/l', Buffer.concat([recordOf('x'), recordOf('x')]))
  history.logEnd('/l', new Uint8Array())
  assert.equal(history.verdict().length, 2)
})

test('what no trouble excuses is a finding, and pauses are measured', () => {
  const history = new History()
  history.faults.push('an odd answer')
  assert.deepEqual(history.verdict(), ['an odd answer'])
  history.acknowledgedAtMs.push(10, 20, 90)
  assert.equal(history.longestPauseMs(0, 100), 70)
  assert.equal(history.longestPauseMs(0, 60), 40)
})
