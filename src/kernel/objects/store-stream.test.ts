import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { digestOf } from '../../base/ids.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import type { Blocks } from '../blocks/interface.ts'
import { PageCache, type PageCall } from './pages.ts'
import { cutBlocks, storeStream } from './store-stream.ts'

async function* streamOf(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

test('C21: a stream is cut into equal blocks, the last one shorter, whatever its chunks', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 12 }),
      fc.integer({ min: 1, max: 16 }),
      async (chunks, blockBytes) => {
        const pieces: Uint8Array[] = []
        for await (const piece of cutBlocks(streamOf(chunks), blockBytes)) pieces.push(piece)
        assert.deepEqual(Buffer.concat(pieces), Buffer.concat(chunks))
        for (const piece of pieces.slice(0, -1)) assert.equal(piece.length, blockBytes)
        const last = pieces.at(-1)
        assert(last === undefined || (last.length > 0 && last.length <= blockBytes))
      },
    ),
  )
})

test('C21: 1 MB of 64 KiB blocks is 16 blocks', async () => {
  let count = 0
  for await (const piece of cutBlocks(streamOf([new Uint8Array(2 ** 20)]), 65_536)) {
    assert.equal(piece.length, 65_536)
    count++
  }
  assert.equal(count, 16)
})

test('each batch that its holders took is told: a long upload gets on without the client', async () => {
  const blockBytes = 2 ** 20
  let batchCount = 0
  const write: Blocks['write'] = async (batch) => {
    batchCount++
    const refs = batch.map(({ id, version, plain }) => {
      return {
        id,
        version,
        hash: digestOf('ab'.repeat(32)),
        sealedBytes: plain.length,
        keyEpoch: 1,
      }
    })
    return { added: { blocks: [], receipts: [] }, refs }
  }
  const services = {
    blocks: { write } as Blocks,
    random: new SimRandom('stream'),
    cache: new PageCache(),
  }
  let landedCount = 0
  const stored = await storeStream(services, streamOf([new Uint8Array(4 * blockBytes)]), {
    page: { signal: new AbortController().signal, deadlineMs: 1, replicas: 3 } as PageCall,
    blockBytes,
    stage: async () => assert.fail('so few blocks are not staged'),
    onLanded: () => landedCount++,
  })
  assert.deepEqual([stored.blockCount, batchCount, landedCount], [4, 2, 2])
})
