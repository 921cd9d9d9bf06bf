import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { projectRoot } from '../source/tree.ts'
import { takeLock } from './lock.mjs'
import { platformName, runtimePackages } from './runtime.mjs'

// Goal: the first command after a clone installs, once, whatever else goes on; then the program
// has the terminal, the signals and the exit code. npm is played by a script that notes each call
// and lays down a runtime (this Node) after a moment.

const runtime = runtimePackages[platformName]
const skip = runtime === undefined ? `no packaged Node for ${platformName}` : false
const binary = process.platform === 'win32' ? 'node.exe' : 'node'

const fakeNpm = `
const { appendFileSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } = require('node:fs')
appendFileSync('calls.txt', process.argv.slice(2).join(' ') + '\\n')
console.log('npm says hello')
const work = () => {
  if (process.env.FAKE_NPM_UNTIL && !existsSync(process.env.FAKE_NPM_UNTIL)) return setTimeout(work, 20)
  if (process.env.FAKE_NPM === 'fails') process.exit(7)
  rmSync('node_modules', { recursive: true, force: true })
  mkdirSync('node_modules/${runtime}/bin', { recursive: true })
  writeFileSync('node_modules/${runtime}/package.json', '{}')
  symlinkSync(${JSON.stringify(process.execPath)}, 'node_modules/${runtime}/bin/${binary}')
}
setTimeout(work, Number(process.env.FAKE_NPM_MS ?? 50))
`

type Clone = {
  root: string
  calls: () => number
  start: (args: string[], env?: Record<string, string>) => ChildProcess
  run: (args: string[], env?: Record<string, string>) => Promise<Ended>
}
type Ended = { code: number | null; signal: string | null; out: string; err: string }

const ended = (child: ChildProcess): Promise<Ended> => {
  let out = ''
  let err = ''
  child.stdout?.on('data', (chunk) => (out += chunk))
  child.stderr?.on('data', (chunk) => (err += chunk))
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, out, err }))
  })
}

/** A fresh clone, as far as the launcher looks: its own files, a lock file, a program. */
const cloneProject = (t: TestContext): Clone => {
  const root = mkdtempSync(join(tmpdir(), 'unosys-clone-'))
  const children: ChildProcess[] = []
  t.after(() => {
    for (const child of children) child.kill('SIGKILL')
    rmSync(root, { recursive: true, force: true })
  })
  const files = {
    'package.json': '{ "type": "module" }',
    'package-lock.json': '{ "packages": { "node_modules/a": { "version": "1.0.0" } } }',
    'npm-cli.cjs': fakeNpm,
    'program.ts': `const args: string[] = process.argv.slice(2)
console.log(JSON.stringify(args))
if (args[0] === 'exit') process.exit(Number(args[1]))
if (args[0] === 'wait') {
  const timer = setInterval(() => {}, 1000)
  let heard = 0
  process.on('SIGTERM', () => { console.log('heard ' + ++heard); setTimeout(() => { clearInterval(timer); process.exit(9) }, 300) })
  process.on('SIGINT', () => { console.log('interrupted'); clearInterval(timer) })
  console.log('ready')
}`,
  }
  for (const [path, text] of Object.entries(files)) writeFileSync(join(root, path), text)
  cpSync(join(projectRoot, 'tools/npm'), join(root, 'tools/npm'), { recursive: true })
  mkdirSync(join(root, 'src/cli'), { recursive: true })
  cpSync(join(root, 'program.ts'), join(root, 'src/cli/main.ts'))
  const start = (args: string[], env: Record<string, string> = {}): ChildProcess => {
    const child = spawn(
      process.execPath,
      [join(root, 'tools/npm', args[0] ?? ''), ...args.slice(1)],
      {
        cwd: tmpdir(),
        env: { ...process.env, npm_execpath: join(root, 'npm-cli.cjs'), ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    children.push(child)
    return child
  }
  const calls = (): number => {
    const path = join(root, 'calls.txt')
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').length : 0
  }
  return { root, calls, start, run: (args, env) => ended(start(args, env)) }
}

const heard = (child: ChildProcess, text: string): Promise<void> =>
  new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk) => {
      if (String(chunk).includes(text)) resolve()
    })
    child.once('close', () => reject(new Error(`ended before it said "${text}"`)))
  })

