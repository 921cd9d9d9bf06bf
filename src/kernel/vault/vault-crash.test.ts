/**
 * Goal: no block whose put resolved is ever lost or altered, whatever the disk does to what was not
 * synced; and what was not acknowledged reads back right or not at all.
 * Method: per seed several runs of one node on one simulated disk. Each puts and gets blocks at
 * random and ends in the middle: power cut, SIGKILL (the disk stays) or an orderly close, at times
 * already while opening. Some runs meet a full disk or a failing sync. Every block that was ever
 * acknowledged is read back in the run after.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blockOf, crypto, storageKey, vaultOn } from '../../../test/conformance/vault-fixture.ts'
import { Scheduler } from '../../simulator/scheduler.ts'
import { SimClock } from '../../simulator/sim-clock.ts'
import { SimDisk } from '../../simulator/sim-disk.ts'
import { SimProcess } from '../../simulator/sim-process.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import type { StoredBlock, Vault } from './index.ts'

const seedCount = Number(process.env.VAULT_CRASH_SEEDS ?? 120)
const runsPerSeed = 6
const blockCount = 24
const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'no code'

type World = {
  readonly scheduler: Scheduler
  readonly random: SimRandom
  readonly disk: SimDisk
  /** Resolved puts, by number of the block. */
  readonly acknowledged: Map<number, StoredBlock>
  /** Happenings of this seed, to show that the schedule is not a tame one. */
  readonly seen: Map<string, number>
}

function note(world: World, what: string): void {
  world.seen.set(what, (world.seen.get(what) ?? 0) + 1)
}

const numbered = (number: number): StoredBlock =>
  blockOf(number, { bytes: 1 + ((number * 977) % 9_000), version: 1 + (number % 3) })

async function put(world: World, vault: Vault, number: number): Promise<void> {
  const block = numbered(number)
  try {
    await vault.put(block)
    world.acknowledged.set(number, block)
    note(world, 'put')
  } catch (error) {
    note(world, codeOf(error))
  }
}

/** A read is right for what was acknowledged, and right or an error for all else. */
async function get(world: World, vault: Vault, number: number): Promise<void> {
  const block = numbered(number)
  const acknowledged = world.acknowledged.has(number)
  try {
    const copy = await vault.get(block)
    assert.deepEqual(copy.sealed, block.sealed, `block ${number} is altered`)
    assert.deepEqual(copy.releaseTag, block.releaseTag)
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error
    assert.ok(!acknowledged, `acknowledged block ${number} is lost: ${String(error)}`)
    assert.match(codeOf(error), /^vault\/(missing|content-changed)$/)
    note(world, `unacknowledged ${codeOf(error)}`)
  }
}

async function work(world: World, vault: Vault, failures: unknown[]): Promise<void> {
  const { random } = world
  const tasks: Promise<unknown>[] = []
  const start = (task: Promise<void>): void => {
    tasks.push(task.catch((error: unknown) => failures.push(error)))
  }
  for (const number of world.acknowledged.keys()) start(get(world, vault, number))
  for (let step = 0; step < 30; step++) {
    const number = random.below(blockCount)
    start((random.happens(0.7) ? put : get)(world, vault, number))
  }
  await Promise.all(tasks)
  if (random.happens(0.3)) await vault.close()
}

async function runOnce(world: World, run: number, ending: 'cut' | 'kill' | 'idle'): Promise<void> {
  const { scheduler, disk, random } = world
  const node = new SimProcess(scheduler, 'node')
  const clock = new SimClock(node)
  const failures: unknown[] = []
  // The storage key rotates with every third run.
  const storageKeys = [1, 2, 3].slice(0, 1 + Math.floor(run / 3)).map(storageKey)
  const limits = { reserveBytes: 0, writesInFlightMax: 8 }
  void vaultOn(disk.mount(clock), { clock, limits, storageKeys })
    .then((vault) => work(world, vault, failures))
    .catch((error: unknown) => {
      note(world, `open ${codeOf(error)}`)
      if (ending === 'idle') failures.push(error)
    })
  if (ending === 'idle') await scheduler.run({})
  else {
    await scheduler.run({ eventCountMax: 1 + random.below(240) })
    disk.faults.full = random.happens(0.15)
    disk.faults.failingSync = random.happens(0.15)
    await scheduler.run({ eventCountMax: 1 + random.below(240) })
  }
  node.kill()
  if (ending === 'cut') disk.crash()
  else disk.detach()
  disk.faults.full = false
  disk.faults.failingSync = false
  if (failures.length > 0) throw failures[0]
}

async function runSeed(seed: number): Promise<World> {
  const random = new SimRandom(seed)
  const scheduler = new Scheduler({
    settle: () => new Promise((resolve) => setImmediate(resolve)),
  })
  const disk = new SimDisk({ random })
  const world = { scheduler, random, disk, acknowledged: new Map(), seen: new Map() }
  for (let run = 0; run < runsPerSeed; run++)
    await runOnce(world, run, random.happens(0.6) ? 'cut' : 'kill')
  // After a power cut the last run must find everything.
  disk.crash()
  await runOnce(world, runsPerSeed, 'idle')
  return world
}

test(`crashes: no acknowledged block is lost or altered (${seedCount} seeds)`, async () => {
  const seen = new Map<string, number>()
  let acknowledged = 0
  for (let seed = 1; seed <= seedCount; seed++) {
    const world = await runSeed(seed).catch((error: unknown) => {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error })
    })
    acknowledged += world.acknowledged.size
    for (const [what, count] of world.seen) seen.set(what, (seen.get(what) ?? 0) + count)
  }
  assert.ok(acknowledged > seedCount * 8, `only ${acknowledged} blocks were ever acknowledged`)
  // The schedules must meet what they are for.
  for (const what of ['vault/full', 'vault/failed', 'unacknowledged vault/content-changed'])
    assert.ok((seen.get(what) ?? 0) > 0, `no run met ${what}: ${JSON.stringify([...seen])}`)
})

test('crashes: a seed replays to the same disk', async () => {
  const digest = async (): Promise<string> => {
    const { disk, seen } = await runSeed(7)
    const paths = disk.paths().join('\n')
    return Buffer.from(
      crypto.sha256(new TextEncoder().encode(paths + JSON.stringify([...seen]))),
    ).toString('hex')
  }
  assert.equal(await digest(), await digest())
})
