/** What every step of the tour is given, and the order of the steps. */

import { showHolders, showNothingTold } from './disk-steps.ts'
import { catchUp, damageBlocks, killWhileWriting } from './fault-steps.ts'
import { readElsewhere, storeFolder, storeLarge } from './file-steps.ts'
import type { TourInput } from './input.ts'
import type { Walk } from './promises.ts'
import type { TourWorld } from './world.ts'
import { endWorld, startWorld } from './world-steps.ts'

export type Tour = {
  readonly world: TourWorld
  readonly walk: Walk
  readonly input: TourInput
}

/** The whole walk. @throws BrokenPromise at the first promise that is not kept. */
export async function walkTour(tour: Tour): Promise<void> {
  const { walk } = tour
  await walk.step('Four Processors, four processes, one computer', () => startWorld(tour))
  await walk.step('Store a large file through Processor 1', () => storeLarge(tour))
  await walk.step('Store a folder of small files through Processor 1', () => storeFolder(tour))
  await walk.step('Read both through Processor 3', () => readElsewhere(tour, 3))
  await walk.step('On which Processors the blocks of the large file lie', () => showHolders(tour))
  await walk.step('What the disks tell about names and contents', () => showNothingTold(tour))
  await walk.step('Kill Processor 2 (SIGKILL) in the middle of a write', () =>
    killWhileWriting(tour, { through: 1, victim: 2, reader: 3 }),
  )
  await walk.step('Damage block files on disk, and read all the same', () =>
    damageBlocks(tour, { reader: 3 }),
  )
  await walk.step('Restart Processor 2 and watch it catch up', () => catchUp(tour, 2))
  await walk.step('Stop the world', () => endWorld(tour))
}
