/** A world in which something is wrong, one thing at a time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimFile } from '../../src/simulator/sim-disk-file.ts'
import type { SimWorld } from '../../src/simulator/world.ts'
import {
  type BlockFile,
  blockFiles,
  blockMap,
  bytesOf,
  expectCall,
  faultsOf,
  get,
  isAtRest,
  jsonOf,
  makeDirectory,
  pathOf,
  put,
  rest,
  startedWorld,
  text,
} from './world-fixture.ts'

const body = bytesOf(10_000)

type Placed = {
  readonly world: SimWorld
  /** The one Processor that has no copy. */
  readonly reader: number
  /** Who is asked first, and the file that he has. */
  readonly holder: number
  readonly file: BlockFile
  readonly warnings: string[]
}

/** A file of one block with three replicas among four Processors. */
async function placedBlock(seed: number): Promise<Placed> {
  const warnings: string[] = []
  const world = await startedWorld({
    seed,
    onTrace: ({ kind, facts }) => {
      if (kind === 'log/warn') warnings.push(facts.join(' '))
    },
  })
  await put(world, 1, '/public/f', { body })
  await rest(world)
  const [block] = await blockMap(world, '/public/f')
  assert(block !== undefined)
  const [holder = 0] = block.holders
  const reader = [1, 2, 3, 4].find((n) => !block.holders.includes(n)) ?? 0
  const file = blockFiles(world).find(({ n, id }) => n === holder && id === block.id)
  assert(file !== undefined && reader > 0)
  return { world, reader, holder, file, warnings }
}

const damages: readonly {
  readonly title: string
  readonly fault: string
  readonly damage: (placed: Placed) => void
}[] = [
  {
    title: 'C60 C61: a changed byte of a block file: the read is right, the holder reported',
    fault: 'content-changed',
    damage: ({ world, file }) => {
      world.processor(file.n).disk.rot(file.path, 100)
    },
  },
  {
    title: 'C57 C61: a changed character of a block’s name: the read is right, the holder reported',
    fault: 'name-changed',
    damage: ({ world, file }) => {
      const { disk } = world.processor(file.n)
      const node = disk.find(file.path)
      assert(node !== undefined)
      const last = file.path.endsWith('a') ? 'b' : 'a'
      disk.tree.rename(disk.place(file.path), disk.place(file.path.slice(0, -1) + last), node)
    },
  },
  {
    title: 'C59 C61: a removed block file: the read is right, the holder reported',
    fault: 'missing',
    damage: ({ world, file }) => {
      const { disk } = world.processor(file.n)
      const node = disk.find(file.path)
      assert(node !== undefined)
      disk.tree.unlink(disk.place(file.path), node)
    },
  },
]

for (const [index, { title, fault, damage }] of damages.entries()) {
  test(title, async () => {
    const placed = await placedBlock(20 + index)
    const { world, reader, holder, file, warnings } = placed
    damage(placed)
    assert.deepEqual(await get(world, reader, '/public/f'), body)
    assert.deepEqual(faultsOf(world, reader, holder), { [fault]: 1 })
    const said = warnings.find((line) => line.includes(`fault=${fault}`))
    assert.match(said ?? '', /signed=true/, 'the report carries the holder’s signature')
    // The holder fetches it again by itself, and nobody else is blamed for that.
    const isBack = (): boolean =>
      blockFiles(world).some(({ n, path }) => n === holder && path === file.path)
    await world.until(() => isBack() && isAtRest(world), { timeMsMax: 30_000 })
    await world.pass(1_000)
    assert.equal(world.processor(holder).metrics.get('blocks.repaired_count'), 1)
    assert.deepEqual(await get(world, holder, '/public/f'), body)
    for (const n of [1, 2, 3, 4]) {
      if (n !== reader && n !== holder) assert.deepEqual(faultsOf(world, n, holder), {})
    }
    // The renamed file, if that was it, stays where it is: nobody knows what it is any more.
    assert.equal(blockFiles(world).filter(({ path }) => path === file.path).length, 3)
  })
}

