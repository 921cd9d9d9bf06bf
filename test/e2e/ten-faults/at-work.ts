/**
 * A world of four real Processors behind fault proxies, with applications at work, for one test;
 * and the judgement in the end: nothing lost, one possible history, nobody accused who did nothing.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { WireFault } from '../../../tools/faults/rule.ts'
import { Workload, type WorkloadOptions } from '../../../tools/faults/workload.ts'
import { FaultWorld, type FaultWorldOptions } from '../../../tools/faults/world.ts'
import { until } from '../../../tools/tour/until.ts'
import { type Cleanup, cleanupOf, temporaryFolder } from '../folders.ts'

export type AtWork = {
  readonly faulty: FaultWorld
  readonly workload: Workload
  readonly folder: string
}

export type AtWorkOptions = Pick<FaultWorldOptions, 'onBytes'> &
  Omit<WorkloadOptions, 'world' | 'seed'> & {
    readonly seed: number
    /** In the place of starting all Processors as they are. */
    readonly start?: (faulty: FaultWorld, cleanup: Cleanup) => Promise<void>
  }

/** Resolves when the applications have begun. Everything is gone when the test ends. */
export async function atWork(t: TestContext, options: AtWorkOptions): Promise<AtWork> {
  const { seed, onBytes, start, ...work } = options
  const cleanup = cleanupOf(t)
  const folder = await temporaryFolder(cleanup)
  const faulty = await FaultWorld.make({
    folder: join(folder, 'world'),
    seed,
    ...(onBytes === undefined ? {} : { onBytes }),
  })
  cleanup(() => faulty.close())
  await (start === undefined ? faulty.start() : start(faulty, cleanup))
  const workload = new Workload({ ...work, world: faulty.world, seed })
  cleanup(() => workload.stop())
  await workload.start()
  await workload.progress(5)
  return { faulty, workload, folder }
}

/** How often a fault happens at least where a test is about it. */
const oftenEnough = 3
const happenedMsMax = 120_000

/** Those of these faults that did not happen often enough so far, with their counts. */
function rareOf({ faulty }: AtWork, faults: readonly WireFault[]): string[] {
  const counts = faulty.wires.faultCounts()
  return faults
    .filter((fault) => (counts[fault] ?? 0) < oftenEnough)
    .map((fault) => `${fault}: ${counts[fault] ?? 0}`)
}

/** The applications work on until each of these faults has happened often enough. */
export async function happened(work: AtWork, ...faults: readonly WireFault[]): Promise<void> {
  await until(`often enough: ${faults.join(', ')}`, happenedMsMax, () => {
    const rare = rareOf(work, faults)
    if (rare.length > 0) throw new Error(rare.join(', '))
    return true
  })
}

export type Judgement = {
  /** What must have happened on the wires: without it the test shows nothing. */
  readonly faults: readonly WireFault[]
}

/** The trouble is over: heal what is left of it, and judge. */
export async function judge(
  t: TestContext,
  work: AtWork,
  { faults: expected }: Judgement,
): Promise<void> {
  const { faulty, workload } = work
  faulty.wires.heal()
  // In calm weather everything goes on.
  await workload.progress(5)
  await workload.stop()
  await faulty.whole()
  const faults = await workload.verdict()
  t.diagnostic(workload.summary())
  t.diagnostic(`faults on wires: ${JSON.stringify(faulty.wires.faultCounts())}`)
  assert.deepEqual(rareOf(work, expected), [], 'faults that did not happen often enough')
  assert.deepEqual(faults, [])
  assert.deepEqual(await faulty.accused(), [])
}
