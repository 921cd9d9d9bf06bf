import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUnosysError } from '../../base/error.ts'
import { exactly, gathered } from './bodies.ts'
import { patchBytesMax } from './limits.ts'

async function* streamOf(...sizes: number[]): AsyncGenerator<Uint8Array> {
  for (const size of sizes) yield new Uint8Array(size)
}

async function drained(stream: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0
  for await (const chunk of stream) length += chunk.length
  return length
}

const code = (wanted: string) => (error: unknown) => isUnosysError(error, wanted)

test('bad input: a body shorter or longer than its announced length', async () => {
  assert.equal(await drained(exactly(streamOf(3, 4), 7)), 7)
  assert.equal(await drained(exactly(streamOf(3, 4), undefined)), 7)
  await assert.rejects(drained(exactly(streamOf(3), 7)), code('filesystem/wrong-length'))
  await assert.rejects(drained(exactly(streamOf(3, 5), 7)), code('filesystem/wrong-length'))
  await assert.rejects(drained(exactly(streamOf(), 1)), code('filesystem/wrong-length'))
})

test('a write inside a file is bounded and says by what', async () => {
  assert.equal((await gathered(streamOf(1, 2, 3))).length, 6)
  assert.equal((await gathered(streamOf(patchBytesMax))).length, patchBytesMax)
  await assert.rejects(gathered(streamOf(patchBytesMax, 1)), code('filesystem/too-large'))
})
