import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cutBlocks } from './store-stream.ts'

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
