// Goal: a commit of the real store is on the disk when it resolves. SQLite makes the calls, so they
// are read back as its settings and, where a program may be traced, seen as system calls.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { openStore } from './sqlite-journal-worker.ts'

function tempFolder(context: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'unosys-journal-'))
  context.after(() => fs.rmSync(folder, { recursive: true }))
  return folder
}

test('durable: the store is a write-ahead log that is synced with each commit', (context) => {
  const store = openStore({ file: path.join(tempFolder(context), 'main.sqlite'), bytesMax: 0 })
  const settingOf = (name: string): unknown =>
    Object.values(store.prepare(`PRAGMA ${name}`).get() ?? {})[0]
  assert.deepEqual(['journal_mode', 'synchronous', 'fullfsync'].map(settingOf), ['wal', 2, 1])
  store.close()
})

test('durable: a store that cannot have such a log is refused', () => {
  // In memory SQLite keeps another mode without a word.
  assert.throws(() => openStore({ file: ':memory:', bytesMax: 0 }), /journal_mode is memory/)
})

const traces = ['-f', '-y', '--seccomp-bpf', '-e', 'trace=fsync,fdatasync,write', '-o']
const canTrace =
  process.platform === 'linux' &&
  spawnSync('strace', [...traces, '/dev/null', 'true'], { timeout: 10_000 }).status === 0

/** The traced calls in the order in which they ended: `sync NAME` and what was printed. */
function endings(trace: string): string[] {
  const begun = new Map<string, string>()
  const ended: string[] = []
  for (const line of trace.split('\n')) {
    const thread = line.split(' ', 1)[0] ?? ''
    const printed = /write\(1<[^>]*>, "([^"]*)\\n"/.exec(line)?.[1]
    const begins = /(?:fsync|fdatasync)\(\d+<([^>]*)>/.exec(line)?.[1]
    if (printed !== undefined) ended.push(printed)
    if (begins !== undefined) begun.set(thread, path.basename(begins))
    if (/sync.*\) += 0$/.test(line)) ended.push(`sync ${begun.get(thread)}`)
  }
  return ended
}

test('durable: between two answers the log was synced', {
  skip: !canTrace && 'strace is not installed, or may not trace',
  timeout: 60_000,
}, (context) => {
  const folder = tempFolder(context)
  const traceFile = path.join(folder, 'trace')
  const script = new URL('../../test/compliance/journal-steps.ts', import.meta.url).pathname
  const child = [process.execPath, script, path.join(folder, 'store')]
  const run = spawnSync('strace', [...traces, traceFile, ...child], { timeout: 50_000 })
  assert.equal(run.status, 0, String(run.stderr))
  const seen = endings(fs.readFileSync(traceFile, 'utf8'))
  for (let number = 1; number <= 3; number++) {
    const from = seen.indexOf(number === 1 ? 'open' : `committed ${number - 1}`)
    const between = seen.slice(from + 1, seen.indexOf(`committed ${number}`))
    assert.ok(from >= 0 && between.includes('sync main.sqlite-wal'), seen.join(', '))
  }
})
