import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { testFlags } from '../../tools/testing/stages.ts'
import {
  ProcessorError,
  processorEnvironment,
  processorFlags,
  spawnProcessor,
} from './processor-process.ts'

// Goal: a Processor's process has the surroundings it must have, and its owner hears all of it.

const folder = mkdtempSync(join(tmpdir(), 'unosys-process-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** A stand-in for the Processor's program. */
function program(name: string, source: string): string {
  const path = join(folder, `${name}.mjs`)
  writeFileSync(path, source)
  return path
}

const spawnIt = (name: string, source: string): ReturnType<typeof spawnProcessor> =>
  spawnProcessor({ dataFolder: 'data', program: program(name, source) })

const readyLine = `console.log(JSON.stringify({ event: 'ready', n: 1, api: 'http://127.0.0.1:1', pid: process.pid }))`

test('process: nothing of the shell reaches it but what it needs', async () => {
  process.env.NODE_OPTIONS = '--no-warnings'
  process.env.UNOSYS_TOKEN = 'secret'
  try {
    const it = spawnIt(
      'environment',
      `console.log(JSON.stringify({ event: 'ready', notice: JSON.stringify(process.env), api: '', pid: 1 }))`,
    )
    const env = JSON.parse((await it.ready).notice)
    assert.deepEqual(env, JSON.parse(JSON.stringify(processorEnvironment())))
    assert.equal(env.UV_THREADPOOL_SIZE, '16')
    assert(!('NODE_OPTIONS' in env) && !('UNOSYS_TOKEN' in env) && !('PATH' in env))
    await it.exited
  } finally {
    delete process.env.NODE_OPTIONS
    delete process.env.UNOSYS_TOKEN
  }
})

test('process: code from strings, __proto__ and changed built-ins do not work in it', async () => {
  const it = spawnIt(
    'flags',
    `
    const works = (what) => { try { what(); return true } catch { return false } }
    const notice = JSON.stringify([
      works(() => new Function('return 1')()),
      '__proto__' in {},
      works(() => { Array.prototype.push = 1 }),
    ])
    console.log(JSON.stringify({ event: 'ready', notice, api: '', pid: 1 }))`,
  )
  assert.deepEqual(JSON.parse((await it.ready).notice), [false, false, false])
  await it.exited
})

test('process: tests of what runs in a Processor run under the same flags', () => {
  const flags = testFlags('src/kernel/x.test.ts')
  assert.deepEqual(
    // How large a heap grows, and which warnings are printed, changes nothing that a test sees.
    processorFlags.filter(
      (flag) => !/^--(disable-warning|max-semi-space-size|heap-growing-percent)=/.test(flag),
    ),
    flags,
  )
})

test('process: stop asks, and waits for the end', async () => {
  const it = spawnIt(
    'stops',
    `process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1000); ${readyLine}`,
  )
  await it.ready
  assert.deepEqual(await it.stop(10_000), { code: 0, signal: null })
})

test('process: what does not stop in its grace time is killed', async () => {
  const it = spawnIt(
    'stubborn',
    `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); ${readyLine}`,
  )
  await it.ready
  assert.deepEqual(await it.stop(200), { code: null, signal: 'SIGKILL' })
})

test('process: kill ends it at once', async () => {
  const it = spawnIt('killed', `setInterval(() => {}, 1000); ${readyLine}`)
  await it.ready
  assert.deepEqual(await it.kill(), { code: null, signal: 'SIGKILL' })
})

test('process: one that fails says why, with its exit code', async () => {
  const it = spawnIt(
    'fails',
    `console.log(JSON.stringify({ event: 'failed', code: 'http/address-in-use', message: 'in use', exitCode: 10 })); process.exit(10)`,
  )
  await assert.rejects(it.ready, (error) => {
    assert(error instanceof ProcessorError)
    assert.deepEqual(
      [error.code, error.message, error.detail.exitCode],
      ['http/address-in-use', 'in use', 10],
    )
    return true
  })
  assert.equal(it.failure()?.message, 'in use')
})

test('process: one that crashes before it serves is told with what it said last', async () => {
  const it = spawnIt('crashes', `throw new Error('boom')`)
  await assert.rejects(it.ready, /ended with code 1: [\s\S]*boom/)
  assert.equal((await it.exited).code, 1)
})

test('process: its standard input closes with its owner, and it is told to watch that', async () => {
  const it = spawnIt(
    'watches',
    `console.log(JSON.stringify({ event: 'ready', notice: process.argv.slice(2).join(' '), api: '', pid: 1 }))
     process.stdin.on('end', () => process.exit(7)).resume()
     setInterval(() => {}, 1000)`,
  )
  assert.equal((await it.ready).notice, '--supervised --data data')
  await it.kill()
})
