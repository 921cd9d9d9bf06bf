/** Each Processor is a process of its own that only this machine can ask; they talk in pairs. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isApiError } from '../../src/sdk/index.ts'
import { until } from '../../tools/tour/until.ts'
import { socketsAreShown, socketsOf } from './tour-sockets.ts'
import { bytesOf, temporaryFolder, worldForTests } from './tour-world.ts'

const worldOf = worldForTests('local')

const noSockets = { skip: socketsAreShown ? false : 'needs /proc/net' }

test(
  'C4, C5: a Processor listens on its two ports and is connected to its peers alone',
  noSockets,
  async () => {
    const { processors } = worldOf()
    await Promise.all(processors.map(({ client }) => client.status()))
    const linkPorts = new Set(processors.map(({ linkAddress }) => linkAddress))
    const allLocal = new Map<string, number>()
    for (const { n, pid } of processors) {
      for (const { local } of socketsOf(pid)) allLocal.set(local, n)
    }
    assert.equal(new Set(processors.map(({ pid }) => pid)).size, 4)
    for (const { n, pid, api, linkAddress } of processors) {
      const sockets = socketsOf(pid)
      const listening = sockets
        .filter(({ state }) => state === 'listening')
        .map(({ local }) => local)
      assert.deepEqual(listening.sort(), [new URL(api).host, linkAddress].sort())
      assert.deepEqual(
        sockets.filter(({ protocol }) => protocol === 'udp'),
        [],
      )
      const links = sockets.filter(
        ({ state, local, remote }) =>
          state === 'connected' && (linkPorts.has(local) || linkPorts.has(remote)),
      )
      // Links lead to each of the other three, and nowhere else.
      const peers = links.map(({ remote }) => allLocal.get(remote))
      assert.deepEqual(
        peers.sort(),
        processors.map((other) => other.n).filter((other) => other !== n),
      )
      const clients = sockets.filter(
        (socket) => socket.state === 'connected' && !links.includes(socket),
      )
      for (const { local } of clients) assert.equal(local, new URL(api).host)
    }
  },
)

const endlessSource = `
const [api, token] = process.argv.slice(2)
async function* forever() {
  for (let n = 0; ; n++) {
    yield new Uint8Array(65536)
    if (n === 40) process.stdout.write('under way\\n')
    if (n > 40) await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
await fetch(api + '/v1/files/public/never.bin', {
  method: 'PUT', headers: { authorization: 'Bearer ' + token }, body: forever(), duplex: 'half',
})
`

test('C5: an application killed in the middle of a write harms nothing and leaves no part', async () => {
  const folder = temporaryFolder('crash')
  writeFileSync(join(folder, 'app.mjs'), endlessSource)
  const { api, token, client, pid } = worldOf().at(3)
  const app = spawn(process.execPath, [join(folder, 'app.mjs'), api, token])
  await new Promise((resolve) => app.stdout.once('data', resolve))
  app.kill('SIGKILL')
  await new Promise((resolve) => app.once('close', resolve))
  await client.write('/public/after-crash.txt', 'still here')
  assert.equal(await client.exists('/public/never.bin'), false)
  assert.equal(worldOf().at(3).pid, pid)
})

test('C5: a Processor killed under an application leaves the application alive, with an error', async () => {
  const victim = worldOf().at(4)
  await victim.client.write('/public/under.bin', bytesOf(4, 6_000_000))
  const content = await victim.client.read('/public/under.bin')
  const reading = (async () => {
    let isKilled = false
    for await (const _chunk of content.bytes) {
      if (!isKilled) await victim.kill()
      isKilled = true
    }
  })()
  await assert.rejects(reading, (error) => isApiError(error, 'sdk/cut-off'))
  await assert.rejects(victim.client.status(), (error) => isApiError(error, 'sdk/unreachable'))
  await victim.start()
  await until('the Processor serves again', 30_000, async () => (await victim.status()).ready)
  assert.equal((await victim.client.stat('/public/under.bin')).size, 6_000_000)
})

/** The same story in other languages, with what their standard libraries bring. */
const stories: Readonly<Record<string, { readonly program: string; readonly source: string }>> = {
  node: {
    program: process.execPath,
    source: `const [api, token, name] = process.argv.slice(2)
const base = api + '/v1/files/public/story-' + name
const is = (value) => { if (!value) throw new Error('not as promised') }
async function ask(method, url, body, headers = {}) {
  const answer = await fetch(url, { method, body, headers: { authorization: 'Bearer ' + token, ...headers } })
  is(answer.ok)
  return answer.text()
}
await ask('PUT', base + '?kind=directory')
await ask('PUT', base + '/f.txt', 'hello world')
is(await ask('GET', base + '/f.txt') === 'hello world')
is(await ask('GET', base + '/f.txt', undefined, { range: 'bytes=6-10' }) === 'world')
await ask('PATCH', base + '/f.txt?at=end', '!')
const change = JSON.stringify({ op: 'rename', to: '/public/story-' + name + '/g.txt' })
await ask('PATCH', base + '/f.txt', change, { 'content-type': 'application/json' })
is(await ask('GET', base + '/g.txt') === 'hello world!')
is(JSON.parse(await ask('GET', base + '/')).entries.map((entry) => entry.name).join() === 'g.txt')
await ask('DELETE', base + '/g.txt')
is((await fetch(base + '/g.txt', { headers: { authorization: 'Bearer ' + token } })).status === 404)
`,
  },
  go: {
    program: 'go',
    source: `package main

import ("bytes"; "fmt"; "io"; "net/http"; "os")

var token = os.Args[2]

func ask(method, url string, body string, headers ...string) (int, string) {
	request, _ := http.NewRequest(method, url, bytes.NewBufferString(body))
	request.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i+1 < len(headers); i += 2 { request.Header.Set(headers[i], headers[i+1]) }
	answer, err := http.DefaultClient.Do(request)
	if err != nil { panic(err) }
	all, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(all)
}

func is(held bool) { if !held { panic("not as promised") } }

func main() {
	name := os.Args[3]
	base := os.Args[1] + "/v1/files/public/story-" + name
	ask("PUT", base+"?kind=directory", "")
	ask("PUT", base+"/f.txt", "hello world")
	_, text := ask("GET", base+"/f.txt", "", "Range", "bytes=6-10")
	is(text == "world")
	ask("PATCH", base+"/f.txt?at=end", "!")
	change := fmt.Sprintf("{\\"op\\":\\"rename\\",\\"to\\":\\"/public/story-%s/g.txt\\"}", name)
	ask("PATCH", base+"/f.txt", change, "Content-Type", "application/json")
	_, text = ask("GET", base+"/g.txt", "")
	is(text == "hello world!")
	ask("DELETE", base+"/g.txt", "")
	status, _ := ask("GET", base+"/g.txt", "")
	is(status == 404)
}
`,
  },
}

for (const [name, { program, source }] of Object.entries(stories)) {
  const versionOption = name === 'go' ? 'version' : '--version'
  const isThere = spawnSync(program, [versionOption]).error === undefined
  const skip = isThere ? false : `${name} is not on this machine`
  test(`C7: ${name} tells the story of a file without a client library`, { skip }, async () => {
    const file = join(temporaryFolder('story'), name === 'go' ? 'story.go' : 'story.mjs')
    writeFileSync(file, source)
    const { api, token } = worldOf().at(1)
    const args = [...(name === 'go' ? ['run'] : []), file, api, token, name]
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    const code = await new Promise((resolve) => child.once('close', resolve))
    assert.equal(code, 0, said)
  })
}
