/** Bringing up a world, as `npm start` does, with real processes. */
import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { createWorld } from '../../src/main/create-world.ts'
import { freePorts } from '../../src/main/free-ports.ts'
import { UnosysClient } from '../../src/sdk/index.ts'
import { type Cleanup, cleanupOf, temporaryFolder } from './folders.ts'
import { isAlive, type Program, startProgram, worldUp } from './programs.ts'
import { waitFor } from './wait.ts'

type Up = {
  readonly program: Program
  // biome-ignore lint/suspicious/noExplicitAny: the line as it was printed
  readonly ready: any
  readonly pids: readonly number[]
  readonly client: (n: number) => Promise<UnosysClient>
}

async function up(
  folder: string,
  options: { readonly cleanup: Cleanup; readonly args?: readonly string[] },
): Promise<Up> {
  const args = ['--data', folder, '--port', '0', ...(options.args ?? [])]
  const program = worldUp(args, { cleanup: options.cleanup })
  const ready = await program.event('ready')
  const pids: number[] = ready.processors.map(({ pid }: { pid: number }) => pid)
  options.cleanup(async () => {
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  })
  const client = async (n: number): Promise<UnosysClient> => {
    const token = (await readFile(ready.tokenFile, 'utf8')).trim()
    return new UnosysClient({ api: ready.processors[n - 1].api, token })
  }
  return { program, ready, pids, client }
}

const allGone = (pids: readonly number[]): Promise<true> =>
  waitFor('all Processors are gone', () => pids.every((pid) => !isAlive(pid)), {
    deadlineMs: 30_000,
  })

/** A run that is to fail: its exit code and sentence. */
async function failing(program: Program): Promise<{ code: number | null; message: string }> {
  const { code } = await program.finished
  const failed = program.events().find(({ event }) => event === 'failed')
  assert(failed !== undefined, `${program.stdout()}${program.stderr()}`)
  assert.equal(failed.exitCode, code)
  return { code, message: failed.message }
}

test('start: one command makes a world of four Processors, each a process with a folder and ports of its own', async (t) => {
  const cleanup = cleanupOf(t)
  const folder = join(await temporaryFolder(cleanup), 'deep', 'world')
  const { program, ready, pids, client } = await up(folder, { cleanup })
  const events = program.events().map(({ event }) => event)
  assert.deepEqual(events.slice(0, 2), ['creating', 'created'])
  assert.equal(ready.processors.length, 4)
  assert.deepEqual(
    ready.processors.map(({ n, role, data }: Record<string, unknown>) => ({ n, role, data })),
    [1, 2, 3, 4].map((n) => ({ n, role: 'member', data: join(folder, String(n)) })),
  )
  assert.equal(new Set(pids).size, 4)
  assert(pids.every((pid) => isAlive(pid) && pid !== program.pid))
  const apis = new Set<string>(ready.processors.map(({ api }: { api: string }) => api))
  assert.equal(apis.size, 4)
  for (const api of apis) assert.match(api, /^http:\/\/127\.0\.0\.1:\d+$/)
  for (const n of [1, 2, 3, 4]) assert.equal((await (await client(n)).status()).n, n)
  assert.equal(ready.tokenFile, join(folder, 'token'))
})

test('start: what is secret is for its owner only', async (t) => {
  const cleanup = cleanupOf(t)
  const folder = join(await temporaryFolder(cleanup), 'world')
  const { program } = await up(folder, { cleanup, args: ['--nodes', '1'] })
  for (const name of ['token', 'passphrase', 'curlrc', '1/keyring', '1/log', 'running.json']) {
    const { mode } = await stat(join(folder, name))
    assert.equal(mode & 0o077, 0, `${name} has mode ${(mode & 0o777).toString(8)}`)
  }
  const token = (await readFile(join(folder, 'token'), 'utf8')).trim()
  const printed =
    program.stdout() + program.stderr() + (await readFile(join(folder, '1/log'), 'utf8'))
  assert(!printed.includes(token), 'the token was printed')
  const commandLine = await readFile(`/proc/${program.pid}/cmdline`, 'utf8').catch(() => '')
  assert(!commandLine.includes(token))
})

