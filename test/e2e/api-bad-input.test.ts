/** What clients do wrong, and what becomes of it: a clear refusal, and nothing left behind. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { isApiError } from '../../src/sdk/index.ts'
import { cleanupOf } from './folders.ts'
import { type RawAnswer, request } from './http.ts'
import { waitFor } from './wait.ts'
import { startWorld, type TestWorld } from './world.ts'

const cleanup = cleanupOf({ after })
let world: TestWorld

before(async () => {
  world = await startWorld({ cleanup })
})

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

const put = (path: string, body: string | Uint8Array = 'x'): Promise<RawAnswer> =>
  request(world, 1, { method: 'PUT', path: `/v1/files${path}`, body })

function refused(answer: RawAnswer, code: string, status = 400): void {
  const seen = `${answer.status} ${answer.text.slice(0, 300)}`
  assert.equal(answer.status, status, seen)
  assert.equal(answer.json?.code, code, seen)
  assert.equal(answer.headers['content-type'], 'application/problem+json')
  assert.equal(answer.json.type, `urn:unosys:problem:${code}`)
  assert(answer.json.detail.length > 0)
}

const hasCode =
  (code: string) =>
  (error: unknown): boolean => {
    assert(isApiError(error), String(error))
    assert.equal(error.code, code)
    return true
  }

async function namesIn(path: string): Promise<string[]> {
  const names: string[] = []
  for await (const { name } of world.client(2).list(path)) names.push(name)
  return names
}

test('paths with . or .. are refused, encoded ones too', async () => {
  const paths = [
    ...['/public/../etc', '/..', '/public/..', '/./public/a', '/public/.'],
    ...['/public/%2e%2e/a', '/%2E%2e/public', '/public/%2e'],
  ]
  for (const path of paths) refused(await put(path), 'filesystem/bad-path')
})

test('paths with empty names are refused', async () => {
  for (const path of ['//', '/public//a', '//public', '/public/a//']) {
    refused(await put(path), 'filesystem/bad-path')
  }
})

test('paths with NUL or an encoded slash are refused', async () => {
  refused(await put('/public/a%00b'), 'filesystem/bad-path')
  refused(await put('/public/a%2Fb'), 'filesystem/bad-path')
})

test('paths of 4,096 bytes are long enough; 4,097 are refused', async () => {
  const names = Array.from({ length: 27 }, () => 'n'.repeat(150)).join('/')
  const longest = `/public/${names}`.padEnd(4_096, 'm')
  const atLimit = await request(world, 1, { path: `/v1/files${longest.slice(0, 4_096)}?view=info` })
  assert.equal(atLimit.status, 404, atLimit.text)
  refused(await put(`${longest.slice(0, 4_096)}m`), 'filesystem/bad-path')
  refused(await put(`/public/${'%C3%BC/'.repeat(1_500)}`), 'filesystem/bad-path')
})

test('paths that are not UTF-8, or hold an unpaired surrogate, are refused', async () => {
  refused(await put('/public/%ff'), 'api/bad-request')
  // U+D800 as UTF-8 would have it if that were allowed.
  refused(await put('/public/%ed%a0%80'), 'api/bad-request')
  refused(await put('/public/%'), 'api/bad-request')
  refused(await put('/public/%zz'), 'api/bad-request')
})

test('names of 255 bytes are taken, one byte more is refused', async () => {
  const ascii = 'n'.repeat(255)
  assert.equal((await put(`/public/${ascii}`)).status, 201)
  refused(await put(`/public/${ascii}n`), 'filesystem/bad-path')
  const umlauts = encodeURIComponent('ü'.repeat(127))
  assert.equal((await put(`/public/${umlauts}n`)).status, 201)
  refused(await put(`/public/${umlauts}nn`), 'filesystem/bad-path')
  assert.equal(textOf(await world.client(3).readAll(`/public/${ascii}`)), 'x')
})

test('names are bytes: case and Unicode form make two names', async () => {
  for (const name of ['Name', 'name', '\u00e9', 'e\u0301', ' ', '-', '~', 'a\nb', '日本', '😀']) {
    const path = `/public/names/${name}`
    await world.client(1).write(path, name, { parents: true })
  }
  const names = await namesIn('/public/names')
  assert.equal(names.length, 10)
  assert.equal(textOf(await world.client(2).readAll('/public/names/e\u0301')), 'e\u0301')
})

test('ranges that are negative, reversed or too long', async () => {
  await world.client(1).write('/public/ranges', '0123456789')
  const get = (range: string): Promise<RawAnswer> =>
    request(world, 1, { path: '/v1/files/public/ranges', headers: { range } })
  refused(await get('bytes=10-20'), 'filesystem/bad-range', 416)
  refused(await get('bytes=9999999999999999-'), 'filesystem/bad-range', 416)
  refused(await get('bytes=99999999999999999999-'), 'filesystem/bad-range', 416)
  for (const range of ['bytes=-', 'bytes=--5', 'bytes=3-1', 'bytes=a-b']) {
    const answer = await get(range)
    assert.deepEqual([answer.status, answer.text], [200, '0123456789'], range)
  }
  assert.equal((await get('bytes=5-9999999999999999')).text, '56789')
})

test('offsets and sizes that are negative, broken or too large', async () => {
  await world.client(1).write('/public/offsets', 'x')
  const patch = (query: string): Promise<RawAnswer> =>
    request(world, 1, { method: 'PATCH', path: `/v1/files/public/offsets?${query}`, body: 'y' })
  for (const query of ['at=-1', 'at=1.5', 'at=x', 'at=9007199254740993', 'at=', 'at=1&at=2']) {
    refused(await patch(query), 'api/bad-request')
  }
  assert.match((await patch('at=-1')).json.detail, /must be "end", or a whole number from 0/)
  const change = (body: string): Promise<RawAnswer> =>
    request(world, 1, {
      method: 'PATCH',
      path: '/v1/files/public/offsets',
      headers: { 'content-type': 'application/json' },
      body,
    })
  for (const body of [
    '{"op":"truncate","size":-1}',
    '{"op":"truncate","size":1e300}',
    '{"op":"truncate","size":"5"}',
    '{"op":"truncate"}',
    '{"op":"shred"}',
    '{"op":"truncate","size":5,"extra":1}',
    '{"op":"rename","to":""}',
    'not json',
    '',
    '[]',
    'null',
    '"\ud800',
  ]) {
    refused(await change(body), 'api/bad-request')
  }
  refused(await change(`{"op":"rename","to":"/${'x'.repeat(20_000)}"}`), 'api/bad-request')
  refused(await patch('').then(async () => patchWithout()), 'api/unsupported-media', 415)
  assert.equal(textOf(await world.client(2).readAll('/public/offsets')), 'x')
})

const patchWithout = (): Promise<RawAnswer> =>
  request(world, 1, { method: 'PATCH', path: '/v1/files/public/offsets', body: 'y' })

test('block sizes out of range, or no power of two, are refused', async () => {
  for (const blockBytes of ['4095', '2048', '8388608', '0', '-4096']) {
    refused(await put(`/public/block?blockBytes=${blockBytes}`), 'filesystem/bad-argument')
  }
  for (const blockBytes of ['big', '4096.5', '']) {
    refused(await put(`/public/block?blockBytes=${blockBytes}`), 'api/bad-request')
  }
  refused(await put('/public/block?blockBytes=5000'), 'filesystem/bad-argument')
  refused(await put('/public/block?kind=directory&blockBytes=65537', ''), 'filesystem/bad-argument')
  assert.equal(await world.client(2).exists('/public/block'), false)
  for (const blockBytes of [4_096, 4_194_304]) {
    const info = await world.client(1).write(`/public/block-${blockBytes}`, 'x', { blockBytes })
    assert.equal(info.blockBytes, blockBytes)
  }
})

test('replicas out of range, or more than there are Processors, are refused', async () => {
  for (const replicas of ['1.5', 'all']) {
    refused(await put(`/public/replicas?replicas=${replicas}`), 'api/bad-request')
  }
  for (const replicas of ['0', '-1', '5', '256']) {
    const answer = await put(`/public/replicas?replicas=${replicas}`)
    refused(answer, 'filesystem/bad-argument')
    assert.match(answer.json.detail, /from 1 to 4/)
  }
  assert.equal(await world.client(2).exists('/public/replicas'), false)
})

test('unknown parameters, routes and methods are refused', async () => {
  refused(await put('/public/a?colour=red'), 'api/bad-request')
  refused(await put('/public/a?replicas=1&replicas=2'), 'api/bad-request')
  refused(await put('/public/a?__proto__=1'), 'api/bad-request')
  refused(await request(world, 1, { path: '/v1/nothing' }), 'api/no-such-route', 404)
  refused(await request(world, 1, { path: '/' }), 'api/no-such-route', 404)
  const post = await request(world, 1, { method: 'POST', path: '/v1/files/public/a', body: 'x' })
  refused(post, 'api/method-not-allowed', 405)
  refused(
    await request(world, 1, { method: 'DELETE', path: '/v1/status' }),
    'api/method-not-allowed',
    405,
  )
})

test('headers that break their rules are refused', async () => {
  const cases: Record<string, string>[] = [
    { 'if-match': 'no-quotes' },
    { 'if-none-match': Array.from({ length: 40 }, (_, i) => `"${i}"`).join(',') },
    { 'idempotency-key': 'k'.repeat(256) },
    { 'idempotency-key': 'with space' },
    { 'unosys-deadline-ms': '0' },
    { 'unosys-deadline-ms': 'soon' },
    { 'content-range': 'bytes 0-1/2' },
  ]
  for (const headers of cases) {
    const given = { method: 'PUT', path: '/v1/files/public/headers', headers, body: 'x' }
    refused(await request(world, 1, given), 'api/bad-request')
  }
  assert.equal(await world.client(2).exists('/public/headers'), false)
})

/** What comes back for bytes sent by hand, until the connection ends. */
async function exchange(bytes: string): Promise<string> {
  const url = new URL(world.api(1))
  const socket = net.connect(Number(url.port), url.hostname)
  let heard = ''
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    heard += String(chunk)
  })
  socket.write(bytes)
  await new Promise((resolve) => socket.on('close', resolve))
  return heard
}

