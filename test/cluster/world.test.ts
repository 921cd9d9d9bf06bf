/** A world in calm weather: what goes in through one Processor comes out of another. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SimWorld } from '../../src/simulator/world.ts'
import {
  blockFiles,
  blockMap,
  bytesOf,
  expectCall,
  get,
  jsonOf,
  makeDirectory,
  nodeCrypto,
  pathOf,
  put,
  rest,
  startedWorld,
  text,
  total,
} from './world-fixture.ts'

/** Longer than a Processor looks for what it missed while it was down. */
const afterCatchUpMs = 20_000

async function aLittleLife(world: SimWorld): Promise<Uint8Array> {
  await makeDirectory(world, 1, '/public/dir')
  await put(world, 1, '/public/dir/a.bin', { body: bytesOf(300_000) })
  return get(world, 3, '/public/dir/a.bin')
}

test('C1 C17 C18: a file of several blocks goes in through one Processor and out of another', async () => {
  const world = await startedWorld({ seed: 1 })
  assert.deepEqual(await aLittleLife(world), bytesOf(300_000))
  for (const n of [1, 2, 3, 4]) {
    const listing = jsonOf(
      await expectCall(world, n, { method: 'GET', path: pathOf('/public/dir/') }),
    )
    const [entry] = listing.entries as { name: string; size: number }[]
    assert.equal(entry?.name, 'a.bin')
    assert.equal(entry?.size, 300_000)
  }
})

test('a seed run twice gives the same run, to the last event; another seed another one', async () => {
  const run = async (seed: number): Promise<string> => {
    const world = await startedWorld({ seed })
    await aLittleLife(world)
    return world.traceHash
  }
  assert.equal(await run(5), await run(5))
  assert.notEqual(await run(5), await run(6))
})

test('the same with real signatures', async () => {
  const world = await startedWorld({ seed: 2, crypto: nodeCrypto })
  assert.deepEqual(await aLittleLife(world), bytesOf(300_000))
})

test('Processors that only store serve the same files as members of the group', async () => {
  const world = await startedWorld({ seed: 3, nodeCount: 6 })
  assert.equal(world.processor(6).kernel.status().role, 'storage')
  await makeDirectory(world, 6, '/public/dir')
  await put(world, 5, '/public/dir/a.bin', { body: bytesOf(100_000) })
  assert.deepEqual(await get(world, 6, '/public/dir/a.bin'), bytesOf(100_000))
  assert.deepEqual(await get(world, 2, '/public/dir/a.bin'), bytesOf(100_000))
  await rest(world)
})

test('C26: 1 MB at three replicas is 48 block writes, all on their way before one is done', async () => {
  const world = await startedWorld({ seed: 4 })
  const writer = world.processor(1)
  const call = world.request(1, {
    method: 'PUT',
    path: pathOf('/public/mb'),
    body: bytesOf(2 ** 20),
  })
  let status = 0
  void call.done.then((reply) => {
    status = reply.status
  })
  let sentBeforeDone = 0
  await world.until(() => {
    const sent = writer.metrics.get('blocks.put_sent_count')
    if (total(world, 'vault.puts_total') === 0) sentBeforeDone = sent
    return status !== 0
  })
  assert.equal(status, 201)
  await rest(world)
  const files = blockFiles(world)
  // Besides the 16 blocks of content the file has one page of its tree.
  const blocks = files.filter(({ sizeBytes }) => sizeBytes > 64 * 1024)
  assert.equal(blocks.length, 48)
  assert.equal(files.length, 51)
  const local = blocks.filter(({ n }) => n === 1).length
  assert.equal(sentBeforeDone, 48 - local)
  assert.equal(total(world, 'vault.puts_total'), 51)
})

