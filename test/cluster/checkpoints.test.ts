/**
 * Goal: the log does not grow for ever, and whoever lacks more than is kept comes back by itself:
 * a member that was down for long, one whose disk is gone, and two that lose theirs one after
 * another, while the others go on (C3, C25, C96; PROTOCOL 2.7, 2.8, 2.10).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memberLimits } from '../../src/kernel/group/index.ts'
import type { SimWorld } from '../../src/simulator/world.ts'
import {
  bytesOf,
  expectCall,
  get,
  isAtRest,
  makeDirectory,
  pathOf,
  put,
  startedWorld,
  total,
} from './world-fixture.ts'

/** A checkpoint every eight heights. */
const limits = { ...memberLimits, snapshotHeights: 8 }

async function busyWorld(seed: number, nodeCount = 4): Promise<SimWorld> {
  const world = await startedWorld({ seed, nodeCount, memberLimits: limits })
  await makeDirectory(world, 1, '/public/dir')
  return world
}

const statusOf = (world: SimWorld, n: number) => world.processor(n).kernel.status()

/** `count` small files through Processor `n`; each takes a height. */
async function work(world: SimWorld, n: number, name: string, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    await put(world, n, `/public/dir/${name}-${index}`, { body: bytesOf(500, index + 1) })
  }
}

async function holdsAll(world: SimWorld, n: number, name: string, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const bytes = await get(world, n, `/public/dir/${name}-${index}`)
    assert.deepEqual(bytes, bytesOf(500, index + 1), `${name}-${index} through ${n}`)
  }
}

const back = (world: SimWorld, epoch = 1): Promise<void> =>
  world.until(
    () =>
      isAtRest(world) &&
      world.processors.every(({ kernel }) => {
        const { group } = kernel.status()
        return group.votes && group.epoch === epoch
      }),
    { timeMsMax: 120_000 },
  )

test('C3 C25: the log behind the last checkpoints goes, and a restart needs no more', async () => {
  const world = await busyWorld(1)
  await work(world, 1, 'a', 60)
  await back(world)
  const records = (): number[] => world.processors.map((one) => one.journals.countOf('section'))
  const early = records()
  await work(world, 1, 'b', 120)
  await back(world)
  const before = statusOf(world, 2).group
  assert(before.stableHeight >= before.height - 16, JSON.stringify(before))
  for (const [index, count] of records().entries()) {
    // Of each height the list of what was added stays, until blocks are compared without lists.
    const grown = count - (early[index] ?? 0)
    assert(grown <= 120 + 64, `Processor ${index + 1} keeps ${grown} records of 120 heights`)
  }
  for (const { n } of world.processors) {
    world.processor(n).crash({ power: true })
    world.processor(n).start()
  }
  await back(world)
  assert.equal(statusOf(world, 2).group.height, before.height)
  await holdsAll(world, 3, 'a', 60)
})

test('C3 C25: a member that was down for longer than the log is kept takes up a state', async () => {
  const world = await busyWorld(2)
  await work(world, 1, 'a', 5)
  world.processor(4).crash()
  await work(world, 1, 'b', 60)
  world.processor(4).start()
  // The load goes on meanwhile.
  await work(world, 2, 'c', 10)
  await back(world)
  assert(world.agreement.fault === undefined)
  const group = statusOf(world, 4).group
  assert.deepEqual([group.votes, group.epoch], [true, 1])
  await holdsAll(world, 4, 'b', 60)
  await holdsAll(world, 4, 'c', 10)
  // It can go on without another one: it really is a member again.
  world.processor(3).crash()
  await work(world, 4, 'd', 3)
})

test('C3 C96: a member without its disk votes no more, is readmitted and gets its blocks back', async () => {
  const world = await busyWorld(3)
  await work(world, 1, 'a', 30)
  await back(world)
  for (const [place, n] of [4, 3].entries()) {
    const blocks = statusOf(world, n).vault.blocks
    world.processor(n).wipe()
    await work(world, 1, `b${n}`, 12)
    world.processor(n).start()
    await work(world, 2, `c${n}`, 12)
    await back(world, place + 2)
    const status = statusOf(world, n)
    assert(status.vault.blocks > blocks, `${status.vault.blocks} blocks after ${blocks}`)
  }
  // All copies are there again: whatever the two others hold alone is not needed.
  world.processor(1).crash()
  await work(world, 3, 'd', 3)
  for (const name of ['a', 'b4', 'c3']) await holdsAll(world, 4, name, 12)
  await expectCall(world, 3, { method: 'DELETE', path: pathOf('/public/dir/a-0') })
  assert.equal(total(world, 'consensus.evidence'), 0)
})