test('bytes that are no whole request get a problem all the same', async () => {
  const own = `host: 127.0.0.1\r\nauthorization: Bearer ${world.token}\r\n`
  const cases: readonly (readonly [string, number, string])[] = [
    ['no HTTP\r\n\r\n', 400, 'api/bad-request'],
    [`GET / HTTP/1.1\r\n${own}x: ${'x'.repeat(40_000)}\r\n\r\n`, 431, 'api/headers-too-large'],
    ['GET /v1/status HTTP/1.1\r\nconnection: close\r\n\r\n', 400, 'api/bad-request'],
    [`OPTIONS * HTTP/1.1\r\n${own}connection: close\r\n\r\n`, 404, 'api/no-such-route'],
    [
      `GET /v1/status HTTP/1.1\r\n${own}expect: coffee\r\nconnection: close\r\n\r\n`,
      417,
      'api/expectation-failed',
    ],
    [
      `PUT /v1/files/public/zip HTTP/1.1\r\n${own}transfer-encoding: gzip, chunked\r\n` +
        'connection: close\r\n\r\n0\r\n\r\n',
      501,
      'api/not-implemented',
    ],
  ]
  for (const [bytes, status, code] of cases) {
    const heard = await exchange(bytes)
    assert.match(heard, new RegExp(`^HTTP/1.1 ${status} `), bytes.slice(0, 80))
    assert(heard.includes(`"code":"${code}"`), heard)
    assert(/content-type: application\/problem\+json/i.test(heard), heard)
  }
})