test('C44: reading a block that is not here costs one request and one response', async () => {
  const world = await startedWorld({ seed: 5 })
  const query = '?replicas=1&blockBytes=4096'
  const request = { method: 'PUT', path: `${pathOf('/public/f')}${query}`, body: bytesOf(40_960) }
  await expectCall(world, 1, request)
  const blocks = await blockMap(world, '/public/f')
  const away = blocks.filter(({ holders }) => holders[0] !== 3).length
  assert(away > 3 && blocks.length === 10)
  // The path, the token and the tree's page are known to the reader from here on.
  await expectCall(world, 3, {
    method: 'GET',
    path: pathOf('/public/f'),
    headers: { range: 'bytes=0-0' },
    status: [206],
  })
  await world.pass(afterCatchUpMs)
  await expectCall(world, 3, { method: 'HEAD', path: pathOf('/public/f') })
  const headOnly = async (): Promise<number> => {
    const before = total(world, 'links.sent_messages')
    await expectCall(world, 3, { method: 'HEAD', path: pathOf('/public/f') })
    return total(world, 'links.sent_messages') - before
  }
  // A look-up may end before the slowest member answers, and tell it so: what it costs varies.
  const lookUps: number[] = []
  for (let count = 0; count < 10; count++) lookUps.push(await headOnly())
  const before = total(world, 'links.sent_messages')
  const asked = world.processor(3).metrics.get('blocks.get_sent_count')
  const served = total(world, 'blocks.get_served_count')
  assert.deepEqual(await get(world, 3, '/public/f'), bytesOf(40_960))
  assert.equal(world.processor(3).metrics.get('blocks.get_sent_count') - asked, away)
  assert.equal(total(world, 'blocks.get_served_count') - served, away)
  const besides = total(world, 'links.sent_messages') - before - 2 * away
  const [least, most] = [Math.min(...lookUps) - 1, Math.max(...lookUps) + 1]
  assert(besides >= least && besides <= most, `${besides} messages besides, a look-up: ${lookUps}`)
})

test('C23 C46: a block lies on as many different Processors as its file says, and on no other', async () => {
  const world = await startedWorld({ seed: 6 })
  for (const replicas of [1, 3, 4]) {
    const before = new Set(blockFiles(world).map(({ n, path }) => `${n} ${path}`))
    const path = `/public/r${replicas}`
    const query = `?replicas=${replicas}&blockBytes=4096`
    await expectCall(world, 2, { method: 'PUT', path: pathOf(path) + query, body: bytesOf(32_768) })
    await rest(world)
    const files = blockFiles(world).filter(({ n, path: at }) => !before.has(`${n} ${at}`))
    for (const { id, holders } of await blockMap(world, path)) {
      const on = files.filter((file) => file.id === id).map(({ n }) => n)
      assert.deepEqual(on.sort(), [...holders].sort(), `block ${id} of r = ${replicas}`)
      assert.equal(new Set(holders).size, replicas)
    }
    assert.equal(files.length, 9 * replicas)
  }
  const tooMany = { method: 'PUT', path: `${pathOf('/public/r5')}?replicas=5`, body: bytesOf(1) }
  const refused = await expectCall(world, 2, { ...tooMany, status: [400] })
  assert.match(text(refused), /1 to 4/)
})

test('an answer lost on its way: the same request through another Processor is done once', async () => {
  const world = await startedWorld({ seed: 7 })
  await put(world, 1, '/public/log', { body: bytesOf(100) })
  const append = {
    method: 'PATCH',
    path: `${pathOf('/public/log')}?at=end`,
    headers: { 'idempotency-key': 'append-1' },
    body: bytesOf(10),
  }
  const first = world.request(1, append)
  const height = world.processor(2).kernel.status().group.height
  await world.until(() => world.processor(2).kernel.status().group.height > height)
  first.hangUp()
  assert.equal((await first.done).status, 0)
  for (const n of [3, 4, 1]) {
    const again = jsonOf(await expectCall(world, n, append))
    assert.equal(again.size, 110)
  }
  assert.equal((await get(world, 2, '/public/log')).length, 110)
  const make = {
    method: 'PUT',
    path: `${pathOf('/public/once')}?kind=directory`,
    headers: { 'idempotency-key': 'mkdir-1' },
  }
  const { id } = jsonOf(await expectCall(world, 1, make))
  assert.equal(jsonOf(await expectCall(world, 4, make)).id, id)
})

