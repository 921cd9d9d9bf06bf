/** Every verb of the HTTP API on real Processors, with what its headers promise. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { isApiError } from '../../src/sdk/index.ts'
import { cleanupOf } from './folders.ts'
import { request } from './http.ts'
import { startWorld, type TestWorld } from './world.ts'

const cleanup = cleanupOf({ after })
let world: TestWorld

before(async () => {
  world = await startWorld({ cleanup })
})

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const files = (path: string): string => `/v1/files${path}`

test('PUT says 201 for a new file and 200 for a replaced one, with its facts in headers', async () => {
  const first = await request(world, 1, { method: 'PUT', path: files('/public/put'), body: 'one' })
  assert.equal(first.status, 201)
  assert.equal(first.headers.location, files('/public/put'))
  assert.equal(first.headers['unosys-kind'], 'file')
  assert.equal(first.headers.etag, first.json.etag)
  const second = await request(world, 2, {
    method: 'PUT',
    path: files('/public/put'),
    body: 'two!',
  })
  assert.equal(second.status, 200)
  assert.equal(second.json.id, first.json.id)
  assert.notEqual(second.json.etag, first.json.etag)
  const read = await request(world, 3, { path: files('/public/put') })
  assert.deepEqual([read.status, read.text, read.headers.etag], [200, 'two!', second.json.etag])
})

test('GET: ranges of one file, as RFC 9110 has them', async () => {
  await world.client(1).write('/public/range', '0123456789')
  const path = files('/public/range')
  const cases: [string, number, string, string?][] = [
    ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
    ['bytes=4-', 206, '456789', 'bytes 4-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=-99', 206, '0123456789', 'bytes 0-9/10'],
    ['bytes=8-99', 206, '89', 'bytes 8-9/10'],
    ['bytes=5-2', 200, '0123456789'],
    ['lines=1-2', 200, '0123456789'],
    ['bytes=0-1,3-4', 200, '0123456789'],
  ]
  for (const [range, status, text, contentRange] of cases) {
    const answer = await request(world, 2, { path, headers: { range } })
    const seen = [answer.status, answer.text, answer.headers['content-range']]
    assert.deepEqual(seen, [status, text, contentRange], range)
  }
  for (const range of ['bytes=10-', 'bytes=99-100', 'bytes=-0']) {
    const answer = await request(world, 2, { path, headers: { range } })
    assert.equal(answer.status, 416, range)
    assert.equal(answer.headers['content-range'], 'bytes */10')
  }
})

test('GET: If-None-Match saves the way, If-Match and If-Range hold on to a version', async () => {
  const info = await world.client(1).write('/public/conditions', 'first version')
  const path = files('/public/conditions')
  const get = (headers: Record<string, string>): ReturnType<typeof request> =>
    request(world, 2, { path, headers })
  const unchanged = await get({ 'if-none-match': info.etag })
  assert.deepEqual([unchanged.status, unchanged.text], [304, ''])
  assert.equal((await get({ 'if-none-match': '"other"' })).status, 200)
  assert.equal((await get({ 'if-match': info.etag })).status, 200)
  assert.equal((await get({ 'if-match': '"other"' })).status, 412)
  assert.equal((await get({ range: 'bytes=0-4', 'if-range': info.etag })).text, 'first')
  const whole = await get({ range: 'bytes=0-4', 'if-range': '"other"' })
  assert.deepEqual([whole.status, whole.text], [200, 'first version'])
})

test('HEAD says what GET would, without the bytes', async () => {
  const info = await world.client(1).write('/public/head', 'twelve bytes')
  const answer = await request(world, 3, { method: 'HEAD', path: files('/public/head') })
  assert.equal(answer.status, 200)
  assert.equal(answer.body.length, 0)
  assert.equal(answer.headers['content-length'], '12')
  assert.equal(answer.headers.etag, info.etag)
  assert.equal(answer.headers['unosys-id'], info.id)
  const folder = await request(world, 3, { method: 'HEAD', path: files('/public') })
  assert.equal(folder.headers['unosys-kind'], 'volume')
  const none = await request(world, 3, { method: 'HEAD', path: files('/public/none') })
  assert.deepEqual([none.status, none.body.length], [404, 0])
})

