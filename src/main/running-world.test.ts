import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { freePorts, isPortFree } from './free-ports.ts'
import { pollStatus } from './poll-status.ts'
import { readRunning, removeRunning, writeCurlConfig, writeRunning } from './running-world.ts'

const folder = mkdtempSync(join(tmpdir(), 'unosys-running-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const running = { pid: 7, processors: [{ n: 1, api: 'http://127.0.0.1:7300' }] }

test('running: what was written is read, and nothing after it was removed', async () => {
  assert.equal(await readRunning(folder), undefined)
  await writeRunning(folder, running)
  assert.deepEqual(await readRunning(folder), running)
  await removeRunning(folder)
  await removeRunning(folder)
  assert.equal(await readRunning(folder), undefined)
  assert.equal(await readRunning(join(folder, 'none')), undefined)
})

test('running: a file that is something else is taken for none', async () => {
  for (const text of ['', '{', 'null', '[]', '{"pid":"x"}', '{"pid":1,"processors":[{"n":1}]}']) {
    writeFileSync(join(folder, 'running.json'), text)
    assert.equal(await readRunning(folder), undefined, text)
  }
})

test('curlrc: has the token, for its owner only', async () => {
  await writeCurlConfig(folder, 'id.secret')
  const path = join(folder, 'curlrc')
  assert.equal(readFileSync(path, 'utf8'), 'header = "Authorization: Bearer id.secret"\n')
  if (process.platform !== 'win32') assert.equal(statSync(path).mode & 0o777, 0o600)
})

test('free ports: those in use and those taken otherwise are left out', async () => {
  const [first = 0] = await freePorts(1, 20_000, [])
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(first, '127.0.0.1', resolve))
  assert.equal(await isPortFree(first), false)
  const found = await freePorts(3, first, [first + 1])
  assert.equal(found.length, 3)
  assert(!found.includes(first) && !found.includes(first + 1))
  await new Promise((resolve) => server.close(resolve))
  assert.deepEqual(await freePorts(3, 65_536, []), [])
})

test('poll: no answer, another program or nonsense is no status', async () => {
  const { createServer: createHttp } = await import('node:http')
  const options = { token: 't', timeoutMs: 500 }
  let answer = ''
  const server = createHttp((_request, response) => {
    if (answer !== 'silence') response.end(answer)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert(address !== null && typeof address === 'object')
  const api = `http://127.0.0.1:${address.port}`
  for (answer of ['', 'nonsense', '{"product":"other"}', 'silence']) {
    assert.equal(await pollStatus(api, options), undefined, answer)
  }
  answer = '{"product":"unosys","n":3}'
  assert.equal((await pollStatus(api, options))?.n, 3)
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  assert.equal(await pollStatus(api, options), undefined)
})
