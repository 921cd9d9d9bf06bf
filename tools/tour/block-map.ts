/** Where the blocks of a file should lie (as the API tells) and where they do (on the disks). */
import type { BlockMap, UnosysClient } from '../../src/sdk/index.ts'
import { blockFilesById } from './block-files.ts'
import type { TourProcessor } from './world.ts'

export type PlacedBlock = BlockMap['blocks'][number]

/** All blocks of a file, page by page. */
export async function blocksOf(client: UnosysClient, path: string): Promise<PlacedBlock[]> {
  const blocks: PlacedBlock[] = []
  for (;;) {
    const fromBlock = (blocks.at(-1)?.index ?? -1) + 1
    const page = await client.blockMap(path, { fromBlock })
    blocks.push(...page.blocks)
    const isLast = page.blocks.length === 0 || (blocks.at(-1)?.index ?? 0) + 1 >= page.blockCount
    if (isLast) return blocks
  }
}

/** The numbers of those Processors on whose disk there is a file of the block, by block id. */
export function holdersOnDisk(processors: readonly TourProcessor[]): Map<string, number[]> {
  const found = new Map<string, number[]>()
  for (const { n, folder } of processors) {
    for (const id of blockFilesById(folder).keys()) found.set(id, [...(found.get(id) ?? []), n])
  }
  return found
}

/** Blocks that some of these Processors should hold and do not, or hold and should not. */
export function misplaced(
  blocks: readonly PlacedBlock[],
  processors: readonly TourProcessor[],
): PlacedBlock[] {
  const onDisk = holdersOnDisk(processors)
  const looked = new Set(processors.map(({ n }) => n))
  return blocks.filter(({ id, holders }) => {
    const wanted = holders.filter((n) => looked.has(n)).sort((a, b) => a - b)
    return wanted.join() !== (onDisk.get(id) ?? []).join()
  })
}
