/** The command line against real Processors, as its user types it. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { freePorts } from '../../src/main/free-ports.ts'
import { cleanupOf, temporaryFolder } from './folders.ts'
import { type Finished, type ProgramOptions, startProgram, unosys } from './programs.ts'
import { waitFor } from './wait.ts'
import { startWorld, type TestWorld } from './world.ts'

const cleanup = cleanupOf({ after })
let world: TestWorld
let folder: string

before(async () => {
  folder = await temporaryFolder(cleanup)
  world = await startWorld({ cleanup })
})

/** Through Processor `n`, in the test's folder. */
function cli(n: number, args: readonly string[], options: ProgramOptions = {}): Promise<Finished> {
  const env = { UNOSYS_API: world.api(n), UNOSYS_TOKEN: world.token, ...options.env }
  return unosys(args, { cwd: folder, ...options, env, cleanup })
}

async function ok(n: number, args: readonly string[], options?: ProgramOptions): Promise<string> {
  const { code, stdout, stderr } = await cli(n, args, options)
  assert.equal(code, 0, `${args.join(' ')}: ${stdout}${stderr}`)
  return stdout
}

async function fails(
  n: number,
  args: readonly string[],
  wanted: { readonly code: number; readonly says: RegExp },
  options?: ProgramOptions,
): Promise<void> {
  const { code, stdout, stderr } = await cli(n, args, options)
  assert.equal(code, wanted.code, `${args.join(' ')}: ${stdout}${stderr}`)
  assert.match(stderr, wanted.says)
  assert.doesNotMatch(stderr, /\n\s+at /, 'a stack is not for users')
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')

test('cli: a newcomer stores a file, and gets it from another Processor, byte for byte', async () => {
  const content = randomBytes(5_000_000)
  await writeFile(join(folder, 'photo.jpg'), content)
  const stored = await ok(1, ['put', 'photo.jpg', '/public/'])
  assert.match(stored, /^photo\.jpg → \/public\/photo\.jpg {2}5\.0 MB {2}.*\/s\n$/)
  await ok(3, ['get', '/public/photo.jpg', 'copy.jpg'])
  assert.equal(sha256(await readFile(join(folder, 'copy.jpg'))), sha256(content))
  assert.deepEqual(lines(await ok(2, ['ls', '/public'])).includes('photo.jpg'), true)
})

test('cli: without --api and UNOSYS_TOKEN it uses the world in .unosys, here or in a folder above', async () => {
  const home = await temporaryFolder(cleanup)
  await mkdir(join(home, 'deep/er'), { recursive: true })
  await symlink(world.folder, join(home, '.unosys'))
  const running = { pid: 1, processors: [{ n: 2, api: world.api(2) }] }
  await writeFile(join(world.folder, 'running.json'), JSON.stringify(running))
  for (const cwd of [home, join(home, 'deep/er')]) {
    const { code, stdout } = await unosys(['status', '--json'], { cwd, cleanup })
    assert.equal(code, 0, stdout)
    assert.equal(JSON.parse(stdout).n, 2)
  }
  const named = await unosys(['status', '--world', world.folder, '--json'], {
    cwd: folder,
    cleanup,
  })
  assert.equal(JSON.parse(named.stdout).n, 2)
  const nowhere = await temporaryFolder(cleanup)
  const lost = await unosys(['ls'], { cwd: nowhere, cleanup })
  assert.equal(lost.code, 3)
  assert.match(lost.stderr, /there is no world.*world up.*--world/)
})

test('cli: no token, or a wrong one, is exit code 5 and says what to do', async () => {
  const elsewhere = await temporaryFolder(cleanup)
  const none = await unosys(['ls', '--api', world.api(1)], { cwd: elsewhere, cleanup })
  assert.equal(none.code, 5)
  assert.match(none.stderr, /UNOSYS_TOKEN/)
  const env = { UNOSYS_TOKEN: 'wrong' }
  await fails(1, ['ls'], { code: 5, says: /not one of this world/ }, { env })
  const { stdout } = await cli(1, ['--help'])
  assert.doesNotMatch(stdout, /--token/)
})

test('cli: a world that is named and not there is exit code 3, whatever else is given', async () => {
  const none = join(folder, 'no-world')
  const wanted = { code: 3, says: /no world in .*no-world/ } as const
  await fails(1, ['ls', '--world', none], wanted, { env: { UNOSYS_TOKEN: '' } })
  await fails(1, ['ls', '--world', none, '--api', world.api(1)], wanted, {
    env: { UNOSYS_TOKEN: '' },
  })
})

test('cli: nobody at the address is exit code 4 and says what to do', async () => {
  const api = ['--api', 'http://127.0.0.1:9']
  await fails(1, ['ls', ...api], { code: 4, says: /no answer.*world up/ })
  for (const address of ['nonsense', 'ftp://127.0.0.1', '127.0.0.1:7300']) {
    await fails(1, ['ls', '--api', address], { code: 2, says: /not an address/ })
  }
})

test('cli: mkdir, put, ls, stat, mv, cat, rm do what they say', async () => {
  await ok(1, ['mkdir', '-p', '/public/a/b'])
  await fails(1, ['mkdir', '/public/a'], { code: 6, says: /exists already/ })
  await ok(2, ['mkdir', '-p', '/public/a'])
  await writeFile(join(folder, 'text'), 'some text\n')
  await ok(1, ['put', 'text', '/public/a/b/'])
  await ok(1, ['put', 'text', '/public/a/two'])
  assert.deepEqual(lines(await ok(3, ['ls', '/public/a'])), ['b/', 'two'])
  const long = lines(await ok(3, ['ls', '-l', '/public/a']))
  assert.match(long[0] ?? '', /^directory +1 entries +3x +\d{4}-\d\d-\d\d \d\d:\d\d +b\/$/)
  assert.match(long[1] ?? '', /^file +10 B +3x +.* two$/)
  assert.match(
    await ok(4, ['stat', '--blocks', '/public/a/two']),
    /size +10 bytes[\s\S]*block 0 .* on \d, \d, \d/,
  )
  await ok(2, ['mv', '/public/a/two', '/public/a/b/'])
  await fails(2, ['mv', '/public/a/b/two', '/public/a/b/text'], { code: 6, says: /exists/ })
  await ok(2, ['mv', '-f', '/public/a/b/two', '/public/a/b/text'])
  assert.equal(
    await ok(3, ['cat', '/public/a/b/text', '/public/a/b/text']),
    'some text\nsome text\n',
  )
  assert.equal(await ok(3, ['cat', '--start', '5', '--end', '9', '/public/a/b/text']), 'text')
  await fails(1, ['rm', '/public/a'], { code: 6, says: /rm -r/ })
  await ok(1, ['rm', '-r', '/public/a'])
  await fails(1, ['stat', '/public/a'], { code: 3, says: /does not exist/ })
  await fails(1, ['rm', '/public/a'], { code: 3, says: /does not exist/ })
  await ok(1, ['rm', '-f', '/public/a'])
})

test('cli: folders go in and come out whole, names and bytes', async () => {
  const source = join(folder, 'tree')
  await mkdir(join(source, 'sub/empty'), { recursive: true })
  const contents: Record<string, Uint8Array> = {
    'a.txt': Buffer.from('a'),
    'sub/ümläut & space.bin': randomBytes(100_000),
    'sub/zero': new Uint8Array(0),
    'sub/large': randomBytes(3_000_000),
  }
  for (const [name, bytes] of Object.entries(contents)) await writeFile(join(source, name), bytes)
  await fails(1, ['put', 'tree', '/public/'], { code: 2, says: /-r copies it/ })
  assert.match(await ok(1, ['put', '-r', 'tree', '/public/']), /4 files, 3\.1 MB/)
  assert.deepEqual(lines(await ok(2, ['ls', '/public/tree/sub'])).length, 4)
  await fails(1, ['get', '/public/tree', '.'], { code: 2, says: /-r copies it/ })
  await ok(3, ['get', '-r', '/public/tree', 'back'])
  for (const [name, bytes] of Object.entries(contents)) {
    assert.equal(sha256(await readFile(join(folder, 'back', name))), sha256(bytes), name)
  }
  assert.deepEqual(await readdir(join(folder, 'back/sub/empty')), [])
  // Once more: what is there is replaced.
  await writeFile(join(source, 'a.txt'), 'changed')
  await ok(1, ['put', '-r', 'tree', '/public/'])
  assert.equal(await ok(2, ['cat', '/public/tree/a.txt']), 'changed')
  await ok(1, ['rm', '-r', '/public/tree'])
})

test('cli: - is standard input and standard output', async () => {
  const input = randomBytes(2_500_000)
  await ok(1, ['put', '-', '/public/piped'], { input })
  await fails(1, ['put', '-', '/public/'], { code: 2, says: /a path with a name/ }, { input })
  const program = startProgram('src/cli/main.ts', ['get', '/public/piped', '-'], {
    cwd: folder,
    env: { UNOSYS_API: world.api(2), UNOSYS_TOKEN: world.token },
    cleanup,
  })
  const chunks: Buffer[] = []
  program.child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
  assert.equal((await program.finished).code, 0)
  assert.equal(sha256(Buffer.concat(chunks)), sha256(input))
})

test('cli: --json gives one object on a line, for results and failures, before or after the command', async () => {
  await writeFile(join(folder, 'j'), 'json')
  const put = JSON.parse(await ok(1, ['put', 'j', '/public/j', '--json']))
  assert.deepEqual([put.path, put.size, put.source], ['/public/j', 4, 'j'])
  assert.equal(JSON.parse(await ok(2, ['--json', 'stat', '/public/j'])).etag, put.etag)
  const listed = lines(await ok(3, ['ls', '--json', '/public'])).map((line) => JSON.parse(line))
  assert(listed.some(({ name }) => name === 'j'))
  assert.equal(
    JSON.parse(await ok(4, ['mv', '--json', '/public/j', '/public/k'])).path,
    '/public/k',
  )
  const got = JSON.parse(await ok(4, ['get', '--json', '/public/k', 'k']))
  assert.equal(got.local, 'k')
  assert.deepEqual(JSON.parse(await ok(1, ['rm', '--json', '/public/k'])), {
    event: 'removed',
    path: '/public/k',
  })
  const { code, stdout, stderr } = await cli(1, ['stat', '--json', '/public/none'])
  const failure = JSON.parse(stdout)
  assert.deepEqual([code, failure.exitCode, failure.code], [3, 3, 'filesystem/not-found'])
  assert.equal(stderr, '')
  assert.equal(JSON.parse(await ok(1, ['mkdir', '--json', '/public/jd'])).kind, 'directory')
  assert.equal(JSON.parse(await ok(1, ['status', '--json'])).product, 'unosys')
})

test('cli: creation options reach the file', async () => {
  await writeFile(join(folder, 'c'), randomBytes(300_000))
  await ok(1, ['put', '--block-size', '128K', '--replicas', '2', 'c', '/public/c'])
  const info = JSON.parse(await ok(1, ['stat', '--json', '--blocks', '/public/c']))
  assert.deepEqual([info.blockBytes, info.replicas, info.blocks.length], [131_072, 2, 3])
  await fails(1, ['put', '--block-size', '100K', 'c', '/public/d'], {
    code: 2,
    says: /power of two/,
  })
  await fails(1, ['put', '--replicas', '9', 'c', '/public/d'], { code: 2, says: /from 1 to 4/ })
  await fails(1, ['put', '--block-size', 'huge', 'c', '/public/d'], {
    code: 2,
    says: /65536, 64K or 1M/,
  })
  await fails(1, ['put', '--no-replace', 'c', '/public/c'], { code: 6, says: /./ })
  await ok(1, ['mkdir', '--volume', '--replicas', '1', '/cli-volume'])
  await ok(1, ['put', 'c', '/cli-volume/'])
  assert.equal(JSON.parse(await ok(1, ['stat', '--json', '/cli-volume/c'])).replicas, 1)
})

test('cli: of several things, those that can be done are done, and the exit code tells of the others', async () => {
  await writeFile(join(folder, 'one'), '1')
  await writeFile(join(folder, 'three'), '3')
  const { code, stderr } = await cli(1, ['put', 'one', 'two', 'three', '/public/'])
  assert.equal(code, 3)
  assert.match(stderr, /two: no such file or folder on this machine/)
  assert.equal(await ok(2, ['cat', '/public/one', '/public/three']), '13')
  await fails(1, ['put', 'one', 'three', '/public/one'], { code: 2, says: /not a directory/ })
})

test('cli: a file here is replaced only when all of the new one has come', async () => {
  const local = join(folder, 'precious')
  await writeFile(local, 'precious')
  await fails(1, ['get', '/public/none', 'precious'], { code: 3, says: /does not exist/ })
  assert.equal(await readFile(local, 'utf8'), 'precious')
  const content = randomBytes(40_000_000)
  await world.client(1).write('/public/forty', content)
  const program = startProgram('src/cli/main.ts', ['get', '/public/forty', 'precious'], {
    cwd: folder,
    env: { UNOSYS_API: world.api(2), UNOSYS_TOKEN: world.token },
    cleanup,
  })
  await waitFor('bytes have come', async () =>
    (await readdir(folder)).some((name) => name.endsWith('.part')),
  )
  program.child.kill('SIGINT')
  const { code } = await program.finished
  if (code !== 0) {
    assert.equal(code, 130)
    assert.equal(await readFile(local, 'utf8'), 'precious')
  }
  assert(!(await readdir(folder)).some((name) => name.endsWith('.part')))
})

test('cli: a reader that has seen enough ends it without an error', async () => {
  await world.client(1).write('/public/much', randomBytes(8_000_000))
  const program = startProgram('src/cli/main.ts', ['cat', '/public/much'], {
    cwd: folder,
    env: { UNOSYS_API: world.api(1), UNOSYS_TOKEN: world.token },
    cleanup,
  })
  program.child.stdout?.once('data', () => program.child.stdout?.destroy())
  const { code, stderr } = await program.finished
  assert.deepEqual([code, stderr], [0, ''])
})

test('cli: status tells people how the world is', async () => {
  const text = await ok(1, ['status'])
  assert.match(text, /^Processor 1 \(member\) of world [0-9a-f]{16}…: ready/)
  assert.match(text, /4 of 4 members reachable, 3 needed/)
  assert.match(text, /1 +member +this one/)
})

test('cli: names cannot command the terminal', async () => {
  await world.client(1).write('/public/odd/\u001b[31mred\n', 'x', { parents: true })
  const text = await ok(1, ['ls', '/public/odd'])
  assert(!text.includes('\u001b'))
  assert.equal(lines(text).length, 1)
})

test('cli: rm -r of the root, or of what every world has, is refused before anything is gone', async () => {
  await world.client(1).write('/public/kept/file', 'x', { parents: true })
  for (const path of ['/', '//', '/public', '/public/', '/home', '/apps']) {
    await fails(1, ['rm', '-r', '/public/kept', path], { code: 2, says: /cannot be|stays/ })
  }
  assert.equal(await ok(2, ['cat', '/public/kept/file']), 'x')
})

test('cli: wrong use is exit code 2 and points to the help', async () => {
  const cases = [
    ['nonsense'],
    ['put'],
    ['put', 'one'],
    ['ls', 'public'],
    ['ls', '--nope'],
    ['mv', '/a'],
  ]
  for (const args of cases) await fails(1, args, { code: 2, says: /--help/ })
})

test('cli: every command has help with examples; --version prints the version', async () => {
  const { stdout } = await cli(1, ['--help'])
  for (const name of [
    'world',
    'processor',
    'status',
    'ls',
    'mkdir',
    'put',
    'get',
    'cat',
    'stat',
    'mv',
    'rm',
  ]) {
    assert.match(stdout, new RegExp(`^ {2}${name}\\b`, 'm'))
  }
  const commands = ['status', 'ls', 'mkdir', 'put', 'get', 'cat', 'stat', 'mv', 'rm']
  const all = [
    ...commands.map((name) => [name]),
    ['world', 'up'],
    ['world', 'create'],
    ['processor', 'start'],
  ]
  for (const args of all) {
    const help = await cli(1, [...args, '--help'])
    assert.equal(help.code, 0)
    assert.match(help.stdout, /Examples?:\n {2}\S/, args.join(' '))
  }
  const manifest = JSON.parse(
    await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
  )
  assert.equal((await cli(1, ['--version'])).stdout.trim(), manifest.version)
})

test('cli: world create makes folders that processor start needs nothing else for', async () => {
  const out = join(folder, 'created')
  const made = JSON.parse(
    await ok(1, ['world', 'create', '--nodes', '1', '--out', out, '--port', '0', '--json']),
  )
  assert.deepEqual(
    made.processors.map(({ n, role }: { n: number; role: string }) => ({ n, role })),
    [{ n: 1, role: 'member' }],
  )
  // Only because a world of this machine may have the port that new worlds are given.
  const linkAddress = `127.0.0.1:${(await freePorts(1, 30_300, []))[0]}`
  const program = startProgram(
    'src/cli/main.ts',
    ['processor', 'start', '--data', `${out}/1`, '--link-address', linkAddress, '--json'],
    { cleanup },
  )
  const { api } = await program.event('ready')
  const token = (await readFile(made.tokenFile, 'utf8')).trim()
  const env = { UNOSYS_API: api, UNOSYS_TOKEN: token }
  await waitFor(
    'it is ready',
    async () => JSON.parse((await cli(1, ['status', '--json'], { env })).stdout).ready,
  )
  await ok(1, ['put', '-', '/public/one'], { env, input: 'created' })
  assert.equal(await ok(1, ['cat', '/public/one'], { env }), 'created')
  program.child.kill('SIGTERM')
  assert.equal((await program.finished).code, 0)
  await fails(1, ['world', 'create', '--out', out], { code: 6, says: /a world already/ })
  await fails(1, ['processor', 'start', '--data', join(folder, 'none')], {
    code: 3,
    says: /world create/,
  })
})
