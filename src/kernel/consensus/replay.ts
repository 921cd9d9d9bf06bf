/** Executing again what the journal holds, after a restart. */
import { ConsensusCode, ConsensusError } from './errors.ts'
import type { CommittedBlock } from './interface.ts'
import { type JournalReader, readStoredBlocks } from './journal.ts'
import type { ConsensusOptions } from './options.ts'
import type { Block } from './types.ts'

/** Blocks per read. */
const replayCount = 64

/** What the application sees of a block. */
export const committed = (block: Block, height: number): CommittedBlock => ({
  height,
  view: block.header.view,
  digest: block.digest,
  timeMs: block.header.timeMs,
  items: block.payload.items,
})

/**
 * Execute the heights above `fromHeight` up to `toHeight`.
 *
 * @throws ConsensusError `consensus/journal-damaged`: one of them is missing.
 */
export async function replay(
  options: Pick<ConsensusOptions, 'application' | 'journal'>,
  reader: JournalReader,
  heights: { readonly fromHeight: number; readonly toHeight: number },
): Promise<void> {
  const { application, journal } = options
  let done = heights.fromHeight
  while (done < heights.toHeight) {
    const countMax = Math.min(replayCount, heights.toHeight - done)
    const { rangeBytesMax } = reader.limits
    const range = { fromHeight: done + 1, countMax, bytesMax: rangeBytesMax }
    const stored = await readStoredBlocks(reader, range)
    if (stored.length === 0) {
      const what = `block ${done + 1} is missing`
      throw new ConsensusError(ConsensusCode.JournalDamaged, what, { what })
    }
    const writes = stored.flatMap(({ block, height }) =>
      application.execute(committed(block, height)),
    )
    if (writes.length > 0) await journal.commit(writes)
    for (const { height } of stored) application.onDurable(height)
    done += stored.length
  }
}
