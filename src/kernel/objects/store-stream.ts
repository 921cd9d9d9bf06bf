/**
 * Storing a whole new content from a stream: cut into blocks, a few batches on their way at once,
 * the tree built as they land. The stream is read no faster than holders take blocks.
 */
import { discard, toHex } from '../../base/bytes.ts'
import { blockIdOf } from '../../base/ids.ts'
import type { Random } from '../../ports/random.ts'
import type { Blocks, PlainBlock } from '../blocks/interface.ts'
import type { Added, BlockRef } from '../section/interface.ts'
import { AddedList } from './added.ts'
import { ObjectCode, ObjectError } from './errors.ts'
import { batchBlocks, batchesInFlight, batchPlainBytes, streamBlocksMax } from './limits.ts'
import { type PageCache, type PageCall, pageStore } from './pages.ts'
import { type Tree, TreeBuilder } from './tree.ts'

export type StoredContent = {
  readonly size: number
  readonly tree: Tree
  /** Blocks that were not staged yet. */
  readonly added: Added
  readonly blockCount: number
}

/** Cuts a stream into pieces of `blockBytes`, the last one shorter. Copies each byte once. */
export async function* cutBlocks(
  body: AsyncIterable<Uint8Array>,
  blockBytes: number,
): AsyncGenerator<Uint8Array> {
  let held = new Uint8Array(blockBytes)
  let heldBytes = 0
  for await (const chunk of body) {
    for (let offset = 0; offset < chunk.length; ) {
      const part = chunk.subarray(offset, offset + blockBytes - heldBytes)
      held.set(part, heldBytes)
      heldBytes += part.length
      offset += part.length
      if (heldBytes < blockBytes) continue
      yield held
      held = new Uint8Array(blockBytes)
      heldBytes = 0
    }
  }
  if (heldBytes > 0) yield held.slice(0, heldBytes)
}

/**
 * @param stage hears of blocks as soon as they are more than one operation may name.
 * @throws BlockError, and whatever the stream throws (then nothing names the blocks).
 */
export async function storeStream(
  services: { readonly blocks: Blocks; readonly random: Random; readonly cache: PageCache },
  body: AsyncIterable<Uint8Array>,
  options: {
    readonly page: PageCall
    readonly blockBytes: number
    readonly stage: (added: Added) => Promise<void>
    /** Hears of each batch that its holders took: the upload gets on. */
    readonly onLanded?: (() => void) | undefined
  },
): Promise<StoredContent> {
  const { blocks, random } = services
  const { page } = options
  const added = new AddedList()
  const builder = new TreeBuilder(pageStore(services, page, (saved) => added.add(saved)))
  const perBatch = Math.max(1, Math.min(batchBlocks, batchPlainBytes / options.blockBytes))
  const flying: Promise<PromiseSettledResult<{ added: Added; refs: readonly BlockRef[] }>>[] = []
  let batch: PlainBlock[] = []
  let size = 0
  let blockCount = 0
  const land = async (): Promise<void> => {
    const result = await flying.shift()
    if (result === undefined) return
    if (result.status === 'rejected') throw result.reason
    options.onLanded?.()
    added.add(result.value.added)
    for (const ref of result.value.refs) await builder.push(ref)
    if (added.isFull) await options.stage(added.take())
  }
  const launch = async (): Promise<void> => {
    if (batch.length === 0) return
    if (flying.length >= batchesInFlight) await land()
    const sent = batch
    batch = []
    const writing = Promise.allSettled([blocks.write(sent, page)])
    flying.push(
      writing.then(([result]) => {
        for (const { plain } of sent) discard(plain)
        return result
      }),
    )
  }
  for await (const plain of cutBlocks(body, options.blockBytes)) {
    page.signal.throwIfAborted()
    batch.push({ id: blockIdOf(toHex(random.bytes(16))), version: 1, plain })
    size += plain.length
    blockCount++
    if (blockCount > streamBlocksMax) throw tooLarge(options.blockBytes)
    if (batch.length >= perBatch) await launch()
  }
  await launch()
  while (flying.length > 0) await land()
  const tree = await builder.finish()
  return { size, tree, added: added.take(), blockCount }
}

function tooLarge(blockBytes: number): ObjectError {
  const bytesMax = streamBlocksMax * blockBytes
  const message = `one upload with blocks of ${blockBytes} bytes takes at most ${bytesMax} bytes`
  return new ObjectError(ObjectCode.TooLarge, `${message}; choose larger blocks`, {})
}