test('C50: a file that was cut off while its Processor was down is found by nobody’s read, and mended', async () => {
  const { world, holder, file, warnings } = await placedBlock(24)
  const { disk } = world.processor(holder)
  world.processor(holder).crash()
  const node = disk.find(file.path)
  assert(node instanceof SimFile && node.sizeBytes > 0)
  const whole = node.sizeBytes
  node.replace([], 0)
  await world.start(holder)
  const sizeBytes = (): number => {
    const found = disk.find(file.path)
    return found instanceof SimFile ? found.sizeBytes : 0
  }
  await world.until(() => sizeBytes() === whole && isAtRest(world), { timeMsMax: 60_000 })
  const { metrics } = world.processor(holder)
  assert.equal(metrics.get('blocks.scrub_damaged_count'), 1)
  assert.equal(metrics.get('blocks.repaired_count'), 1)
  assert(warnings.some((line) => line.includes('damaged on this disk')))
  for (const { n } of world.processors) assert.deepEqual(faultsOf(world, n, holder), {})
})

test('C94: a holder that stalls: the read returns from another one within a second', async () => {
  const { world, reader, holder } = await placedBlock(30)
  const names = { from: `p${holder}`, to: `p${reader}` }
  world.network.block(names)
  const startMs = world.scheduler.nowMs
  assert.deepEqual(await get(world, reader, '/public/f'), body)
  const tookMs = world.scheduler.nowMs - startMs
  assert(tookMs > 500 && tookMs < 1_000, `${tookMs} ms`)
  assert.deepEqual(faultsOf(world, reader, holder), { late: 1 })
  world.network.unblock(names)
})

test('C29: with one of three holders down writes and reads go on; it catches up when it is back', async () => {
  const world = await startedWorld({ seed: 31 })
  await makeDirectory(world, 1, '/public/d')
  world.processor(2).crash()
  const startMs = world.scheduler.nowMs
  for (let index = 0; index < 5; index++) {
    await put(world, 1, `/public/d/${index}`, { body: bytesOf(200_000, index + 3) })
  }
  const tookMs = world.scheduler.nowMs - startMs
  assert(tookMs < 5_000, `five writes took ${tookMs} ms`)
  assert.deepEqual(await get(world, 4, '/public/d/4'), bytesOf(200_000, 7))
  const before = blockFiles(world).filter(({ n }) => n === 2).length
  await world.start(2)
  await rest(world)
  const after = blockFiles(world)
  for (let index = 0; index < 5; index++) {
    for (const { id, holders } of await blockMap(world, `/public/d/${index}`)) {
      const on = after.filter((file) => file.id === id).map(({ n }) => n)
      assert.deepEqual(on.sort(), [...holders].sort())
    }
  }
  assert(after.filter(({ n }) => n === 2).length > before)
  // What it fetched is good: it can serve it when the others are gone from it.
  assert.deepEqual(await get(world, 2, '/public/d/4'), bytesOf(200_000, 7))
  for (const n of [1, 3, 4]) assert.deepEqual(faultsOf(world, n, 2), {})
})

test('C94 C96: a read with one member silent goes on as soon as the link to another is back', async () => {
  const world = await startedWorld({ seed: 34 })
  await put(world, 1, '/public/f', { body })
  world.processor(4).crash()
  await world.pass(50)
  world.network.block({ from: 'p3', to: 'p1' })
  const startMs = world.scheduler.nowMs
  const call = world.request(1, { method: 'HEAD', path: pathOf('/public/f') })
  await world.pass(10)
  await world.start(4)
  assert.equal((await world.finish(call.done)).status, 200)
  const tookMs = world.scheduler.nowMs - startMs
  assert(tookMs < 1_500, `${tookMs} ms`)
})