test('start: Ctrl-C stops every process, cleanly; the next start finds the data, on other ports too', async (t) => {
  const cleanup = cleanupOf(t)
  const folder = join(await temporaryFolder(cleanup), 'world')
  const first = await up(folder, { cleanup })
  await (await first.client(1)).write('/public/kept.txt', 'still here')
  first.program.child.kill('SIGINT')
  assert.equal((await first.program.finished).code, 0)
  assert.equal(first.program.events().at(-1).event, 'stopped')
  await allGone(first.pids)
  for (const n of [1, 2, 3, 4]) {
    const log = await readFile(join(folder, String(n), 'log'), 'utf8')
    assert.match(log.trim().split('\n').at(-1) ?? '', /"stopped"/, `Processor ${n} did not close`)
  }
  const [port] = await freePorts(1, 31_000, [])
  const second = await up(folder, { cleanup, args: ['--port', String(port)] })
  assert(!second.program.events().some(({ event }) => event === 'created'))
  assert.equal(second.ready.processors[0].api, `http://127.0.0.1:${port}`)
  const text = await (await second.client(3)).readAll('/public/kept.txt')
  assert.equal(new TextDecoder().decode(text), 'still here')
  second.program.child.kill('SIGTERM')
  assert.equal((await second.program.finished).code, 0)
  await allGone(second.pids)
})

test('start: --nodes gives the number; the group is the largest 3f + 1, the rest stores', async (t) => {
  const cleanup = cleanupOf(t)
  const folder = join(await temporaryFolder(cleanup), 'world')
  const { ready, client } = await up(folder, { cleanup, args: ['--nodes', '6'] })
  const roles = ready.processors.map(({ role }: { role: string }) => role).sort()
  assert.deepEqual(roles, ['member', 'member', 'member', 'member', 'storage', 'storage'])
  for (let n = 1; n <= 6; n++) await (await client(n)).write(`/public/${n}`, String(n))
  const names: string[] = []
  for await (const { name } of (await client(6)).list('/public')) names.push(name)
  assert.deepEqual(names.sort(), ['1', '2', '3', '4', '5', '6'])
})

test('start: a world of one Processor works', async (t) => {
  const cleanup = cleanupOf(t)
  const folder = join(await temporaryFolder(cleanup), 'world')
  const { client } = await up(folder, { cleanup, args: ['--nodes', '1'] })
  const info = await (await client(1)).write('/public/a', 'alone')
  assert.equal(info.replicas, 1)
  assert.equal(new TextDecoder().decode(await (await client(1)).readAll('/public/a')), 'alone')
})

test('start: a second start on the same data is told so, and harms nothing', async (t) => {
  const cleanup = cleanupOf(t)
  const folder = join(await temporaryFolder(cleanup), 'world')
  const { program, pids, client } = await up(folder, { cleanup })
  const second = worldUp(['--data', folder, '--port', '0'], { cleanup })
  const { code, message } = await failing(second)
  assert.equal(code, 13)
  assert.match(message, /runs on .* already/)
  assert(message.includes(String(program.pid)), message)
  const alone = startProgram(
    'src/main/processor.ts',
    ['--data', join(folder, '2'), '--http-port', '0'],
    {
      cleanup,
    },
  )
  const processor = await failing(alone)
  assert.equal(processor.code, 13)
  assert(processor.message.includes(`process ${pids[1]}`), processor.message)
  await (await client(2)).write('/public/a', 'fine')
  assert(pids.every(isAlive))
})