test('a whole URL is a request target; its host counts', async () => {
  const ask = (host: string): Promise<string> =>
    exchange(
      `GET http://${host}/v1/status HTTP/1.1\r\nhost: 127.0.0.1\r\n` +
        `authorization: Bearer ${world.token}\r\nconnection: close\r\n\r\n`,
    )
  assert.match(await ask('localhost:80'), /^HTTP\/1.1 200 [\s\S]+"product":"unosys"/)
  assert.match(await ask('example.org'), /^HTTP\/1.1 403 [\s\S]+api\/foreign-host/)
})

test('requests pipelined on one connection see what those before them did', async () => {
  const line = (method: string, more: string): string =>
    `${method} /v1/files/public/pipelined HTTP/1.1\r\nhost: 127.0.0.1\r\n` +
    `authorization: Bearer ${world.token}\r\n${more}\r\n`
  const heard = await exchange(
    `${line('PUT', 'content-length: 3\r\n')}new${line('GET', '')}${line('DELETE', '')}` +
      line('GET', 'connection: close\r\n'),
  )
  assert.deepEqual(heard.match(/HTTP\/1.1 \d+/g), [
    'HTTP/1.1 201',
    'HTTP/1.1 200',
    'HTTP/1.1 204',
    'HTTP/1.1 404',
  ])
})