test('launcher: the first command installs with visible progress, the second does not', {
  skip,
}, async (t) => {
  const { root, run, calls } = cloneProject(t)
  const first = await run(['run.mjs', 'program.ts', 'a', '--b', 'c d'])
  assert.equal(first.code, 0, first.err)
  assert.match(first.err, /installing packages/)
  assert.match(first.out, /npm says hello/)
  assert(first.out.endsWith('["a","--b","c d"]\n'))
  const second = await run(['run.mjs', 'program.ts'])
  assert.deepEqual([second.out, second.err], ['[]\n', ''])
  assert.equal(calls(), 1)
  assert.match(readFileSync(join(root, 'calls.txt'), 'utf8'), /^ci --ignore-scripts /)
})

test('launcher: a changed package-lock.json installs again', { skip }, async (t) => {
  const { root, run, calls } = cloneProject(t)
  await run(['run.mjs', 'program.ts'])
  writeFileSync(join(root, 'package-lock.json'), '{ "packages": {} }')
  assert.equal((await run(['run.mjs', 'program.ts'])).code, 0)
  assert.equal(calls(), 2)
})

test('launcher: what npm itself has installed is believed when it is the same', {
  skip,
}, async (t) => {
  const { root, run, calls } = cloneProject(t)
  await run(['run.mjs', 'program.ts'])
  const modules = join(root, 'node_modules')
  rmSync(join(modules, '.unosys-install'))
  cpSync(join(root, 'package-lock.json'), join(modules, '.package-lock.json'))
  await run(['run.mjs', 'program.ts'])
  assert.equal(calls(), 1)
  rmSync(join(modules, '.unosys-install'))
  writeFileSync(
    join(modules, '.package-lock.json'),
    '{ "packages": { "node_modules/a": { "version": "1.0.1" } } }',
  )
  await run(['run.mjs', 'program.ts'])
  assert.equal(calls(), 2)
})

test('launcher: several first commands at once install once', { skip }, async (t) => {
  const { root, start, calls } = cloneProject(t)
  // npm works until the three others have said that they wait, however late they come.
  const until = join(root, 'all-wait')
  let waitingCount = 0
  const children = [1, 2, 3, 4].map((n) => {
    const child = start(['run.mjs', 'program.ts', String(n)], { FAKE_NPM_UNTIL: until })
    child.stderr?.on('data', (chunk) => {
      if (String(chunk).includes('waiting for it') && ++waitingCount === 3) writeFileSync(until, '')
    })
    return child
  })
  const all = await Promise.all(children.map(ended))
  assert.deepEqual(
    all.map(({ code }) => code),
    [0, 0, 0, 0],
  )
  assert.equal(calls(), 1)
  assert.equal(all.filter(({ err }) => /is installing packages here, waiting/.test(err)).length, 3)
  assert.deepEqual(
    readdirSync(root).filter((name) => name.startsWith('.install')),
    [],
  )
})

test('launcher: a failed installation says so, exits 1 and leaves no lock', { skip }, async (t) => {
  const { root, run, calls } = cloneProject(t)
  const failed = await run(['run.mjs', 'program.ts'], { FAKE_NPM: 'fails' })
  assert.equal(failed.code, 1)
  assert.match(failed.err, /"npm ci" failed \(exit 7\)/)
  assert(!failed.out.includes('[]'), 'the program ran all the same')
  assert.deepEqual(
    readdirSync(root).filter((name) => name.startsWith('.install')),
    [],
  )
  assert.equal((await run(['run.mjs', 'program.ts'])).code, 0)
  assert.equal(calls(), 2)
})

test('launcher: an interrupted installation ends npm, exits 130, leaves no lock', {
  skip,
}, async (t) => {
  const { root, start } = cloneProject(t)
  const child = start(['run.mjs', 'program.ts'], { FAKE_NPM_MS: '60000' })
  const end = ended(child)
  await heard(child, 'npm says hello')
  child.kill('SIGINT')
  const { code, err } = await end
  assert.equal(code, 130)
  assert.match(err, /interrupted/)
  assert.deepEqual(
    readdirSync(root).filter((name) => name.startsWith('.install')),
    [],
  )
})

test("launcher: the exit code is the program's", { skip }, async (t) => {
  const { run } = cloneProject(t)
  assert.equal((await run(['run.mjs', 'program.ts', 'exit', '42'])).code, 42)
  assert.equal((await run(['run.mjs'])).code, 64)
})

test('launcher: SIGTERM and SIGINT reach the program, a repeated one once', { skip }, async (t) => {
  const { run, start } = cloneProject(t)
  await run(['run.mjs', 'program.ts'])
  const child = start(['run.mjs', 'program.ts', 'wait'])
  const end = ended(child)
  await heard(child, 'ready')
  child.kill('SIGTERM')
  child.kill('SIGTERM')
  const { code, out } = await end
  assert.equal(code, 9)
  assert.deepEqual(out.match(/heard \d/g), ['heard 1'])
  const second = start(['run.mjs', 'program.ts', 'wait'])
  const secondEnd = ended(second)
  await heard(second, 'ready')
  second.kill('SIGINT')
  assert.match((await secondEnd).out, /interrupted/)
})