test('PUT with If-None-Match: * creates and never replaces; with If-Match it replaces what was seen', async () => {
  const client = world.client(1)
  const info = await client.write('/public/cas', 'a', { ifNoneMatch: '*' })
  await assert.rejects(client.write('/public/cas', 'b', { ifNoneMatch: '*' }), (error) =>
    isApiError(error, 'filesystem/precondition'),
  )
  const next = await world.client(2).write('/public/cas', 'c', { ifMatch: info.etag })
  await assert.rejects(world.client(3).write('/public/cas', 'd', { ifMatch: info.etag }), (error) =>
    isApiError(error, 'filesystem/precondition'),
  )
  await assert.rejects(client.remove('/public/cas', { ifMatch: info.etag }), (error) =>
    isApiError(error, 'filesystem/precondition'),
  )
  assert.equal(textOf(await client.readAll('/public/cas')), 'c')
  await client.remove('/public/cas', { ifMatch: next.etag })
})

test('PATCH: inside, across blocks, beyond the end, at the end; truncate both ways', async () => {
  const client = world.client(1)
  const expected = new Uint8Array(200_000).fill(1)
  await client.write('/public/patch', expected.slice())
  const inner = randomBytes(70_000)
  await client.patch('/public/patch', inner, { at: 60_000 })
  expected.set(inner, 60_000)
  assert.equal(sha256(await world.client(2).readAll('/public/patch')), sha256(expected))
  const after = await world.client(3).patch('/public/patch', 'end', { at: 300_000 })
  assert.equal(after.size, 300_003)
  const holed = await world.client(4).readAll('/public/patch')
  assert.deepEqual([...new Set(holed.subarray(200_000, 300_000))], [0])
  assert.equal(textOf(holed.subarray(300_000)), 'end')
  await client.append('/public/patch', '!')
  assert.equal(textOf(await client.readAll('/public/patch', { start: -4 })), 'end!')
  assert.equal((await client.truncate('/public/patch', 100_000)).size, 100_000)
  const cut = await world.client(2).readAll('/public/patch')
  assert.equal(sha256(cut), sha256(expected.subarray(0, 100_000)))
  await client.truncate('/public/patch', 150_000)
  const grown = await world.client(3).readAll('/public/patch', { start: 100_000 })
  assert.equal(grown.length, 50_000)
  assert(
    grown.every((byte) => byte === 0),
    'what was cut off never comes back',
  )
})

test('rename: within and across directories, with and without replacing', async () => {
  const client = world.client(1)
  await client.mkdir('/public/from')
  await client.mkdir('/public/to')
  const info = await client.write('/public/from/a', 'a')
  const moved = await world.client(2).rename('/public/from/a', '/public/to/b')
  assert.deepEqual([moved.id, moved.path], [info.id, '/public/to/b'])
  assert.equal(await world.client(3).exists('/public/from/a'), false)
  await client.write('/public/to/c', 'c')
  await assert.rejects(client.rename('/public/to/b', '/public/to/c'), (error) =>
    isApiError(error, 'filesystem/exists'),
  )
  await client.rename('/public/to/b', '/public/to/c', { replace: true })
  assert.equal(textOf(await client.readAll('/public/to/c')), 'a')
  await client.rename('/public/to', '/public/from/inside')
  assert.equal(textOf(await world.client(4).readAll('/public/from/inside/c')), 'a')
  await assert.rejects(client.rename('/public/from', '/public/from/inside/loop'), (error) =>
    isApiError(error, 'filesystem/cycle'),
  )
})