test('reads settle while others write: members at different heights are asked for one', async () => {
  const weather = {
    delayMs: { min: 1, max: 60 },
    stallChance: 0,
    stallMs: { min: 0, max: 0 },
    cutChance: 0,
    dialFailChance: 0,
    bytesPerMs: 100_000,
    windowBytes: 256 * 1024,
  }
  const world = await startedWorld({ seed: 8, weather })
  await put(world, 1, '/public/f', { body: bytesOf(8_192) })
  let writing = 2
  const writer = async (n: number): Promise<void> => {
    for (let round = 0; round < 15; round++) {
      const path = `${pathOf('/public/f')}?at=end`
      const reply = await world.request(n, { method: 'PATCH', path, body: bytesOf(64) }).done
      assert.equal(reply.status, 200, text(reply))
    }
    writing--
  }
  let longestMs = 0
  let lastSize = 0
  let readCount = 0
  const reader = async (): Promise<void> => {
    while (writing > 0) {
      const startMs = world.scheduler.nowMs
      const reply = await world.request(3, { method: 'HEAD', path: pathOf('/public/f') }).done
      longestMs = Math.max(longestMs, world.scheduler.nowMs - startMs)
      assert.equal(reply.status, 200)
      const size = Number(reply.headers.get('content-length'))
      assert(size >= lastSize, 'a later read never sees less')
      lastSize = size
      readCount++
    }
  }
  await world.finish(Promise.all([writer(1), writer(2), reader()]))
  assert.equal((await get(world, 4, '/public/f')).length, 8_192 + 30 * 64)
  assert(readCount > 20)
  assert(longestMs < 2_000, `a read took ${longestMs} ms`)
})

test('a client that hangs up in the middle of an upload leaves no file', async () => {
  const world = await startedWorld({ seed: 9 })
  let sent = 0
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      sent++
      await new Promise<void>((resolve) => {
        world.scheduler.after(1, resolve, 'the client sends on')
      })
      if (gone) throw new Error('the client is gone')
      yield bytesOf(65_536)
    }
  }
  let gone = false
  const call = world.request(1, { method: 'PUT', path: pathOf('/public/half'), body: endless() })
  await world.until(() => sent > 50)
  gone = true
  call.hangUp()
  await world.pass(20_000)
  await expectCall(world, 2, { method: 'GET', path: pathOf('/public/half'), status: [404] })
  assert.deepEqual(await aLittleLife(world), bytesOf(300_000))
})

test('all Processors stop in order, also in the middle of a write, and start again with everything', async () => {
  const world = await startedWorld({ seed: 10, nodeCount: 5 })
  await put(world, 1, '/public/f', { body: bytesOf(200_000) })
  const late = world.request(2, {
    method: 'PUT',
    path: pathOf('/public/g'),
    body: bytesOf(900_000),
  })
  await world.pass(5)
  await world.finish(Promise.all(world.processors.map((processor) => processor.stop())))
  assert(world.processors.every(({ isUp }) => !isUp))
  assert([0, 201, 503].includes((await late.done).status))
  await world.start()
  assert.deepEqual(await get(world, 5, '/public/f'), bytesOf(200_000))
  await rest(world)
})

test('a file that gives way to another one while it is written: the write goes into the new one', async () => {
  const world = await startedWorld({ seed: 11 })
  await put(world, 1, '/public/f', { body: bytesOf(10) })
  let isGone = false
  async function* slowly(): AsyncGenerator<Uint8Array> {
    yield bytesOf(100_000)
    while (!isGone) {
      await new Promise<void>((resolve) => {
        world.scheduler.after(1, resolve, 'the client pauses')
      })
    }
    yield bytesOf(50_000, 3)
  }
  const writing = world.request(2, { method: 'PUT', path: pathOf('/public/f'), body: slowly() })
  await world.pass(50)
  await expectCall(world, 1, { method: 'DELETE', path: pathOf('/public/f') })
  await put(world, 3, '/public/f', { body: bytesOf(20) })
  isGone = true
  const reply = await world.finish(writing.done)
  assert.equal(reply.status, 200, text(reply))
  const expected = new Uint8Array([...bytesOf(100_000), ...bytesOf(50_000, 3)])
  assert.deepEqual(await get(world, 4, '/public/f'), expected)
})

test('two writers of one file at once: each is told the etag of its own write', async () => {
  const world = await startedWorld({ seed: 12 })
  await put(world, 1, '/public/f', { body: bytesOf(10) })
  for (let round = 0; round < 5; round++) {
    const calls = [1, 2, 3].map((n) =>
      world.request(n, { method: 'PUT', path: pathOf('/public/f'), body: bytesOf(99, n) }),
    )
    const replies = await world.finish(Promise.all(calls.map(({ done }) => done)))
    assert(replies.every(({ status }) => status === 200))
    const etags = replies.map(({ headers }) => headers.get('etag') ?? '')
    assert.equal(new Set(etags).size, 3)
    // The etag of whoever came last is the file's, with the content that he wrote.
    const now = await expectCall(world, 4, { method: 'GET', path: pathOf('/public/f') })
    const last = etags.indexOf(now.headers.get('etag') ?? '')
    assert.deepEqual(now.body, bytesOf(99, last + 1))
  }
})