test('start: two starts at the same moment: one has the world, the other is told', async (t) => {
  const cleanup = cleanupOf(t)
  const folder = join(await temporaryFolder(cleanup), 'world')
  await createWorld({
    outFolder: folder,
    nodeCount: 1,
    httpPorts: [0],
    linkAddresses: [`127.0.0.1:${(await freePorts(1, 30_100, []))[0]}`],
  })
  const programs = [1, 2, 3].map(() => worldUp(['--data', folder], { cleanup }))
  const outcomes = await Promise.all(
    programs.map((program) =>
      Promise.race([
        program.event('ready').then(
          () => 'ready',
          () => 'failed',
        ),
        program.finished.then(({ code }) => code),
      ]),
    ),
  )
  const ready = outcomes.filter((outcome) => outcome === 'ready')
  assert.equal(ready.length, 1, JSON.stringify(outcomes))
  for (const program of programs) {
    if (program.child.exitCode !== null) assert.equal(program.child.exitCode, 13)
  }
})

test('start: after a crash nothing has to be cleaned up: no lock outlives its process', async (t) => {
  const cleanup = cleanupOf(t)
  const folder = join(await temporaryFolder(cleanup), 'world')
  const first = await up(folder, { cleanup })
  await (await first.client(1)).write('/public/a', 'kept')
  first.program.child.kill('SIGKILL')
  await first.program.finished
  // Nobody looks after the Processors any more: they stop by themselves.
  await allGone(first.pids)
  const second = await up(folder, { cleanup })
  const text = await (await second.client(2)).readAll('/public/a')
  assert.equal(new TextDecoder().decode(text), 'kept')
})

test('start: a port in use is named, and no Processor is left running', async (t) => {
  const cleanup = cleanupOf(t)
  const folder = join(await temporaryFolder(cleanup), 'world')
  const [port = 0] = await freePorts(1, 30_200, [])
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(port + 2, '127.0.0.1', resolve))
  cleanup(async () => void other.close())
  const program = worldUp(['--data', folder, '--port', String(port)], { cleanup })
  const { code, message } = await failing(program)
  assert.equal(code, 10)
  assert.match(message, /Processor 3/)
  assert(message.includes(String(port + 2)), message)
  assert.match(message, /in use by another program/)
  assert.equal(message.split('choose another port').length, 2, `advice once: ${message}`)
  assert.doesNotMatch(message, /EADDRINUSE/)
  const started: number[] = program
    .events()
    .filter(({ event }) => event === 'starting')
    .map(({ pid }) => pid)
  assert.equal(started.length, 4)
  await allGone(started)
})

test('start: a folder that cannot be written is told, with its path', async (t) => {
  const cleanup = cleanupOf(t)
  const parent = await temporaryFolder(cleanup)
  await writeFile(join(parent, 'file'), 'not a folder')
  const folder = join(parent, 'file', 'world')
  const { code, message } = await failing(worldUp(['--data', folder], { cleanup }))
  assert.equal(code, 11)
  assert(message.includes(folder), message)
})

test('start: a folder without rights is told, with its path', async (t) => {
  if (process.getuid?.() === 0) return t.skip('the superuser has every right')
  const cleanup = cleanupOf(t)
  const folder = await temporaryFolder(cleanup)
  await mkdir(join(folder, 'closed'), { mode: 0o500 })
  const program = worldUp(['--data', join(folder, 'closed', 'world')], { cleanup })
  const { code, message } = await failing(program)
  assert.equal(code, 11)
  assert.match(message, /no right to it.*rights/)
})

test('start: why one Processor does not start is said once, in words', async (t) => {
  const cleanup = cleanupOf(t)
  const folder = await temporaryFolder(cleanup)
  await writeFile(join(folder, 'file'), 'not a folder')
  for (const [data, says] of [
    ['nowhere', 'there is no such file or folder'],
    ['file', 'is a file'],
  ] as const) {
    const args = ['processor', 'start', '--log-stderr', '--data', join(folder, data)]
    const { code, stdout, stderr } = await startProgram('src/cli/main.ts', args, { cleanup })
      .finished
    assert.deepEqual([code, stdout], [3, ''])
    assert.equal(stderr.trim().split('\n').length, 1, stderr)
    assert(stderr.includes(says), stderr)
    assert.equal(stderr.split('world create').length, 2, stderr)
    assert.doesNotMatch(stderr, /ENOENT|ENOTDIR/)
  }
})