test('launcher: a program killed by a signal gives 128 and its number', { skip }, async (t) => {
  const { root, run } = cloneProject(t)
  writeFileSync(join(root, 'program.ts'), "process.kill(process.pid, 'SIGKILL')")
  assert.equal((await run(['run.mjs', 'program.ts'])).code, 137)
})

test('launcher: when what started it for npm is gone, the program is told to stop', {
  skip,
}, async (t) => {
  if (process.platform === 'win32') return t.skip('no parent process to watch')
  const { root, run } = cloneProject(t)
  await run(['run.mjs', 'program.ts'])
  const script = `require('node:child_process').spawn(process.execPath,
    ['${join(root, 'tools/npm/run.mjs')}', 'program.ts', 'wait'], { stdio: 'inherit' })`
  const parent = spawn(process.execPath, ['-e', script], {
    env: { ...process.env, npm_lifecycle_event: 'start' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const said = ended(parent) // ends when the last writer of the pipe has: the program itself
  await heard(parent, 'ready')
  parent.kill('SIGKILL')
  assert.match((await said).out, /heard 1/)
})

test('launcher: npx unosys finds its project through a link, from any folder', {
  skip,
}, async (t) => {
  const { root, run } = cloneProject(t)
  await run(['run.mjs', 'program.ts'])
  symlinkSync('unosys.mjs', join(root, 'tools/npm/linked'))
  assert.equal((await run(['linked', 'status', '--json'])).out, '["status","--json"]\n')
})

test('lock: a lock whose owner is dead is taken over at once', async (t) => {
  const folder = join(mkdtempSync(join(tmpdir(), 'unosys-lock-')), 'lock')
  t.after(() => rmSync(dirname(folder), { recursive: true, force: true }))
  const dead = spawn(process.execPath, ['-e', ''])
  await ended(dead)
  mkdirSync(folder)
  const owner = { token: 'x', host: hostname(), pids: [dead.pid] }
  writeFileSync(join(folder, 'owner.json'), JSON.stringify(owner))
  const lock = await takeLock(folder)
  lock.release()
  assert(!existsSync(folder))
})

test('lock: a living owner is waited for, and so is the process it works through', async (t) => {
  const folder = join(mkdtempSync(join(tmpdir(), 'unosys-lock-')), 'lock')
  t.after(() => rmSync(dirname(folder), { recursive: true, force: true }))
  const worker = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  t.after(() => worker.kill('SIGKILL'))
  const dead = spawn(process.execPath, ['-e', ''])
  await ended(dead)
  mkdirSync(folder)
  const owner = { token: 'x', host: hostname(), pids: [dead.pid, worker.pid] }
  writeFileSync(join(folder, 'owner.json'), JSON.stringify(owner))
  const { promise: seen, resolve } = Promise.withResolvers<unknown>()
  const taking = takeLock(folder, { onWait: resolve })
  assert.deepEqual(await seen, owner)
  worker.kill('SIGKILL')
  const lock = await taking
  lock.release()
})

test('lock: one that nobody has touched for long is taken over, one of another machine too', async (t) => {
  const folder = join(mkdtempSync(join(tmpdir(), 'unosys-lock-')), 'lock')
  t.after(() => rmSync(dirname(folder), { recursive: true, force: true }))
  mkdirSync(folder)
  const owner = { token: 'x', host: 'elsewhere', pids: [1] }
  writeFileSync(join(folder, 'owner.json'), JSON.stringify(owner))
  const startedMs = performance.now()
  const lock = await takeLock(folder, { stillMs: 600 })
  assert(performance.now() - startedMs >= 600)
  // And the one who lost it does not remove it from the new owner.
  writeFileSync(join(folder, 'owner.json'), JSON.stringify(owner))
  lock.release()
  assert(existsSync(folder))
})

test('lock: a guard left by a killed process does not block for ever', async (t) => {
  const folder = join(mkdtempSync(join(tmpdir(), 'unosys-lock-')), 'lock')
  t.after(() => rmSync(dirname(folder), { recursive: true, force: true }))
  mkdirSync(folder)
  mkdirSync(`${folder}.guard`)
  const longAgo = new Date(Date.now() - 60_000)
  utimesSync(`${folder}.guard`, longAgo, longAgo)
  const lock = await takeLock(folder, { stillMs: 300 })
  lock.release()
  assert.deepEqual(readdirSync(dirname(folder)), [])
})
