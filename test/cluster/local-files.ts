/** What tests of the file system of a local world share. */
import assert from 'node:assert/strict'
import { isUnosysError } from '../../src/base/error.ts'
import type { LocalWorld } from './local-world.ts'

export async function* streamOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
export const code = (wanted: string) => (error: unknown) => {
  assert(isUnosysError(error, wanted), `${String(error)} is not ${wanted}`)
  return true
}

export async function put(
  world: LocalWorld,
  path: string,
  bytes: Uint8Array,
  more = {},
): Promise<string> {
  const { info } = await world.filesystem.write(path, streamOf(bytes), more, world.context())
  return info.etag
}

export async function get(
  world: LocalWorld,
  path: string,
  range?: { start: number; end: number },
): Promise<Buffer> {
  const options = range === undefined ? {} : { range: () => range }
  const { stream } = await world.filesystem.read(path, options, world.context())
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}
