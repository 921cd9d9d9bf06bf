/** Killed, frozen and restarted Processors: what was acknowledged stays, and the rest goes on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isApiError, type Status } from '../../src/sdk/index.ts'
import { eachOf } from '../../tools/tour/transfer.ts'
import { until } from '../../tools/tour/until.ts'
import type { TourProcessor } from '../../tools/tour/world.ts'
import { bytesOf, worldForTests } from './tour-world.ts'

const worldOf = worldForTests('kill')
const caughtUpMsMax = 60_000

const sameBytes = async (processor: TourProcessor, path: string, bytes: Uint8Array) =>
  assert(Buffer.from(await processor.client.readAll(path)).equals(bytes), `${path} differs`)

/** Height, log and blocks of the others are there. */
async function caughtUp(processor: TourProcessor, height: number): Promise<void> {
  await until(`Processor ${processor.n} has caught up`, caughtUpMsMax, async () => {
    const { group, vault } = await processor.status()
    const isComplete = vault.checkedHeight >= height && vault.awaited === 0
    return group.height >= height && !group.catchingUp && isComplete
  })
}

for (const n of [1, 2, 3, 4]) {
  test(`C3, C4: Processor ${n} is killed: the others go on, and it comes back with all`, async () => {
    const world = worldOf()
    const victim = world.at(n)
    const [one, two] = world.processors.filter((processor) => processor.n !== n)
    assert(one && two)
    const before = bytesOf(n, 900_000)
    await one.client.write(`/public/before-${n}.bin`, before)
    await victim.kill()
    const during = bytesOf(n + 10, 1_100_000)
    await two.client.write(`/public/during-${n}.bin`, during)
    await two.client.append(`/public/before-${n}.bin`, 'more')
    await two.client.rename(`/public/before-${n}.bin`, `/public/renamed-${n}.bin`)
    await sameBytes(one, `/public/during-${n}.bin`, during)
    await sameBytes(one, `/public/renamed-${n}.bin`, Buffer.concat([before, Buffer.from('more')]))
    const { height } = (await one.status()).group
    await victim.start()
    await caughtUp(victim, height)
    await sameBytes(victim, `/public/during-${n}.bin`, during)
    assert.equal(await victim.client.exists(`/public/before-${n}.bin`), false)
  })
}

test('bad input: fewer Processors alive than a quorum is a 503 that says so, and mends itself', async () => {
  const world = worldOf()
  const { client } = world.at(1)
  await client.write('/public/quorum.txt', 'before')
  await world.at(3).kill()
  await world.at(4).kill()
  const startMs = performance.now()
  const refused = client.write('/public/quorum.txt', 'too few', { deadlineMs: 8_000 })
  await assert.rejects(refused, (error) => {
    assert(isApiError(error), String(error))
    assert.equal(error.status, 503)
    assert.match(error.message, /2 of 4|3 are needed|members/)
    return true
  })
  assert(performance.now() - startMs < 60_000)
  assert.equal((await world.at(2).status()).ready, false)
  await world.at(3).start()
  await until('a quorum answers', 30_000, async () => (await world.at(1).status()).ready)
  await client.write('/public/quorum.txt', 'after')
  await world.at(4).start()
  await until('the fourth reads it too', 30_000, async () => {
    return (
      Buffer.from(await world.at(4).client.readAll('/public/quorum.txt')).toString() === 'after'
    )
  })
  await world.allMeet()
})

const lateOf = (status: Status, n: number): number =>
  status.processors.find((processor) => processor.n === n)?.faults.late ?? 0

test('C94: a holder that is frozen costs a reader a bounded pause, and is reported as late', async () => {
  const world = worldOf()
  const reader = world.at(3)
  const content = bytesOf(94, 4_000_000)
  await world.at(1).client.write('/public/frozen.bin', content)
  await until('all copies are made', 20_000, async () => {
    const all = await Promise.all(world.processors.map((processor) => processor.status()))
    return all.every(({ vault }) => vault.awaited === 0)
  })
  const before = lateOf(await reader.status(), 2)
  world.at(2).freeze()
  try {
    const startMs = performance.now()
    await sameBytes(reader, '/public/frozen.bin', content)
    const tookMs = performance.now() - startMs
    // 0.7 s until the next holder is asked, 3 s until the frozen one counts as down.
    assert(tookMs < 10_000, `took ${Math.round(tookMs)} ms`)
    const writeStartMs = performance.now()
    await reader.client.write('/public/while-frozen.txt', 'goes on')
    const writeMs = performance.now() - writeStartMs
    assert(writeMs < 20_000, `a write took ${Math.round(writeMs)} ms`)
    const { processors } = await reader.status()
    const isSeen = processors.find(({ n }) => n === 2)?.up === false
    assert(isSeen || lateOf(await reader.status(), 2) > before, 'nobody noticed')
  } finally {
    world.at(2).thaw()
  }
  await world.allMeet()
  await sameBytes(world.at(2), '/public/while-frozen.txt', Buffer.from('goes on'))
})

/** Small and large, written now, to be found after a restart of everything. */
async function writeSome(name: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  for (let index = 0; index < 6; index++) {
    files.set(`/public/${name}/${index}.bin`, bytesOf(index, 10 + index * 150_000))
  }
  await eachOf([...files], 3, async ([path, bytes]) => {
    await worldOf().at(1).client.write(path, bytes, { parents: true })
  })
  return files
}

test('the whole world is stopped and started again, and everything is there', async () => {
  const world = worldOf()
  const files = await writeSome('stopped')
  const exits = await world.stop()
  assert(exits.every(({ code }) => code === 0))
  await world.start()
  await eachOf([...files], 3, ([path, bytes]) => sameBytes(world.at(4), path, bytes))
  await world.at(2).client.write('/public/after-restart.txt', 'new')
})

test('all Processors are killed at once, and everything that was acknowledged is there', async () => {
  const world = worldOf()
  const files = await writeSome('killed')
  await world.killAll()
  await world.start()
  await eachOf([...files], 3, ([path, bytes]) => sameBytes(world.at(2), path, bytes))
  await world.at(3).client.write('/public/after-killing.txt', 'new')
})
