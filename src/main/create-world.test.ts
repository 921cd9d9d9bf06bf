import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { fastCrypto } from '../../test/conformance/keys-fixture.ts'
import { createFileKeyring } from '../adapters/file-keyring.ts'
import { toHex } from '../base/bytes.ts'
import { isUnosysError, messageOf } from '../base/error.ts'
import { openUser, parseToken } from '../kernel/users/index.ts'
import type { Clock } from '../ports/clock.ts'
import { SimRandom } from '../simulator/sim-random.ts'
import { type CreateWorldOptions, createWorld } from './create-world.ts'
import { readLine, readProcessor, readWorld } from './read-world.ts'
import { processorFolder, processorPaths, unfinishedPath, worldPaths } from './world-format.ts'

const root = await mkdtemp(join(tmpdir(), 'unosys-create-world-'))
after(() => rm(root, { recursive: true }))
const hasPosixRights = process.platform !== 'win32'
const isRoot = process.getuid?.() === 0

const clock: Clock = {
  monotonicMs: () => 0,
  wallMs: () => 1_700_000_000_000,
  after: () => () => undefined,
}
let count = 0
const freshFolder = (): string => join(root, `world-${count++}`)
const optionsOf = (more: Partial<CreateWorldOptions> = {}): CreateWorldOptions => ({
  outFolder: freshFolder(),
  nodeCount: 4,
  ports: { crypto: fastCrypto, random: new SimRandom('create'), clock },
  ...more,
})
const coded =
  (code: string, text?: string) =>
  (error: unknown): boolean =>
    isUnosysError(error, code) && messageOf(error).includes(text ?? '')

/** All files below a folder, by path from it. */
async function filesIn(folder: string): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>()
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    found.set(path.slice(folder.length + 1), await readFile(path))
  }
  return found
}

const whole = optionsOf()
const created = await createWorld(whole)

test('create world: told to stop, it leaves nothing', async () => {
  const stop = new AbortController()
  const outFolder = join(freshFolder(), 'inner')
  const reason = new Error('told to stop')
  const random = new SimRandom('stopped')
  // In the middle: when the keys are drawn, or later when files are written.
  const making = createWorld(
    optionsOf({ outFolder, signal: stop.signal, ports: { random, clock } }),
  )
  stop.abort(reason)
  await assert.rejects(making, reason)
  await assert.rejects(readdir(outFolder), { code: 'ENOENT' })
})

test('create world: a place where the system makes no folders ends it, with a sentence', async (t) => {
  if (process.platform !== 'linux') return t.skip('/proc is of Linux')
  const made = createWorld(optionsOf({ outFolder: '/proc/unosys/world' }))
  await assert.rejects(made, coded('world/unwritable', '/proc/unosys/world: no folder can be made'))
})

test('create world: one folder for each Processor, the world and its secrets beside them', async () => {
  assert.deepEqual([...(await filesIn(whole.outFolder)).keys()].sort(), [
    ...['1', '2', '3', '4'].flatMap((n) =>
      ['genesis', 'keyring', 'never-started', 'processor.json'].map((name) => join(n, name)),
    ),
    ...['passphrase', 'token', 'world.json'],
  ])
})

test('create world: secrets are for their owner only', async (t) => {
  if (!hasPosixRights) return t.skip('no such rights here')
  const { outFolder } = whole
  const secrets = ['token', 'passphrase', '1/keyring', '2/keyring', '3/keyring', '4/keyring']
  for (const name of secrets) {
    assert.equal((await stat(join(outFolder, name))).mode & 0o777, 0o600, name)
  }
  for (const name of ['.', '1']) {
    assert.equal((await stat(join(outFolder, name))).mode & 0o077, 0, name)
  }
})

test('create world: every Processor finds in its folder all that it needs, and nothing of others', async () => {
  const world = await readWorld(whole.outFolder)
  assert.equal(world.world, created.world)
  assert.equal(world.processors.length, 4)
  const genesis = new Set<string>()
  for (const { n, node, httpPort, linkAddress, role } of world.processors) {
    const files = await readProcessor(processorFolder(whole.outFolder, n))
    assert.deepEqual(
      [files.config.node, files.config.httpPort, files.config.linkAddress, files.config.role],
      [node, httpPort, linkAddress, role],
    )
    assert.deepEqual(
      files.config.peers.map((peer) => peer.n),
      [1, 2, 3, 4].filter((other) => other !== n),
    )
    for (const peer of files.config.peers) {
      const other = world.processors.find((each) => each.n === peer.n)
      assert.deepEqual([peer.node, peer.address], [other?.node, other?.linkAddress])
    }
    const keys = await createFileKeyring(files.keyringPath).load()
    assert.equal(toHex(fastCrypto.signKeyPair(keys.nodeSeed).publicKey), node)
    genesis.add(toHex(files.genesisBytes))
  }
  assert.equal(genesis.size, 1)
})

