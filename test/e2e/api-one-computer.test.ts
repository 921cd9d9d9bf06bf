/** The world as one computer: every Processor gives the same answers, and shows no network. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { cleanupOf, temporaryFolder } from './folders.ts'
import { bearer, rawRequest, request } from './http.ts'
import { startWorld, type TestWorld } from './world.ts'

const run = promisify(execFile)
const cleanup = cleanupOf({ after })
const nodes = [1, 2, 3, 4] as const
let world: TestWorld

before(async () => {
  world = await startWorld({ cleanup })
})

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Bytes that differ everywhere, the same in each run. */
function bytesOf(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = 12_345
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[index] = state >>> 24
  }
  return bytes
}

test('C17: create, open, read, write and delete, from every Processor what any other made', async () => {
  for (const maker of nodes) {
    const path = `/public/made-by-${maker}`
    await world.client(maker).write(path, `by ${maker}\n`)
    for (const reader of nodes) {
      const read = await world.client(reader).readAll(path)
      assert.equal(textOf(read), `by ${maker}\n`, `${reader} reads what ${maker} made`)
    }
    let expected = `by ${maker}\n`
    for (const writer of nodes) {
      await world.client(writer).append(path, `and ${writer}\n`)
      expected += `and ${writer}\n`
      const reader = (writer % 4) + 1
      const read = textOf(await world.client(reader).readAll(path))
      assert.equal(read, expected, `${reader} reads what ${writer} wrote`)
    }
    const remover = (maker % 4) + 1
    await world.client(remover).remove(path)
    for (const reader of nodes) assert.equal(await world.client(reader).exists(path), false)
  }
})

test('C18: a path leads to the same bytes and the same facts at every Processor', async () => {
  const content = bytesOf(3 * 1024 * 1024 + 17)
  const written = await world.client(1).write('/public/same.bin', content)
  for (const n of nodes) {
    const client = world.client(n)
    assert.equal(sha256(await client.readAll('/public/same.bin')), sha256(content))
    assert.deepEqual(await client.stat('/public/same.bin'), written)
  }
})

test('C1: the tree looks the same from every Processor', async () => {
  const client = world.client(2)
  for (const path of ['/public/t', '/public/t/a', '/public/t/b']) await client.mkdir(path)
  for (const name of ['a/1', 'a/2', 'b/1']) await client.write(`/public/t/${name}`, name)
  const treeOf = async (n: number, path: string): Promise<string[]> => {
    const lines: string[] = []
    for await (const entry of world.client(n).list(path)) {
      lines.push(`${entry.path} ${entry.kind} ${entry.etag} ${entry.size}`)
      if (entry.kind !== 'file') lines.push(...(await treeOf(n, entry.path)))
    }
    return lines.sort()
  }
  const tree = await treeOf(1, '/')
  assert(tree.some((line) => line.startsWith('/public/t/a/2 file')))
  for (const n of [2, 3, 4]) assert.deepEqual(await treeOf(n, '/'), tree)
})

test('C1: no answer holds an address, port or name of another Processor', async () => {
  await world.client(1).write('/public/c1', 'x')
  const answers = await Promise.all(
    [
      { path: '/v1/status' },
      { path: '/v1/openapi.json' },
      { path: '/v1/files/' },
      { path: '/v1/files/public/c1' },
      { path: '/v1/files/public/c1?view=info' },
      { path: '/v1/files/public/c1?view=blocks' },
      { path: '/v1/files/none' },
      { path: '/v1/files/public/c1', method: 'HEAD' },
      { path: '/v1/files/public/c1', method: 'PUT', body: 'y' },
    ].map((given) => request(world, 1, given)),
  )
  const { readFile } = await import('node:fs/promises')
  const config = JSON.parse(await readFile(join(world.folder, 'world.json'), 'utf8'))
  const secrets: string[] = []
  for (const { n, linkAddress, node } of config.processors) {
    secrets.push(linkAddress, String(linkAddress).split(':')[1] ?? '', node)
    if (n !== 1) secrets.push(new URL(world.api(n)).port)
  }
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { address, internal } of addresses ?? []) if (!internal) secrets.push(address)
  }
  for (const { text, headers, status } of answers) {
    const whole = `${JSON.stringify(headers)}\n${text}`
    for (const secret of secrets) {
      // A port is a short number: it must not stand alone in an answer.
      const found = new RegExp(`(?<![\\w.])${secret.replaceAll('.', '\\.')}(?![\\w])`).test(whole)
      assert(!found, `an answer of ${status} holds ${secret}: ${whole.slice(0, 300)}`)
    }
  }
})

test('C6: the API listens on 127.0.0.1 and nowhere else', async () => {
  const { port } = new URL(world.api(1))
  const others = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ address, family }) => family === 'IPv4' && address !== '127.0.0.1')
    .map(({ address }) => address)
  // Loopback is a whole network: another address of it stands for one of another machine.
  for (const address of [...others, '127.0.0.2']) {
    const call = rawRequest(`http://${address}:${port}`, { path: '/v1/status' })
    await assert.rejects(call, /ECONNREFUSED|EADDRNOTAVAIL|EHOSTUNREACH|ENETUNREACH/, address)
  }
})