/** A PUT by hand: what is announced and what is sent may differ. */
function upload(
  path: string,
  options: { readonly announcedBytes: number | 'chunked'; readonly sent: Uint8Array | string },
): net.Socket {
  const { announcedBytes, sent } = options
  const url = new URL(world.api(1))
  const socket = net.connect(Number(url.port), url.hostname)
  const length =
    announcedBytes === 'chunked'
      ? 'transfer-encoding: chunked'
      : `content-length: ${announcedBytes}`
  socket.write(
    `PUT /v1/files${path} HTTP/1.1\r\nhost: ${url.host}\r\n` +
      `authorization: Bearer ${world.token}\r\n${length}\r\n\r\n`,
  )
  if (announcedBytes === 'chunked') {
    socket.write(`${sent.length.toString(16)}\r\n`)
    socket.write(sent)
    socket.write('\r\n')
  } else socket.write(sent)
  socket.on('error', () => {})
  socket.resume()
  return socket
}

const requestsUnderWay = async (n: number): Promise<Readonly<Record<string, number>>> =>
  (await world.client(n).status()).metrics

test('a body shorter than announced leaves no file, and the old one as it was', async () => {
  await world.client(1).write('/public/short-old', 'old')
  for (const path of ['/public/short-new', '/public/short-old']) {
    for (const sent of ['half', randomBytes(700_000)]) {
      const socket = upload(path, { announcedBytes: sent.length + 100, sent })
      socket.end()
      await new Promise((resolve) => socket.on('close', resolve))
    }
  }
  assert.equal(await world.client(2).exists('/public/short-new'), false)
  assert.equal(textOf(await world.client(2).readAll('/public/short-old')), 'old')
})

test('a client that hangs up in the middle leaves no part of a file, and nothing behind', async () => {
  await world.client(1).write('/public/hang/old', 'old', { parents: true })
  const sent = randomBytes(3 * 1024 * 1024)
  for (const path of ['/public/hang/new', '/public/hang/old']) {
    for (const announcedBytes of [64 * 1024 * 1024, 'chunked'] as const) {
      const socket = upload(path, { announcedBytes, sent })
      await new Promise((resolve) => setTimeout(resolve, 300))
      assert.deepEqual((await namesIn('/public/hang')).sort(), ['old'], 'a part is visible')
      socket.destroy()
    }
  }
  // The Processor hears of it and lets go: the next writer of the same names finds nothing in its
  // way.
  await world.client(1).write('/public/hang/new', 'new')
  assert.deepEqual((await namesIn('/public/hang')).sort(), ['new', 'old'])
  assert.equal(textOf(await world.client(2).readAll('/public/hang/old')), 'old')
  const metrics = await requestsUnderWay(1)
  assert(typeof metrics['api.requests_count'] === 'number')
})

test('a reader that hangs up in the middle harms nobody', async () => {
  const content = randomBytes(8 * 1024 * 1024)
  await world.client(1).write('/public/reader', content)
  for (let round = 0; round < 4; round++) {
    const stop = new AbortController()
    const { bytes } = await world.client(2).read('/public/reader', { signal: stop.signal })
    const reading = (async () => {
      for await (const _chunk of bytes) stop.abort()
    })()
    await assert.rejects(reading, hasCode('sdk/aborted'))
  }
  assert.deepEqual(Buffer.from(await world.client(2).readAll('/public/reader')), content)
})

test('two writers of one file: the file is one of the two, whole', async () => {
  const contents = ['a', 'b'].map((letter) => letter.repeat(2_000_000))
  for (let round = 0; round < 3; round++) {
    await Promise.all(
      contents.map((content, index) => world.client(index + 1).write('/public/two', content)),
    )
    const read = textOf(await world.client(3).readAll('/public/two'))
    assert(contents.includes(read), `${read.length} bytes of a mixture`)
  }
})

