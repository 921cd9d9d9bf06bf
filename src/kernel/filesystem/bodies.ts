/** Bodies from applications: counted, bounded, and read at most once. */

import { FileCode, FileError } from './errors.ts'
import type { Deadline } from './interface.ts'
import { patchBytesMax } from './limits.ts'

/** Passes the stream on and holds it to its announced length. */
export async function* exactly(
  body: AsyncIterable<Uint8Array>,
  expectedBytes: number | undefined,
): AsyncGenerator<Uint8Array> {
  let seenBytes = 0
  for await (const chunk of body) {
    seenBytes += chunk.length
    if (expectedBytes !== undefined && seenBytes > expectedBytes) break
    yield chunk
  }
  if (expectedBytes !== undefined && seenBytes !== expectedBytes) {
    const message = `the body has ${seenBytes} bytes, ${expectedBytes} were announced`
    throw new FileError(FileCode.WrongLength, message, { expectedBytes, seenBytes })
  }
}

/** Passes the stream on; each piece shows that the request goes on. */
export async function* moving(
  stream: AsyncIterable<Uint8Array>,
  deadline: Deadline,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    deadline.moved()
    yield chunk
  }
}

/** The whole body in memory. @throws FileError `filesystem/too-large` */
export async function gathered(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > patchBytesMax) {
      const message = `one write inside a file takes at most ${patchBytesMax} bytes; send several`
      throw new FileError(FileCode.TooLarge, message, { bytesMax: patchBytesMax })
    }
    chunks.push(chunk)
  }
  const all = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    all.set(chunk, offset)
    offset += chunk.length
  }
  return all
}
