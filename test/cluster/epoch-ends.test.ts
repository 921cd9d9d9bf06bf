/**
 * Goal: an epoch's end reaches everybody, whoever crashes when: members that missed it, with their
 * disks whole, find out by themselves (C25, C96; PROTOCOL 2.10).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memberLimits } from '../../src/kernel/group/index.ts'
import type { SimWorld } from '../../src/simulator/world.ts'
import { bytesOf, isAtRest, makeDirectory, put, startedWorld } from './world-fixture.ts'

const limits = { ...memberLimits, snapshotHeights: 8 }

/** 0 for one that is not up. */
const epochOf = (world: SimWorld, n: number): number =>
  world.processor(n).isReady ? world.processor(n).kernel.status().group.epoch : 0

const everybodyVotesIn = (world: SimWorld, epoch: number): Promise<void> =>
  world.until(
    () =>
      isAtRest(world) &&
      world.processors.every(({ kernel }) => {
        const { group } = kernel.status()
        return group.votes && group.epoch === epoch
      }),
    { timeMsMax: 120_000 },
  )

/** A world in which Processor 4 has lost its disk and asks to be readmitted. */
async function worldWithAmnesia(seed: number): Promise<SimWorld> {
  const world = await startedWorld({ seed, nodeCount: 4, memberLimits: limits })
  await makeDirectory(world, 1, '/public/dir')
  for (let index = 0; index < 10; index++)
    await put(world, 1, `/public/dir/a-${index}`, { body: bytesOf(500, index + 1) })
  world.processor(4).wipe()
  world.processor(4).start()
  return world
}

for (const seed of [13, 15, 16])
  test(`C25 C96: the end of an epoch that one member saw before the others fell (seed ${seed})`, async () => {
    const world = await worldWithAmnesia(seed)
    const all = [1, 2, 3, 4]
    await world.until(() => all.some((n) => epochOf(world, n) === 2), { timeMsMax: 60_000 })
    const [first, ...fallen] = all.sort((a, b) => epochOf(world, b) - epochOf(world, a))
    assert.deepEqual(
      fallen.map((n) => epochOf(world, n)),
      [1, 1, 1],
    )
    for (const n of fallen) world.processor(n).crash({ power: true })
    await world.pass(1_000)
    // What it needs to show the others survives a restart.
    world.processor(first ?? 0).crash({ power: true })
    for (const n of all) world.processor(n).start()
    await everybodyVotesIn(world, 2)
    await put(world, 4, '/public/dir/b', { body: bytesOf(500, 3) })
  })

test('C96: a member that loses its disk twice in a minute is readmitted twice', async () => {
  const world = await worldWithAmnesia(14)
  await everybodyVotesIn(world, 2)
  world.processor(4).wipe()
  world.processor(4).start()
  await everybodyVotesIn(world, 3)
  await put(world, 4, '/public/dir/b', { body: bytesOf(500, 3) })
})