/** Ways in which a Processor is alive and does not take blocks. */
const silences: readonly {
  readonly title: string
  readonly silence: (world: SimWorld, n: number) => void
  readonly mend: (world: SimWorld, n: number) => void
}[] = [
  {
    title: 'its disk hangs',
    silence: (world, n) => {
      world.processor(n).disk.faults.syncDelayMs = { min: 30_000, max: 30_000 }
    },
    mend: (world, n) => {
      world.processor(n).disk.faults.syncDelayMs = { min: 0.2, max: 2 }
    },
  },
  {
    title: 'its process is frozen',
    silence: (world, n) => world.processor(n).process.freeze(),
    mend: (world, n) => world.processor(n).process.thaw(),
  },
]

for (const [index, { title, silence, mend }] of silences.entries()) {
  test(`C29 C94: a holder falls silent (${title}): writes go on after a second, and it fetches what it missed`, async () => {
    // Of five the fifth only stores: what it costs is blocks, and no turn of a leader.
    const silent = 5
    const world = await startedWorld({ seed: 41 + index, nodeCount: 5 })
    const content = bytesOf(20 * 1024 * 1024)
    const upload = async (path: string): Promise<number> => {
      const startMs = world.scheduler.nowMs
      await put(world, 1, path, { body: content })
      return world.scheduler.nowMs - startMs
    }
    const calmMs = await upload('/public/calm')
    await rest(world)
    silence(world, silent)
    const firstMs = await upload('/public/first')
    assert(firstMs < calmMs + 2_500, `${firstMs} ms instead of ${calmMs}`)
    const secondMs = await upload('/public/second')
    assert(secondMs < calmMs + 500, `${secondMs} ms instead of ${calmMs}`)
    assert((faultsOf(world, 1, silent).late ?? 0) > 0, 'it is reported')
    mend(world, silent)
    await rest(world)
    const there = new Set(blockFiles(world).flatMap(({ n, id }) => (n === silent ? [id] : [])))
    for (const path of ['/public/first', '/public/second']) {
      for (const { id, holders } of await blockMap(world, path))
        assert(!holders.includes(silent) || there.has(id), `${path}: block ${id}`)
    }
    assert(world.processor(silent).metrics.get('blocks.repaired_count') > 100)
    assert.deepEqual(await get(world, silent, '/public/second'), content)
    for (const n of [2, 3, 4]) assert.deepEqual(faultsOf(world, 1, n), {})
  })
}

test('C29: too few holders: a clear refusal within the deadline, and nothing is left behind', async () => {
  const world = await startedWorld({ seed: 32, nodeCount: 5 })
  const wide = `${pathOf('/public/wide')}?replicas=5`
  world.processor(4).crash()
  world.processor(5).crash()
  await world.pass(100)
  const startMs = world.scheduler.nowMs
  const refused = await world.call(1, { method: 'PUT', path: wide, body })
  assert.equal(refused.status, 503)
  assert.equal(jsonOf(refused).code, 'filesystem/unavailable')
  assert.equal(jsonOf(refused).needed, 4)
  assert.equal(jsonOf(refused).reachable, 3)
  assert(world.scheduler.nowMs - startMs < 8_000)
  await expectCall(world, 2, { method: 'GET', path: pathOf('/public/wide'), status: [404] })
  await world.start(4)
  await expectCall(world, 1, { method: 'PUT', path: wide, body })
  await rest(world)
})

test('a link that breaks while blocks are on their way: the write is tried again and succeeds', async () => {
  const world = await startedWorld({ seed: 33 })
  const call = world.request(1, {
    method: 'PUT',
    path: pathOf('/public/f'),
    body: bytesOf(500_000),
  })
  const sent = (): number => world.processor(1).metrics.get('blocks.put_sent_count')
  await world.until(() => sent() > 10)
  for (const peer of [2, 3, 4]) world.network.cut('p1', `p${peer}`)
  const reply = await world.finish(call.done)
  assert.equal(reply.status, 201, text(reply))
  assert.deepEqual(await get(world, 3, '/public/f'), bytesOf(500_000))
  await rest(world)
})