test('start: a place where no folder can be made is told at once', async (t) => {
  if (process.platform !== 'linux') return t.skip('/proc is of Linux')
  const { code, message } = await failing(
    worldUp(['--data', '/proc/foo'], { cleanup: cleanupOf(t) }),
  )
  assert.equal(code, 11)
  assert.match(message, /\/proc\/foo: no folder can be made there/)
})

test('start: a folder with other things in it is not taken for a world', async (t) => {
  const cleanup = cleanupOf(t)
  const folder = await temporaryFolder(cleanup)
  await writeFile(join(folder, 'thesis.txt'), 'years of work')
  const { code, message } = await failing(worldUp(['--data', folder], { cleanup }))
  assert.equal(code, 6)
  assert.match(message, /is not empty/)
  assert.deepEqual(await readdir(folder), ['thesis.txt'])
})

test('start: a world made by another version is told, and left as it is', async (t) => {
  const cleanup = cleanupOf(t)
  const folder = join(await temporaryFolder(cleanup), 'world')
  await createWorld({ outFolder: folder, nodeCount: 1 })
  const path = join(folder, 'world.json')
  const text = (await readFile(path, 'utf8')).replace('"format": 1', '"format": 99')
  await writeFile(path, text)
  const { code, message } = await failing(worldUp(['--data', folder], { cleanup }))
  assert.equal(code, 12)
  assert.match(message, /another version/)
  assert.equal(await readFile(path, 'utf8'), text)
})

test('start: a world keeps its number of Processors', async (t) => {
  const cleanup = cleanupOf(t)
  const folder = join(await temporaryFolder(cleanup), 'world')
  await createWorld({ outFolder: folder, nodeCount: 2 })
  const program = worldUp(['--data', folder, '--nodes', '4'], { cleanup })
  const { code, message } = await failing(program)
  assert.equal(code, 6)
  assert.match(message, /has 2 Processors/)
})