test('create world: a Processor’s folder works at another place', async () => {
  const moved = freshFolder()
  await cp(processorFolder(whole.outFolder, 2), moved, { recursive: true })
  assert.equal((await readProcessor(moved)).config.n, 2)
})

test('create world: ports count up, or are given', async () => {
  const { processors } = created.config
  assert.deepEqual(
    processors.map(({ httpPort }) => httpPort),
    [7300, 7301, 7302, 7303],
  )
  assert.deepEqual(
    processors.map(({ linkAddress }) => linkAddress),
    ['127.0.0.1:7400', '127.0.0.1:7401', '127.0.0.1:7402', '127.0.0.1:7403'],
  )
  const given = await createWorld(
    optionsOf({ nodeCount: 2, httpPorts: [0, 0], linkAddresses: ['[::1]:5', 'a.example:6'] }),
  )
  assert.deepEqual(
    given.config.processors.map(({ httpPort, linkAddress }) => [httpPort, linkAddress]),
    [
      [0, '[::1]:5'],
      [0, 'a.example:6'],
    ],
  )
})

test('create world: token and passphrase are those of the owner', async () => {
  const { genesis } = await readProcessor(processorFolder(whole.outFolder, 1))
  const [user, token] = genesis.principals
  assert.ok(user)
  assert.equal(parseToken(await readLine(created.tokenFile))?.principal, token?.principal)
  const keys = await openUser(fastCrypto, user, await readLine(created.passphraseFile))
  assert.equal(keys?.principal, user.principal)
})

test('create world: 1 to 16 Processors, with the group and replicas that they allow', async () => {
  for (let nodeCount = 1; nodeCount <= 16; nodeCount++) {
    const options = optionsOf({ nodeCount })
    const { config } = await createWorld(options)
    const members = config.processors.filter(({ role }) => role === 'member').length
    assert.equal(members, 3 * Math.floor((nodeCount - 1) / 3) + 1)
    const { genesis } = await readProcessor(processorFolder(options.outFolder, nodeCount))
    assert.equal(genesis.defaultReplicas, Math.min(3, nodeCount))
  }
})

test('create world: a seed makes the same files, without one all differ', async () => {
  const again = optionsOf()
  await createWorld(again)
  assert.deepEqual(await filesIn(again.outFolder), await filesIn(whole.outFolder))
  const real = optionsOf({ ports: { crypto: fastCrypto } })
  assert.notEqual((await createWorld(real)).world, created.world)
})

test('create world: numbers and addresses that no world can have are refused, nothing is written', async () => {
  const wrongs: Partial<CreateWorldOptions>[] = [
    ...[0, 17, -1, 1.5, Number.NaN].map((nodeCount) => ({ nodeCount })),
    ...[0, 5, 2.5].map((defaultReplicas) => ({ defaultReplicas })),
    ...['', 'x'.repeat(65), '\ud800'].map((name) => ({ name })),
    ...[-1, 65_534, 1.5].map((httpPort) => ({ httpPort })),
    { linkPort: 65_534 },
    { httpPorts: [1, 2, 3] },
    { httpPorts: [1, 2, 3, 3] },
    { linkAddresses: ['a:1', 'b:1', 'c:1', 'c:1'] },
    { linkAddresses: ['a:1', 'b:1', 'c:1', 'no port'] },
  ]
  for (const wrong of wrongs) {
    const options = optionsOf(wrong)
    await assert.rejects(createWorld(options), coded('world/bad-argument'), JSON.stringify(wrong))
    await assert.rejects(stat(options.outFolder), /ENOENT/)
  }
})

test('create world: where a world is, none is written, and nothing of it changes', async () => {
  const before = await filesIn(whole.outFolder)
  const options = optionsOf({ outFolder: whole.outFolder, nodeCount: 1 })
  await assert.rejects(createWorld(options), coded('world/exists', whole.outFolder))
  assert.deepEqual(await filesIn(whole.outFolder), before)
})

test('create world: a folder with other things is left alone', async () => {
  const options = optionsOf()
  await mkdir(options.outFolder)
  await writeFile(join(options.outFolder, 'letter.txt'), 'dear')
  await assert.rejects(createWorld(options), coded('world/not-empty'))
  const file = optionsOf()
  await writeFile(file.outFolder, 'a file')
  await assert.rejects(createWorld(file), coded('world/unwritable'))
})

test('create world: an empty folder that is there already is used', async () => {
  const options = optionsOf({ nodeCount: 1 })
  await mkdir(options.outFolder)
  await createWorld(options)
  assert.equal((await readWorld(options.outFolder)).processors.length, 1)
})

test('create world: a half-written world is known for one, by readers and by the next creation', async () => {
  const options = optionsOf({ nodeCount: 1 })
  await createWorld(options)
  const { config } = worldPaths(options.outFolder)
  await writeFile(unfinishedPath(options.outFolder), await readFile(config))
  await rm(config)
  await assert.rejects(readWorld(options.outFolder), coded('world/incomplete'))
  await assert.rejects(createWorld(options), coded('world/incomplete', 'remove the folder'))
})

