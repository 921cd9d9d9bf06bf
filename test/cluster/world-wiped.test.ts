/**
 * Goal: a Processor that loses its disk comes back by itself while applications go on and other
 * trouble is about: a liar beside it, another member that is down for a moment, no membership at
 * all, the same loss twice. It votes again, holds its blocks again, and nothing acknowledged is
 * lost (C3, C96; PROTOCOL 2.7, 2.10).
 *
 * Random ones are among the troubles of every seed; see `world-seeds.test.ts`.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memberLimits } from '../../src/kernel/group/index.ts'
import type { SimWorld } from '../../src/simulator/world.ts'
import { WorldChaos } from '../../src/simulator/world-chaos.ts'
import { noWorldFaults } from '../../src/simulator/world-faults.ts'
import {
  blockFiles,
  bytesOf,
  get,
  isAtRest,
  makeDirectory,
  put,
  simulated,
  startedWorld,
} from './world-fixture.ts'

const limits = { ...memberLimits, snapshotHeights: 8 }

async function busyWorld(seed: number, nodeCount: number): Promise<SimWorld> {
  const world = await startedWorld({ seed, nodeCount, memberLimits: limits })
  await makeDirectory(world, 1, '/public/dir')
  return world
}

const nameOf = (index: number): string => `/public/dir/file-${index}`

/** Files `from` to before `to`, one after the other, through Processor `n`. */
async function write(world: SimWorld, n: number, from: number, to: number): Promise<void> {
  for (let index = from; index < to; index++)
    await put(world, n, nameOf(index), { body: bytesOf(9_000, index + 1) })
}

async function holdsAll(world: SimWorld, n: number, count: number): Promise<void> {
  for (let index = 0; index < count; index++)
    assert.deepEqual(await get(world, n, nameOf(index)), bytesOf(9_000, index + 1))
}

const statusOf = (world: SimWorld, n: number) => world.processor(n).kernel.status()

const blocksAt = (world: SimWorld, n: number): readonly string[] =>
  blockFiles(world).flatMap((file) => (file.n === n ? [file.id] : []))

/** All are there; every member votes, in this epoch. */
const back = (world: SimWorld, epoch: number): Promise<void> =>
  world.until(
    () =>
      isAtRest(world) &&
      world.processors.every(({ kernel }) => {
        const { group, role } = kernel.status()
        return role === 'storage' || (group.votes && group.epoch === epoch)
      }),
    { timeMsMax: 120_000 },
  )

test('C3 C96: of seven members one lies, and others lose their disks under load, one after another', async () => {
  const faults = { ...noWorldFaults, wipeEveryMs: 500 }
  const liars = [{ n: 2, name: 'vote equivocator' as const }]
  const options = { nodeCount: 7, liars, faults, clientCount: 2 }
  const report = await (await WorldChaos.create({ seed: 60, ...simulated(), ...options })).run()
  assert(report.lieCount > 0)
  assert(report.wipeCount >= 2, `${report.wipeCount} disks were lost`)
  assert.equal(report.unansweredCount, 0, 'the others are enough')
})

test('C3 C96: a Processor that only stores loses its disk and gets its blocks back under load', async () => {
  const world = await busyWorld(61, 5)
  const storing = world.processors.find(({ n }) => statusOf(world, n).role === 'storage')
  assert(storing !== undefined)
  const member = storing.n === 1 ? 2 : 1
  await write(world, member, 0, 12)
  await back(world, 1)
  const before = blocksAt(world, storing.n)
  assert(before.length > 2, `${before.length} blocks`)
  storing.wipe()
  assert.deepEqual(blocksAt(world, storing.n), [])
  await write(world, member, 12, 16)
  storing.start()
  await write(world, member, 16, 24)
  await back(world, 1)
  const there = new Set(blocksAt(world, storing.n))
  assert(before.every((id) => there.has(id)))
  await holdsAll(world, storing.n, 24)
})

test('C3 C96: a readmission waits while another member is down for a moment, and needs no help', async () => {
  const world = await busyWorld(62, 4)
  await write(world, 1, 0, 12)
  await back(world, 1)
  const before = blocksAt(world, 4)
  world.processor(4).wipe()
  world.processor(3).crash({ power: true })
  world.processor(4).start()
  await world.pass(5_000)
  // Two voters of four are no quorum: nothing can be ordered, the readmission neither.
  assert.deepEqual([statusOf(world, 4).group.votes, statusOf(world, 1).group.epoch], [false, 1])
  world.processor(3).start()
  await write(world, 2, 12, 20)
  await back(world, 2)
  const there = new Set(blocksAt(world, 4))
  assert(before.every((id) => there.has(id)))
  await holdsAll(world, 4, 20)
  world.processor(1).crash()
  await write(world, 4, 20, 22)
})

test('C3 C96: a member that loses its disk twice within a minute is readmitted again', async () => {
  const world = await busyWorld(63, 4)
  for (const epoch of [2, 3]) {
    world.processor(2).wipe()
    world.processor(2).start()
    await write(world, 1, 6 * (epoch - 2), 6 * (epoch - 1))
    await back(world, epoch)
  }
  await holdsAll(world, 2, 12)
})