test('C25: without a quorum a clear 503 within the deadline; with one again, everything by itself', async () => {
  const world = await startedWorld({ seed: 34 })
  await put(world, 1, '/public/f', { body })
  world.processor(3).crash({ power: true })
  world.processor(4).crash({ silent: true })
  for (const request of [
    { method: 'PUT', path: pathOf('/public/g'), body },
    { method: 'GET', path: pathOf('/public/f') },
    { method: 'DELETE', path: pathOf('/public/f') },
  ]) {
    const startMs = world.scheduler.nowMs
    const headers = { 'unosys-deadline-ms': '10000' }
    const reply = await world.call(1, { ...request, headers })
    const problem = jsonOf(reply)
    assert.equal(reply.status, 503, text(reply))
    assert.match(String(problem.code), /unavailable|unconfirmed/)
    assert(world.scheduler.nowMs - startMs <= 10_500)
  }
  const refused = jsonOf(await world.call(2, { method: 'GET', path: pathOf('/public/f') }))
  assert.deepEqual([refused.needed, refused.reachable], [3, 2])
  assert.equal(world.processor(1).kernel.status().ready, false)
  world.processor(3).start()
  await world.until(() => world.processor(1).kernel.status().ready)
  assert.deepEqual(await get(world, 1, '/public/f'), body)
  await put(world, 2, '/public/h', { body })
  await world.start(4)
  await rest(world)
})

test('C25: a request of many steps that loses the quorum on its way ends within its one deadline', async () => {
  const weather = {
    delayMs: { min: 40, max: 60 },
    stallChance: 0,
    stallMs: { min: 0, max: 0 },
    cutChance: 0,
    dialFailChance: 0,
    bytesPerMs: 100_000,
    windowBytes: 256 * 1024,
  }
  const world = await startedWorld({ seed: 36, weather })
  await put(world, 1, '/public/f', { body })
  const startMs = world.scheduler.nowMs
  const deep = world.request(1, {
    method: 'PUT',
    path: `${pathOf('/public/a/b/c/d/e/f/g/h')}?parents=true`,
    headers: { 'unosys-deadline-ms': '4000', 'idempotency-key': 'deep' },
    body,
  })
  await world.pass(1_500)
  for (const n of [3, 4]) world.processor(n).crash({ silent: true })
  const reply = await world.finish(deep.done)
  assert.equal(reply.status, 503, text(reply))
  assert.match(String(jsonOf(reply).code), /unavailable|unconfirmed/)
  assert(world.scheduler.nowMs - startMs <= 4_600, `${world.scheduler.nowMs - startMs} ms`)
  for (const n of [3, 4]) await world.start(n)
  await rest(world)
})

test('C25 C98: both sides of a partition: only the one with a quorum goes on', async () => {
  const world = await startedWorld({ seed: 35 })
  await put(world, 1, '/public/f', { body })
  world.partition([1], [2, 3, 4])
  const headers = { 'unosys-deadline-ms': '6000' }
  const cutOff = world.request(1, {
    method: 'PUT',
    path: pathOf('/public/f'),
    headers,
    body: bytesOf(99),
  })
  await put(world, 3, '/public/f', { body: bytesOf(5_000) })
  assert.equal((await world.finish(cutOff.done)).status, 503)
  world.heal()
  await rest(world)
  assert.deepEqual(await get(world, 1, '/public/f'), bytesOf(5_000))
})

