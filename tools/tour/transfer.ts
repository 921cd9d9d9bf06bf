/** Real files of this machine into the world and out again, compared by SHA-256. */
import { createHash } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import type { UnosysClient, WriteOptions } from '../../src/sdk/index.ts'

const chunkBytes = 1024 * 1024

export type Sum = { readonly sha256: string; readonly sizeBytes: number }

export async function sumOf(chunks: AsyncIterable<Uint8Array>): Promise<Sum> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const chunk of chunks) {
    hash.update(chunk)
    sizeBytes += chunk.length
  }
  return { sha256: hash.digest('hex'), sizeBytes }
}

export type LocalFile = {
  /** On this machine. */
  readonly path: string
  /** Only so many of its first bytes. */
  readonly bytesMax?: number
}

export const sizeOf = ({ path, bytesMax }: LocalFile): number =>
  Math.min(statSync(path).size, bytesMax ?? Number.POSITIVE_INFINITY)

const chunksOf = (file: LocalFile): AsyncIterable<Buffer> =>
  createReadStream(file.path, {
    highWaterMark: chunkBytes,
    ...(file.bytesMax === undefined ? {} : { end: file.bytesMax - 1 }),
  })

export const sumOfFile = (file: LocalFile): Promise<Sum> => sumOf(chunksOf(file))

/** Write a file of this machine to `to`, as a stream. `onSent` hears how much was taken. */
export async function upload(
  client: UnosysClient,
  transfer: { readonly from: LocalFile; readonly to: string },
  options: WriteOptions & { readonly onSent?: (sentBytes: number) => void } = {},
): Promise<{ readonly tookMs: number; readonly sizeBytes: number }> {
  const { onSent, ...writing } = options
  const sizeBytes = sizeOf(transfer.from)
  const startMs = performance.now()
  async function* counted(): AsyncGenerator<Uint8Array> {
    let sentBytes = 0
    for await (const chunk of chunksOf(transfer.from)) {
      yield chunk
      sentBytes += chunk.length
      onSent?.(sentBytes)
    }
  }
  await client.write(transfer.to, counted(), { ...writing, sizeBytes })
  return { tookMs: performance.now() - startMs, sizeBytes }
}

/** Read a whole file of the world and reckon its sum. */
export async function download(
  client: UnosysClient,
  path: string,
): Promise<Sum & { readonly tookMs: number }> {
  const startMs = performance.now()
  const sum = await sumOf((await client.read(path)).bytes)
  return { ...sum, tookMs: performance.now() - startMs }
}

/** `work` for each item, at most `atOnce` at a time; the results in the order of the items. */
export async function eachOf<Item, Value>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Value>,
): Promise<Value[]> {
  const results: Value[] = new Array<Value>(items.length)
  const entries = items.entries()
  const worker = async (): Promise<void> => {
    for (const [index, item] of entries) results[index] = await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, () => worker()))
  return results
}
