import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StatusBody } from '../wire/schemas.ts'
import type { ProcessorState } from './world-events.ts'
import { hintLines, tableLines } from './world-table.ts'

// Goal: the table says what is, in any state, and fits the terminal.

const statusOf = (group: Partial<StatusBody['group']>, upCount = 3): StatusBody =>
  ({
    group: {
      members: 4,
      quorum: 3,
      reachable: 4,
      height: 12,
      view: 13,
      catchingUp: false,
      votes: true,
      epoch: 1,
      stableHeight: 0,
      ...group,
    },
    processors: [0, 1, 2, 3].map((n) => ({ n: n + 1, self: n === 0, up: n <= upCount })),
  }) as StatusBody

const state = (given: Partial<ProcessorState>): ProcessorState => ({
  n: 1,
  role: 'member',
  data: 'world/1',
  phase: 'serving',
  pid: 4711,
  api: 'http://127.0.0.1:7300',
  status: statusOf({}),
  ...given,
})

test('table: one line for each Processor, with address, role, peers, height and state', () => {
  const lines = tableLines(
    [state({}), state({ n: 2, role: 'storage', api: undefined, phase: 'down', status: undefined })],
    100,
  )
  assert.deepEqual(lines, [
    'Processor  API                    Role     Peers   Height  State',
    '1          http://127.0.0.1:7300  member   3 of 3  12      ready',
    '2          -                      storage  -       -       down',
  ])
})

test('table: states in words', () => {
  const last = (given: Partial<ProcessorState>): string => {
    const [heading = '', line = ''] = tableLines([state(given)], 200)
    return line.slice(heading.indexOf('State'))
  }
  assert.equal(last({}), 'ready')
  assert.equal(last({ phase: 'starting' }), 'starting')
  assert.equal(last({ status: undefined }), 'no answer')
  assert.equal(last({ status: statusOf({ catchingUp: true }) }), 'catching up')
  assert.equal(last({ status: statusOf({ votes: false }) }), 'being readmitted')
  assert.equal(last({ status: statusOf({ reachable: 2 }) }), 'no quorum (2 of 3 needed)')
})

test('table: no line is wider than the terminal', () => {
  for (const columns of [10, 40, 79]) {
    for (const line of tableLines([state({})], columns)) assert(line.length < columns)
  }
})

test('hints: the folder is named where it is not the usual one, and quoted where it must be', () => {
  const input = { api: 'http://127.0.0.1:1', otherApi: 'http://127.0.0.1:3' }
  const usual = hintLines({ ...input, folder: '.unosys' }).join('\n')
  assert.match(usual, /npx unosys put README\.md \/public\//)
  assert.match(usual, /curl -K \.unosys\/curlrc/)
  const other = hintLines({ ...input, folder: "my world's" }).join('\n')
  assert(other.includes(`npx unosys --world 'my world'\\''s' put`), other)
  assert.match(other, /--api http:\/\/127\.0\.0\.1:3 cat/)
})