test('C6: a foreign Host or Origin is refused, with the token too', async () => {
  const { host } = new URL(world.api(1))
  const path = '/v1/status'
  const foreign: Record<string, string>[] = [
    { host: 'evil.example' },
    { host: `evil.example:${new URL(world.api(1)).port}` },
    { host: '192.168.1.5' },
    { host, origin: 'https://evil.example' },
    { host, origin: 'null' },
    { host, origin: 'http://127.0.0.1:1' },
    { host, 'sec-fetch-site': 'cross-site' },
  ]
  for (const headers of foreign) {
    const answer = await request(world, 1, { path, headers })
    assert.equal(answer.status, 403, JSON.stringify(headers))
    assert.match(answer.json.code, /^api\/foreign-(host|origin)$/)
  }
  const own = await request(world, 1, { path, headers: { host, origin: `http://${host}` } })
  assert.equal(own.status, 200)
})

test('token: without one, or with a wrong one, every route says 401 and nothing else', async () => {
  await world.client(1).write('/public/secret', 'x')
  const flipped = world.token.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'))
  const tokens: (Record<string, string> | undefined)[] = [
    {},
    { authorization: 'Bearer ' },
    { authorization: 'Bearer nonsense' },
    { authorization: `Bearer ${flipped}` },
    { authorization: `Basic ${Buffer.from('a:b').toString('base64')}` },
    { authorization: `Bearer ${'x'.repeat(2_000)}` },
  ]
  const requests = [
    { path: '/v1/status' },
    { path: '/v1/openapi.json' },
    { path: '/v1/files/public/secret' },
    { path: '/v1/files/public/not-there' },
    { path: '/v1/files/public/new', method: 'PUT', body: 'x' },
    { path: '/v1/files/public/secret', method: 'DELETE' },
  ]
  for (const headers of tokens) {
    for (const given of requests) {
      const answer = await rawRequest(world.api(1), { ...given, ...(headers && { headers }) })
      const wanted = answer.status === 429 ? 429 : 401
      assert.equal(answer.status, wanted, `${given.path} ${JSON.stringify(headers)}`)
      if (wanted === 401) {
        assert.equal(answer.json.code, 'users/unauthenticated')
        assert.match(String(answer.headers['www-authenticate']), /^Bearer/)
      }
    }
  }
  assert.equal(textOf(await world.client(2).readAll('/public/secret')), 'x')
  assert.equal(await world.client(2).exists('/public/new'), false)
})

test('token: good at every Processor', async () => {
  for (const n of nodes) {
    const answer = await request(world, n, { path: '/v1/status' })
    assert.equal(answer.status, 200)
    assert.equal(answer.json.n, n)
  }
})

test('C8: the document that the Processor serves has all that it does', async () => {
  const { json: document } = await request(world, 1, { path: '/v1/openapi.json' })
  assert.equal(document.openapi, '3.1.0')
  const verbs = Object.values(document.paths as Record<string, object>).flatMap((item) =>
    Object.keys(item).filter((key) => ['get', 'head', 'put', 'patch', 'delete'].includes(key)),
  )
  assert.equal(verbs.length, 7)
})

/** A program of this machine, or why the test cannot use it. */
async function missing(program: string): Promise<string | undefined> {
  try {
    await run(program, ['--version'])
    return undefined
  } catch {
    return `${program} is not on this machine`
  }
}

test('C7: curl alone stores, reads, lists, changes and removes', async (t) => {
  const reason = await missing('curl')
  if (reason !== undefined) return t.skip(reason)
  const folder = await temporaryFolder(cleanup)
  const { writeFile } = await import('node:fs/promises')
  await writeFile(join(folder, 'rc'), `header = "Authorization: Bearer ${world.token}"\n`)
  await writeFile(join(folder, 'file'), 'from curl')
  const curl = async (...args: string[]): Promise<string> =>
    (await run('curl', ['-sS', '--fail-with-body', '-K', join(folder, 'rc'), ...args])).stdout
  const at = (n: number, path: string): string => `${world.api(n)}/v1/files${path}`
  await curl('-T', join(folder, 'file'), at(1, '/public/curl.txt'))
  assert.equal(await curl(at(3, '/public/curl.txt')), 'from curl')
  assert.equal(await curl('-r', '5-8', at(3, '/public/curl.txt')), 'curl')
  assert.match(await curl(at(2, '/public/')), /"curl\.txt"/)
  assert.match(await curl('-I', at(2, '/public/curl.txt')), /content-length: 9/i)
  await curl('-X', 'PATCH', '--data-binary', ', more', `${at(4, '/public/curl.txt')}?at=end`)
  assert.equal(await curl(at(1, '/public/curl.txt')), 'from curl, more')
  const rename = '{"op":"rename","to":"/public/curled.txt"}'
  await curl(
    '-X',
    'PATCH',
    '-H',
    'content-type: application/json',
    '-d',
    rename,
    at(1, '/public/curl.txt'),
  )
  await curl('-X', 'DELETE', at(2, '/public/curled.txt'))
  await assert.rejects(curl(at(1, '/public/curled.txt')), /error: 404/)
})