test('Processors crash and come back while files are written: none that was acknowledged is lost', async () => {
  const world = await startedWorld({ seed: 36 })
  await makeDirectory(world, 1, '/public/d')
  const dice = world.random.fork('crash loop')
  const acknowledged = new Map<string, Uint8Array>()
  let round = 0
  const write = async (): Promise<void> => {
    for (; round < 24; round++) {
      const up = world.processors.filter(({ isReady }) => isReady)
      if (up.length === 0) {
        await new Promise<void>((resolve) => void world.scheduler.after(100, resolve, 'wait'))
        continue
      }
      const path = `/public/d/file-${round}`
      const content = bytesOf(500 + dice.below(150_000), round + 1)
      const request = { method: 'PUT', path: pathOf(path), body: content }
      const reply = await world.request(dice.pick(up).n, request).done
      if (reply.status === 201) acknowledged.set(path, content)
      else assert([0, 503].includes(reply.status), text(reply))
    }
  }
  const crash = (): void => {
    if (round >= 24) return
    const victim = dice.pick(world.processors)
    const downCount = world.processors.filter(({ isUp }) => !isUp).length
    if (downCount < 1 && victim.isUp) {
      victim.crash({ power: dice.happens(0.5) })
      world.scheduler.after(dice.between({ min: 20, max: 600 }), () => victim.start(), 'back')
    }
    world.scheduler.after(dice.between({ min: 20, max: 300 }), crash, 'crash')
  }
  world.scheduler.after(10, crash, 'crash')
  await world.finish(write())
  for (const processor of world.processors) processor.start()
  await rest(world)
  assert(acknowledged.size >= 8, `${acknowledged.size} of 24 were acknowledged`)
  for (const [path, content] of acknowledged) {
    const n = 1 + (path.length % 4)
    assert.deepEqual(await get(world, n, path), content, path)
  }
})

test('the power fails everywhere the moment a write is acknowledged: it is there when it is back', async () => {
  const world = await startedWorld({ seed: 37 })
  for (let round = 1; round <= 4; round++) {
    for (const { disk } of world.processors) disk.faults.syncDelayMs = { min: 300, max: 900 }
    const content = bytesOf(90_000, round)
    await put(world, round, '/public/f', { body: content })
    for (const processor of world.processors) processor.crash({ power: true })
    for (const { disk } of world.processors) disk.faults.syncDelayMs = { min: 0.2, max: 2 }
    await world.pass(1_000)
    await world.start()
    assert.deepEqual(await get(world, 2, '/public/f'), content)
    await rest(world)
  }
})

test('a disk that fails its sync stops its Processor with a clear reason; the others go on', async () => {
  const world = await startedWorld({ seed: 38 })
  world.toleratesStops = true
  const { disk, journals } = world.processor(2)
  disk.faults.failingSync = true
  journals.faults.failing = true
  await put(world, 1, '/public/f', { body: bytesOf(300_000) })
  await world.until(() => !world.processor(2).isUp)
  assert.match(world.failures[0]?.message ?? '', /Processor 2 stopped/)
  disk.faults.failingSync = false
  journals.faults.failing = false
  world.processor(2).start()
  await rest(world)
  assert.deepEqual(await get(world, 2, '/public/f'), bytesOf(300_000))
})

test('a consensus journal that cannot be synced stops its Processor, and says what it was', async () => {
  const world = await startedWorld({ seed: 39 })
  world.toleratesStops = true
  const { journals } = world.processor(2)
  journals.faults.failing = true
  await put(world, 1, '/public/f', { body: bytesOf(5_000) })
  await world.until(() => !world.processor(2).isUp)
  const said = world.failures[0]?.message ?? ''
  assert.match(said, /Processor 2 stopped.*the consensus journal could not be made durable/s)
  journals.faults.failing = false
  world.processor(2).start()
  await rest(world)
  assert.deepEqual(await get(world, 2, '/public/f'), bytesOf(5_000))
})

test('a full disk refuses blocks and stays up: the file is written with the other two', async () => {
  const world = await startedWorld({ seed: 39 })
  world.processor(4).disk.faults.full = true
  await put(world, 1, '/public/f', { body: bytesOf(300_000) })
  assert(world.processor(4).isUp)
  assert.deepEqual(await get(world, 4, '/public/f'), bytesOf(300_000))
  world.processor(4).disk.faults.full = false
  await rest(world)
})

test('every holder is full: 507, and room again is enough', async () => {
  const world = await startedWorld({ seed: 40 })
  for (const { disk } of world.processors) disk.faults.full = true
  const refused = await world.call(1, { method: 'PUT', path: pathOf('/public/f'), body })
  assert.equal(refused.status, 507, text(refused))
  for (const { disk } of world.processors) disk.faults.full = false
  await put(world, 1, '/public/f', { body })
})