test('start: wrong options are usage, with a sentence', async (t) => {
  const cleanup = cleanupOf(t)
  const cases = [
    ['--nodes', '17'],
    ['--nodes', '0'],
    ['--port', '70000'],
    ['--nods', '4'],
    ['extra'],
  ]
  for (const args of cases) {
    const { code, stderr } = await worldUp(args, { cleanup }).finished
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`)
    assert.notEqual(stderr, '')
  }
  const folder = join(await temporaryFolder(cleanup), 'world')
  const program = worldUp(['--data', folder, '--port', '65534'], { cleanup })
  assert.equal((await failing(program)).code, 2)
})

test('start: a Processor that dies is reported and started again on its port', async (t) => {
  const cleanup = cleanupOf(t)
  const folder = join(await temporaryFolder(cleanup), 'world')
  const { program, ready, client } = await up(folder, { cleanup })
  const { pid, api } = ready.processors[1]
  process.kill(pid, 'SIGKILL')
  const died = await program.event('died')
  assert.deepEqual(
    { n: died.n, pid: died.pid, signal: died.signal },
    { n: 2, pid, signal: 'SIGKILL' },
  )
  assert.equal((await program.event('restarting')).n, 2)
  // The others go on meanwhile.
  await (await client(1)).write('/public/a', 'meanwhile')
  const again = await waitFor('Processor 2 serves again', () =>
    program
      .events()
      .find(({ event, n, pid: now }) => event === 'serving' && n === 2 && now !== pid),
  )
  cleanup(async () => {
    if (isAlive(again.pid)) process.kill(again.pid, 'SIGKILL')
  })
  assert.equal(again.api, api)
  const text = await waitFor('it reads', async () =>
    (await client(2)).readAll('/public/a').catch(() => undefined),
  )
  assert.equal(new TextDecoder().decode(text), 'meanwhile')
})

test('start: a Processor that hangs does not keep the world from stopping', async (t) => {
  const cleanup = cleanupOf(t)
  const folder = join(await temporaryFolder(cleanup), 'world')
  const { program, pids } = await up(folder, { cleanup })
  process.kill(pids[2] ?? 0, 'SIGSTOP')
  program.child.kill('SIGINT')
  await program.event('stopping')
  await waitFor('the others are gone', () => pids.filter(isAlive).length === 1)
  assert.equal(program.child.exitCode, null, 'it waits for the one that hangs')
  program.child.kill('SIGINT')
  assert.equal((await program.finished).code, 0)
  await allGone(pids)
})

// How long it may take is for the bench, which measures it (npm run bench).
test('start: it tells how long four Processors took to answer', async (t) => {
  const cleanup = cleanupOf(t)
  const folder = join(await temporaryFolder(cleanup), 'world')
  const startMs = performance.now()
  const { ready } = await up(folder, { cleanup })
  t.diagnostic(`from start to ready: ${ready.tookMs} ms`)
  assert(ready.tookMs > 0 && ready.tookMs <= performance.now() - startMs, `${ready.tookMs} ms`)
})

test('start: without --json it prints sentences, and commands to try that name no secret', async (t) => {
  const cleanup = cleanupOf(t)
  const folder = join(await temporaryFolder(cleanup), 'world')
  const program = startProgram('src/main/world.ts', ['up', '--data', folder, '--port', '0'], {
    cleanup,
  })
  await waitFor('the world is up', () => program.stdout().includes('Try '))
  const text = program.stdout()
  assert.match(text, /Created world/)
  assert.match(text, /Processor 4 serves http:\/\/127\.0\.0\.1:\d+/)
  assert.match(text, /curl -K .*curlrc/)
  assert.equal(text.split('DEVELOPMENT KEYRING').length, 2, 'where the keys rest, once')
  const token = (await readFile(join(folder, 'token'), 'utf8')).trim()
  assert(!text.includes(token))
  program.child.kill('SIGINT')
  assert.equal((await program.finished).code, 0)
  assert.match(program.stdout(), /Stopped; the data is kept/)
})

test('start: a Processor in which keys are open to others does not start', async (t) => {
  if (process.platform === 'win32') return t.skip('rights are kept elsewhere there')
  const cleanup = cleanupOf(t)
  const folder = join(await temporaryFolder(cleanup), 'world')
  await createWorld({ outFolder: folder, nodeCount: 1, httpPorts: [0] })
  const { chmod } = await import('node:fs/promises')
  await chmod(join(folder, '1/keyring'), 0o644)
  const { code, message } = await failing(worldUp(['--data', folder], { cleanup }))
  assert.equal(code, 14)
  assert.match(message, /others have rights/)
})

test('start: the Processor says where its keys rest', async (t) => {
  const cleanup = cleanupOf(t)
  const folder = join(await temporaryFolder(cleanup), 'world')
  await createWorld({
    outFolder: folder,
    nodeCount: 1,
    httpPorts: [0],
    linkAddresses: [`127.0.0.1:${(await freePorts(1, 30_200, []))[0]}`],
  })
  const program = startProgram(
    'src/cli/main.ts',
    ['processor', 'start', '--data', join(folder, '1')],
    {
      cleanup,
    },
  )
  await waitFor('it serves', () => program.stdout().includes('serves http://127.0.0.1:'))
  // A line of its own, which may come a moment later.
  await waitFor('it says where', () => program.stdout().includes('rest in the file'))
  assert.match(program.stdout(), /keys of this Processor rest in the file/)
  program.child.kill('SIGINT')
  assert.equal((await program.finished).code, 0)
})