test('a write whose answer was lost, asked for again after another one, is told its own etag', async () => {
  const world = await startedWorld({ seed: 14 })
  const path = pathOf('/public/f')
  const write = async (n: number, body: Uint8Array, more = {}): Promise<string> => {
    const headers = { 'idempotency-key': `write-${body.length}`, ...more }
    const reply = await expectCall(world, n, { method: 'PUT', path, headers, body })
    assert.equal(jsonOf(reply).etag, reply.headers.get('etag'))
    return reply.headers.get('etag') ?? ''
  }
  const made = await write(1, bytesOf(10))
  const first = await write(1, bytesOf(20))
  assert.equal(await write(2, bytesOf(10)), made, 'of a file that it created')
  const swap = { 'if-match': first }
  const swapped = await write(2, bytesOf(30), swap)
  const last = await write(3, bytesOf(40))
  assert.equal(await write(4, bytesOf(20)), first)
  assert.equal(await write(4, bytesOf(30), swap), swapped, 'of one with a condition')
  assert.equal(new Set([made, first, swapped, last]).size, 4)
  // So a condition on it does not hold for what its writer has never seen.
  const late = { method: 'PUT', path, headers: { 'if-match': first }, body: bytesOf(50) }
  await expectCall(world, 4, { ...late, status: [412] })
  assert.deepEqual(await get(world, 1, '/public/f'), bytesOf(40))
})

test('appends at once, some asked for again: each is told the size and etag that it made', async () => {
  const world = await startedWorld({ seed: 15 })
  await put(world, 1, '/public/log', { body: new Uint8Array(0) })
  const path = `${pathOf('/public/log')}?at=end`
  const append = (n: number, key: string) =>
    world.request(n, {
      method: 'PATCH',
      path,
      headers: { 'idempotency-key': key },
      body: bytesOf(10),
    }).done
  const told = async (keys: readonly string[]): Promise<string[]> => {
    const replies = await world.finish(Promise.all(keys.map((key, at) => append(at + 1, key))))
    return replies.map((reply) => {
      assert.equal(reply.status, 200, text(reply))
      return `${jsonOf(reply).size} ${jsonOf(reply).etag}`
    })
  }
  const keys = ['a', 'b', 'c', 'd']
  const first = await told(keys)
  assert.deepEqual(first.map((line) => line.split(' ')[0]).sort(), ['10', '20', '30', '40'])
  assert.equal(new Set(first).size, 4)
  assert.deepEqual((await told(keys.toReversed())).toReversed(), first)
})

test('If-Match holds for the state that is changed: of several such changes at once one succeeds', async () => {
  const world = await startedWorld({ seed: 13 })
  const content = bytesOf(4 * 65_536)
  const made = await put(world, 1, '/public/f', { body: content })
  let etag = made.headers.get('etag') ?? ''
  const at = (block: number): string => `${pathOf('/public/f')}?at=${block * 65_536}`
  for (let round = 0; round < 3; round++) {
    // Different blocks: without the condition none of these would meet another.
    const calls = [0, 1, 2, 3].map((block) =>
      world.request(block + 1, {
        method: 'PATCH',
        path: at(block),
        headers: { 'if-match': etag },
        body: bytesOf(100, block + round + 1),
      }),
    )
    const replies = await world.finish(Promise.all(calls.map(({ done }) => done)))
    const statuses = replies.map(({ status }) => status)
    assert.deepEqual([...statuses].sort(), [200, 412, 412, 412])
    const winner = statuses.indexOf(200)
    content.set(bytesOf(100, winner + round + 1), winner * 65_536)
    etag = replies[winner]?.headers.get('etag') ?? ''
    assert.deepEqual(await get(world, 4, '/public/f'), content)
  }
  const cut = {
    method: 'PATCH',
    path: pathOf('/public/f'),
    headers: { 'if-match': etag, 'content-type': 'application/json' },
    body: new TextEncoder().encode('{"op":"truncate","size":70000}'),
  }
  await expectCall(world, 2, cut)
  await expectCall(world, 3, { ...cut, status: [412] })
  assert.deepEqual(await get(world, 1, '/public/f'), content.subarray(0, 70_000))
})