test('listing: pages that hold each entry once, whatever the size of a page', async () => {
  const client = world.client(1)
  await client.mkdir('/public/pages')
  const names = Array.from({ length: 25 }, (_, index) => `file ${index} ü`)
  await Promise.all(names.map((name) => client.write(`/public/pages/${name}`, name)))
  for (const pageSize of [1, 7, 25, 1_000]) {
    const seen: string[] = []
    for await (const { name } of world.client(2).list('/public/pages', { pageSize }))
      seen.push(name)
    assert.deepEqual(seen.sort(), [...names].sort(), `pages of ${pageSize}`)
  }
  const page = await request(world, 3, { path: files('/public/pages/?limit=10') })
  assert.equal(page.json.entries.length, 10)
  assert.equal(page.json.directory.size, 25)
  assert.equal(typeof page.json.cursor, 'string')
})

test('Idempotency-Key: a request that is sent twice is done once', async () => {
  await world.client(1).write('/public/once', '')
  const append = (n: number): ReturnType<typeof request> =>
    request(world, n, {
      method: 'PATCH',
      path: files('/public/once?at=end'),
      body: 'x',
      headers: { 'idempotency-key': 'the-same' },
    })
  const answers = [await append(1), await append(1), await append(2)]
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  )
  assert.equal(textOf(await world.client(3).readAll('/public/once')), 'x')
})

test('Idempotency-Key: another request with a key that was used is refused, at every Processor', async () => {
  const headers = { 'idempotency-key': 'used-once' }
  const ask = (n: number, method: string, target: string, body?: string) =>
    request(world, n, { method, path: files(target), headers, ...(body && { body }) })
  assert.equal((await ask(1, 'PUT', '/public/used', 'first')).status, 201)
  const others = [
    await ask(2, 'PUT', '/public/used', 'other'),
    await ask(3, 'PUT', '/public/used-too', 'first'),
    await ask(4, 'PATCH', '/public/used?at=end', 'first'),
    await ask(1, 'DELETE', '/public/used'),
  ]
  for (const { status, text } of others) {
    assert.equal(status, 422)
    assert.equal(JSON.parse(text).code, 'filesystem/key-reused')
  }
  assert.equal((await ask(4, 'PUT', '/public/used', 'first')).status, 200)
  assert.equal(textOf(await world.client(2).readAll('/public/used')), 'first')
  assert.equal(await world.client(2).exists('/public/used-too'), false)
})

test('many small files at once, from all Processors', async () => {
  await world.client(1).mkdir('/public/many')
  const names = Array.from({ length: 80 }, (_, index) => `/public/many/${index}`)
  await Promise.all(names.map((path, index) => world.client((index % 4) + 1).write(path, path)))
  await Promise.all(
    names.map(async (path, index) => {
      const read = await world.client(((index + 1) % 4) + 1).readAll(path)
      assert.equal(textOf(read), path)
    }),
  )
})

test('a large file passes through in both directions without being held in memory', async () => {
  const lengthBytes = 192 * 1024 * 1024
  const chunk = randomBytes(1024 * 1024)
  const hash = createHash('sha256')
  const upload = async function* (): AsyncGenerator<Uint8Array> {
    for (let sent = 0; sent < lengthBytes; sent += chunk.length) {
      hash.update(chunk)
      yield chunk
    }
  }
  const rssOf = async (n: number): Promise<number> => {
    const { readFile } = await import('node:fs/promises')
    const pid = world.processors[n - 1]?.pid
    const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
    return Number(/VmHWM:\s+(\d+) kB/.exec(text)?.[1] ?? 0) / 1024
  }
  await world.client(1).write('/public/large', upload(), { sizeBytes: lengthBytes })
  const back = createHash('sha256')
  const content = await world.client(3).read('/public/large')
  assert.equal(content.sizeBytes, lengthBytes)
  for await (const bytes of content.bytes) back.update(bytes)
  assert.equal(back.digest('hex'), hash.digest('hex'))
  for (const n of [1, 3]) {
    const peakMb = await rssOf(n)
    assert(peakMb < 600, `Processor ${n} took ${peakMb} MB at its peak`)
  }
})