test('twelve writers of one new file, at all Processors: all succeed', async () => {
  const contents = Array.from({ length: 12 }, (_, index) => `content ${index}`)
  await Promise.all(
    contents.map((content, index) =>
      world.client((index % 4) + 1).write('/public/twelve', content),
    ),
  )
  assert(contents.includes(textOf(await world.client(2).readAll('/public/twelve'))))
})

test('two appenders of one file: nothing of either is lost', async () => {
  await world.client(1).write('/public/appended', '')
  const lines = Array.from({ length: 20 }, (_, index) => `line ${index}\n`)
  await Promise.all(
    lines.map((line, index) => world.client((index % 4) + 1).append('/public/appended', line)),
  )
  const read = textOf(await world.client(2).readAll('/public/appended'))
  assert.deepEqual(read.split('\n').filter(Boolean).sort(), lines.map((line) => line.trim()).sort())
})

test('a file replaced while it is read: the reader gets one version to its end', async () => {
  const versions = [1, 2].map((fill) => new Uint8Array(6 * 1024 * 1024).fill(fill))
  const [first, second] = versions as [Uint8Array, Uint8Array]
  await world.client(1).write('/public/replaced', first)
  const { bytes } = await world.client(2).read('/public/replaced')
  const iterator = bytes[Symbol.asyncIterator]()
  const begun = await iterator.next()
  assert(begun.done !== true)
  await world.client(3).write('/public/replaced', second)
  let lengthBytes = begun.value.length
  const seen = new Set<number>(begun.value)
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    lengthBytes += next.value.length
    for (const byte of next.value) seen.add(byte)
  }
  assert.equal(lengthBytes, first.length)
  assert.deepEqual([...seen], [1])
  assert((await world.client(2).readAll('/public/replaced')).every((byte) => byte === 2))
})

test('a directory with children is not removed; empty, it is', async () => {
  const client = world.client(1)
  await client.write('/public/full/child', 'x', { parents: true })
  await assert.rejects(client.remove('/public/full'), hasCode('filesystem/not-empty'))
  await assert.rejects(client.remove('/public'), hasCode('filesystem/denied'))
  assert.equal(textOf(await world.client(2).readAll('/public/full/child')), 'x')
  await world.client(2).remove('/public/full/child')
  await world.client(3).remove('/public/full')
  assert.equal(await client.exists('/public/full'), false)
})

test('the root is not written, removed or renamed', async () => {
  refused(await put('/'), 'filesystem/bad-path')
  refused(await request(world, 1, { method: 'DELETE', path: '/v1/files/' }), 'filesystem/bad-path')
  await assert.rejects(world.client(1).rename('/', '/public/x'), hasCode('filesystem/bad-path'))
})

test('a file in the place of a directory, and the reverse', async () => {
  const client = world.client(1)
  await client.write('/public/kind-file', 'x')
  await client.mkdir('/public/kind-directory')
  await assert.rejects(
    client.write('/public/kind-file/child', 'x'),
    hasCode('filesystem/wrong-kind'),
  )
  await assert.rejects(
    client.write('/public/kind-directory', 'x'),
    hasCode('filesystem/wrong-kind'),
  )
  await assert.rejects(client.mkdir('/public/kind-file'), hasCode('filesystem/exists'))
  await assert.rejects(
    client.append('/public/kind-directory', 'x'),
    hasCode('filesystem/wrong-kind'),
  )
  await assert.rejects(client.listPage('/public/kind-file'), hasCode('filesystem/wrong-kind'))
  await assert.rejects(client.write('/public/no/such/parent', 'x'), hasCode('filesystem/not-found'))
})

test('a write inside a file that is larger than one change may be is refused whole', async () => {
  await world.client(1).write('/public/patched', 'old')
  const large = new Uint8Array(9 * 1024 * 1024)
  await assert.rejects(
    world.client(1).patch('/public/patched', large, { at: 0 }),
    hasCode('filesystem/too-large'),
  )
  assert.equal(textOf(await world.client(2).readAll('/public/patched')), 'old')
})

test('after all of this no Processor has failed a request of its own making', async () => {
  await waitFor('all answer', async () => {
    const all = await Promise.all([1, 2, 3, 4].map((n) => world.status(n)))
    return all.every((status) => status?.ready === true)
  })
  for (const n of [1, 2, 3, 4]) {
    const { metrics } = await world.client(n).status()
    assert.equal(metrics['api.failures_count'] ?? 0, 0, `Processor ${n} answered 500`)
  }
})
