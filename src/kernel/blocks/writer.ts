/**
 * The writer's side: seal, send to all holders at once, gather receipts until each block has w
 * (`batch.ts`). What is still missing then goes on in the background, inside the same bound on
 * memory.
 */
import { assert } from '../../base/assert.ts'
import { discard, toHex } from '../../base/bytes.ts'
import { digestOf } from '../../base/ids.ts'
import type { Random } from '../../ports/random.ts'
import { releaseTagOf, sealBlock } from '../keys/index.ts'
import type { Added, BlockRef } from '../section/index.ts'
import { Batch, type BatchOptions, type SealedBlock } from './batch.ts'
import { BlockCode, BlockError } from './errors.ts'
import type { Gate } from './gate.ts'
import type { PlainBlock, WriteOptions } from './interface.ts'
import { batchBlocksMax } from './limits.ts'
import { Watch } from './watch.ts'

export type WriterOptions = Omit<BatchOptions, 'watch'> & {
  readonly random: Random
  /** Plain bytes of unfinished writes of this Processor. */
  readonly inFlight: Gate
}

export class BlockWriter {
  readonly #options: WriterOptions & BatchOptions

  constructor(options: WriterOptions) {
    this.#options = { ...options, watch: new Watch(options) }
  }

  /** @see Blocks.write */
  async write(
    blocks: readonly PlainBlock[],
    options: WriteOptions,
  ): Promise<{ readonly added: Added; readonly refs: readonly BlockRef[] }> {
    assert(blocks.length <= batchBlocksMax, 'a batch of blocks is bounded by its caller')
    if (blocks.length === 0) return { added: { blocks: [], receipts: [] }, refs: [] }
    const { placement, inFlight } = this.#options
    assert(options.replicas <= placement.members.length, 'replicas were checked against members')
    const weight = blocks.reduce((sum, block) => sum + block.plain.length, 0)
    try {
      await inFlight.enter(weight, options.signal)
    } catch {
      throw new BlockError(BlockCode.Cancelled, 'the caller gave up', {})
    }
    let end = (): void => inFlight.leave(weight)
    let shares: Promise<unknown> = Promise.resolve()
    try {
      const sealed = blocks.map((block) => this.#seal(block, options))
      const batch = new Batch(sealed, options, this.#options)
      shares = batch.start()
      end = () => {
        // Each holder has answered for all of it: no queue holds any of it still.
        if (batch.isTaken) for (const block of sealed) discard(block.sealed)
        inFlight.leave(weight)
      }
      const added = await batch.acknowledged
      const epoch = newestContent(options).epoch
      const refs = added.blocks.map(({ id, version, hash, sealedBytes }) => {
        return { id, version, hash, sealedBytes, keyEpoch: epoch }
      })
      return { added, refs }
    } finally {
      // Memory is given back when the last holder took its copy or was given up.
      void shares.then(() => end())
    }
  }

  #seal(block: PlainBlock, options: WriteOptions): SealedBlock {
    const { crypto, random } = this.#options
    const { epoch, key } = newestContent(options)
    const { id, version, plain } = block
    const sealed = sealBlock({ crypto, random }, { key, id, version, keyEpoch: epoch, plain })
    const hash = digestOf(toHex(crypto.sha256(sealed)))
    const releaseTag = releaseTagOf(crypto, options.keys, { id, version, hash })
    return { sealed, added: { id, version, hash, sealedBytes: sealed.length, releaseTag } }
  }
}

function newestContent(options: WriteOptions): WriteOptions['keys']['content'][number] {
  const newest = options.keys.content.at(-1)
  assert(newest !== undefined, 'an object has a content key')
  return newest
}
