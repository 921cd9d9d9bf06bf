import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WorldEvent } from './world-events.ts'
import type { WorldView } from './world-up.ts'
import { jsonView, type Output, plainView, tableView } from './world-views.ts'

// Goal: each way of showing tells every event that its reader needs.

function recorder(rows = 50): Output & { readonly out: () => string; readonly err: () => string } {
  let out = ''
  let err = ''
  return {
    write: (text) => {
      out += text
    },
    error: (text) => {
      err += text
    },
    columns: () => 100,
    rows: () => rows,
    out: () => out,
    err: () => err,
  }
}

const ready: WorldEvent = {
  event: 'ready',
  processors: [1, 2, 3, 4].map((n) => ({
    n,
    api: `http://127.0.0.1:${7299 + n}`,
    pid: 100 + n,
    data: `w/${n}`,
    role: 'member' as const,
  })),
  tokenFile: 'w/token',
  tookMs: 1234,
  notice: 'the keys rest in files',
}
const died: WorldEvent = {
  event: 'died',
  n: 2,
  pid: 102,
  code: null,
  signal: 'SIGKILL',
  message: 'its process ended by SIGKILL',
}
const events: readonly WorldEvent[] = [
  { event: 'creating', nodes: 4, data: 'w' },
  { event: 'created', world: 'a'.repeat(64), tokenFile: 'w/token' },
  { event: 'starting', n: 1, pid: 101 },
  { event: 'serving', n: 1, api: 'http://127.0.0.1:7300', pid: 101 },
  ready,
  died,
  { event: 'restarting', n: 2, inMs: 1000 },
  { event: 'stopping' },
  { event: 'stopped' },
  { event: 'failed', code: 'start/folder', message: 'no room', exitCode: 11 },
]

const showAll = (view: WorldView): void => {
  for (const event of events) view.event(event)
}

test('json: one line for each event, as it is', () => {
  const output = recorder()
  showAll(jsonView(output))
  const lines = output.out().trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    events,
  )
})

test('json: the ready line has what scripts need, in the agreed form', () => {
  const output = recorder()
  jsonView(output).event(ready)
  const { processors, tokenFile } = JSON.parse(output.out())
  assert.deepEqual(processors[0], {
    n: 1,
    api: 'http://127.0.0.1:7300',
    pid: 101,
    data: 'w/1',
    role: 'member',
  })
  assert.equal(tokenFile, 'w/token')
})

test('plain: sentences, failures on standard error, no control characters', () => {
  const output = recorder()
  showAll(plainView(output, 'w'))
  const text = output.out()
  assert.match(text, /Processor 2 \(process 102\) died: its process ended by SIGKILL/)
  assert.match(text, /Processor 2 is started again in 1 s/)
  assert.match(text, /up: 4 Processors, after 1\.2 s/)
  assert.equal(output.err(), 'unosys: no room\n')
  assert(!text.includes('\x1b'))
})

test('table: stands still: what was drawn is erased before it is drawn again', () => {
  const output = recorder()
  const view = tableView(output, 'w')
  view.refresh([])
  assert.equal(output.out(), '', 'nothing before the world is up')
  view.event(ready)
  const above = output.out()
  assert.match(above, /curl -K /, 'the commands stand above, once')
  view.refresh([])
  const before = output.out()
  const lines = before.slice(above.length).split('\n').length - 1
  view.event(died)
  view.refresh([])
  const second = output.out().slice(before.length)
  assert(second.startsWith(`\x1b[${lines}A\x1b[J`), JSON.stringify(second.slice(0, 20)))
  assert.match(second, /\d\d:\d\d:\d\d {2}Processor 2 \(process 102\) died/)
  for (let count = 0; count < 20; count++) view.event(died)
  view.refresh([])
  const last = output.out().split('\x1b[J').at(-1) ?? ''
  assert.equal(last.split('died').length - 1, 5, 'only the last events are kept')
})

test('table: on a small terminal nothing is drawn that could not be erased', () => {
  for (const rows of [5, 10, 16]) {
    const output = recorder(rows)
    const view = tableView(output, 'w')
    view.event(ready)
    const before = output.out().length
    view.refresh([])
    const drawn = output.out().slice(before).split('\n').length - 1
    assert(drawn < rows, `${drawn} lines on ${rows} rows`)
  }
})