test('C7: Python with its standard library alone does the same', async (t) => {
  const reason = await missing('python3')
  if (reason !== undefined) return t.skip(reason)
  const script = `
import json, os, sys, urllib.request
api, other = sys.argv[1], sys.argv[2]
def call(base, method, path, body=None, **headers):
    request = urllib.request.Request(base + path, data=body, method=method)
    request.add_header('Authorization', 'Bearer ' + os.environ['TOKEN'])
    for name, value in headers.items(): request.add_header(name, value)
    with urllib.request.urlopen(request) as answer: return answer.read()
call(api, 'PUT', '/v1/files/public/python.txt', b'from python')
assert call(other, 'GET', '/v1/files/public/python.txt') == b'from python'
assert call(other, 'GET', '/v1/files/public/python.txt', Range='bytes=5-10') == b'python'
names = [entry['name'] for entry in json.loads(call(other, 'GET', '/v1/files/public/'))['entries']]
assert 'python.txt' in names
call(other, 'DELETE', '/v1/files/public/python.txt')
print('done')
`
  const { stdout } = await run('python3', ['-c', script, world.api(1), world.api(2)], {
    env: { ...process.env, TOKEN: world.token, no_proxy: '*' },
  })
  assert.equal(stdout.trim(), 'done')
})

test('C9: an application is a process of its own and uses files here and there in one run', async () => {
  const folder = await temporaryFolder(cleanup)
  const script = `
    import { readFile, writeFile } from 'node:fs/promises'
    const [api, local] = process.argv.slice(1)
    const headers = { authorization: 'Bearer ' + process.env.TOKEN }
    await writeFile(local, 'native')
    const url = api + '/v1/files/public/mixed.txt'
    await fetch(url, { method: 'PUT', headers, body: await readFile(local) })
    const stored = await (await fetch(url, { headers })).text()
    await writeFile(local, stored + ' and stored')
    console.log(await readFile(local, 'utf8'))
  `
  const args = ['--input-type=module', '-e', script, world.api(1), join(folder, 'local.txt')]
  const { stdout } = await run(process.execPath, args, {
    env: { ...process.env, TOKEN: world.token },
  })
  assert.equal(stdout.trim(), 'native and stored')
})

test('C21: a file of 1 MiB has 16 blocks of 64 KiB, C23: as many distinct holders as asked for', async () => {
  const client = world.client(1)
  for (const replicas of [1, 2, 3, 4]) {
    const path = `/public/r${replicas}`
    const info = await client.write(path, bytesOf(1024 * 1024), { replicas })
    assert.equal(info.replicas, replicas)
    const { blockCount, blocks } = await client.blockMap(path)
    assert.equal(blockCount, 16)
    assert.equal(new Set(blocks.map(({ id }) => id)).size, 16)
    for (const { holders } of blocks) {
      assert.equal(holders.length, replicas)
      assert.equal(new Set(holders).size, replicas)
    }
  }
})

test('C22: files of 4 KiB, 64 KiB and 1 MiB blocks stand side by side', async () => {
  const content = bytesOf(2 * 1024 * 1024)
  for (const [blockBytes, count] of [
    [4_096, 512],
    [65_536, 32],
    [1_048_576, 2],
  ] as const) {
    const path = `/public/b${blockBytes}`
    const info = await world.client(1).write(path, content, { blockBytes })
    assert.equal(info.blockBytes, blockBytes)
    assert.equal((await world.client(2).blockMap(path)).blockCount, count)
    assert.equal(sha256(await world.client(3).readAll(path)), sha256(content))
  }
})

test('C14: volumes are made, listed, used with their defaults, and removed', async () => {
  const made = await world.client(1).makeVolume('/films', { blockBytes: 1_048_576, replicas: 2 })
  assert.equal(made.kind, 'volume')
  const info = await world.client(2).write('/films/a/b', 'x', { parents: true })
  assert.deepEqual([info.blockBytes, info.replicas], [1_048_576, 2])
  const names: string[] = []
  for await (const { name, kind } of world.client(3).list('/'))
    if (kind === 'volume') names.push(name)
  assert(names.includes('films') && names.includes('public'))
  for (const path of ['/films/a/b', '/films/a', '/films']) await world.client(4).remove(path)
  assert.equal(await world.client(1).exists('/films'), false)
})

test('the headers that curl is given never reach a log', async () => {
  const { readFile } = await import('node:fs/promises')
  await request(world, 1, { path: '/v1/files/public/some-private-name', headers: bearer(world) })
  for (const { data } of world.processors) {
    const log = await readFile(join(data, 'log'), 'utf8')
    assert(!log.includes(world.token) && !log.includes('some-private-name'))
  }
})