test('create world: two at once: one world, and the other is told', async () => {
  const outFolder = freshFolder()
  const seeds = ['one', 'two']
  const tries = seeds.map((seed) =>
    createWorld(
      optionsOf({ outFolder, ports: { crypto: fastCrypto, random: new SimRandom(seed), clock } }),
    ),
  )
  const ends = await Promise.allSettled(tries)
  const good = ends.filter(({ status }) => status === 'fulfilled')
  assert.equal(good.length, 1)
  const { world, processors } = await readWorld(outFolder)
  for (const { n } of processors) {
    const { config } = await readProcessor(processorFolder(outFolder, n))
    assert.equal(config.world, world)
  }
})

test('create world: a folder without rights is told, and nothing is left', async (t) => {
  if (!hasPosixRights || isRoot) return t.skip('file rights do not bind this user')
  const parent = freshFolder()
  await mkdir(parent, { mode: 0o500 })
  const options = optionsOf({ outFolder: join(parent, 'world') })
  await assert.rejects(createWorld(options), coded('world/unwritable'))
  await chmod(parent, 0o700)
  assert.deepEqual(await readdir(parent), [])
})

test('read world: no world, another version and damage are told apart', async () => {
  await assert.rejects(readWorld(freshFolder()), coded('world/missing'))
  const options = optionsOf({ nodeCount: 1 })
  await createWorld(options)
  const { config } = worldPaths(options.outFolder)
  const text = await readFile(config, 'utf8')
  const tries: [string, string][] = [
    [text.replace('"format": 1', '"format": 2'), 'world/other-version'],
    ['{"format": 7}', 'world/other-version'],
    ['', 'world/malformed'],
    ['{', 'world/malformed'],
    ['[]', 'world/malformed'],
    ['null', 'world/malformed'],
    ['{"format": "1"}', 'world/malformed'],
    [text.replace('"member"', '"king"'), 'world/malformed'],
    [text.replace('"n": 1', '"n": 0'), 'world/malformed'],
    [text.replace('"n": 1', '"n": 1, "more": 1'), 'world/malformed'],
    [text.replace(/"world": "../, '"world": "zz'), 'world/malformed'],
    [text.replace('127.0.0.1:7400', '127.0.0.1'), 'world/malformed'],
    [text.replace('7300', '70000'), 'world/malformed'],
    [' '.repeat(70_000), 'world/malformed'],
  ]
  for (const [content, code] of tries) {
    await writeFile(config, content)
    await assert.rejects(readWorld(options.outFolder), coded(code, config), content.slice(0, 80))
  }
  await writeFile(config, Buffer.from([0xff, 0xfe]))
  await assert.rejects(readWorld(options.outFolder), coded('world/malformed'))
})

test('read Processor: a changed byte of the genesis document is noticed, each of them', async () => {
  const folder = freshFolder()
  await cp(processorFolder(whole.outFolder, 1), folder, { recursive: true })
  const { genesis } = processorPaths(folder)
  const bytes = await readFile(genesis)
  for (let at = 0; at < bytes.length; at += 97) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 1
    await writeFile(genesis, changed)
    await assert.rejects(readProcessor(folder), coded('world/malformed', genesis))
  }
  await rm(genesis)
  await assert.rejects(readProcessor(folder), coded('world/missing', genesis))
})

test('read Processor: one that the document does not know, or knows otherwise, is refused', async () => {
  const folder = freshFolder()
  await cp(processorFolder(whole.outFolder, 1), folder, { recursive: true })
  const { config } = processorPaths(folder)
  const text = await readFile(config, 'utf8')
  const { node } = JSON.parse(text) as { node: string }
  for (const wrong of [
    text.replace(`"node": "${node}"`, `"node": "${'ab'.repeat(32)}"`),
    text.replace('"role": "member"', '"role": "storage"'),
  ]) {
    assert.notEqual(wrong, text)
    await writeFile(config, wrong)
    await assert.rejects(readProcessor(folder), coded('world/malformed', config))
  }
})

test('create world: runs under the flags of a Processor', async () => {
  const outFolder = freshFolder()
  const flags = [
    ...['--disallow-code-generation-from-strings', '--disable-proto=delete'],
    `--import=${new URL('../adapters/frozen-builtins.ts', import.meta.url).href}`,
    ...['--disable-sigusr1', '--no-warnings'],
  ]
  const script = `
    import { createWorld } from './create-world.ts'
    import { readProcessor, readWorld } from './read-world.ts'
    const { outFolder } = JSON.parse(process.env['WORLD_OPTIONS'])
    const created = await createWorld({ outFolder, nodeCount: 2 })
    await readWorld(outFolder)
    await readProcessor(outFolder + '/2')
    process.stdout.write(created.world)
  `
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...flags, '--input-type=module-typescript', '--eval', script],
    {
      cwd: import.meta.dirname,
      env: { ...process.env, WORLD_OPTIONS: JSON.stringify({ outFolder }) },
      timeout: 30_000,
    },
  )
  assert.equal(stdout, (await readWorld(outFolder)).world)
})
