/** Bodies of requests and answers. */
import { SdkCode, UnosysApiError } from './errors.ts'

/** What can be written: text (as UTF-8), bytes, a Blob or File, or a stream of bytes. */
export type Content =
  | string
  | Uint8Array
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>

export type OutgoingBody = {
  readonly body: NonNullable<RequestInit['body']>
  /** Sent a second time as it is; false for streams. */
  readonly isReplayable: boolean
  /** Of a stream whose length the caller knows; else the body is sent in chunks. */
  readonly sizeBytes?: number
  readonly isStream: boolean
  /**
   * What the caller's own stream failed with: that is to be thrown, not what it did to the call.
   */
  readonly failure: () => { readonly error: unknown } | undefined
  /** The call has failed: ask for no more of the stream. (`fetch` would read it to its end.) */
  readonly stop: () => void
}

const noFailure = (): undefined => undefined
const nothingToStop = (): void => {}

/** @param sizeBytes of a stream, where it is known: then the Processor can tell a short one. */
export function outgoing(content: Content, sizeBytes?: number): OutgoingBody {
  const plain = { failure: noFailure, stop: nothingToStop }
  if (typeof content === 'string' || content instanceof Uint8Array || content instanceof Blob) {
    return { ...plain, body: content as string, isReplayable: true, isStream: false }
  }
  const stream = { isReplayable: false, isStream: true }
  const size = sizeBytes === undefined ? {} : { sizeBytes }
  // Not every browser can iterate over a ReadableStream; none sends one over HTTP/1.1.
  if (!(Symbol.asyncIterator in content)) return { ...plain, ...stream, ...size, body: content }
  return { ...stream, ...size, ...streamOf(content as AsyncIterable<Uint8Array>) }
}

/** A stream that asks for the next chunk only when there is room for it, until it is stopped. */
function streamOf(
  chunks: AsyncIterable<Uint8Array>,
): Pick<OutgoingBody, 'body' | 'failure' | 'stop'> {
  const iterator = chunks[Symbol.asyncIterator]()
  let failure: { readonly error: unknown } | undefined
  let isStopped = false
  const nextBytes = async (): Promise<IteratorResult<Uint8Array>> => {
    try {
      return await iterator.next()
    } catch (error) {
      failure = { error }
      throw error
    }
  }
  const body = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        let next = await nextBytes()
        // A pull that gives nothing is not asked again.
        while (next.done !== true && next.value.length === 0) next = await nextBytes()
        if (isStopped) await iterator.return?.()
        if (isStopped || next.done === true) controller.close()
        else controller.enqueue(next.value)
      },
      cancel: async () => {
        await iterator.return?.()
      },
    },
    { highWaterMark: 1 },
  )
  const stop = (): void => {
    isStopped = true
  }
  return { body, failure: () => failure, stop }
}

/**
 * The bytes of an answer as they come. A body that ends before its announced length throws: the
 * Processor cuts the connection when it cannot read on.
 */
export async function* incoming(
  response: Response,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const announced = response.headers.get('content-length')
  let lengthBytes = 0
  try {
    if (response.body !== null) {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        lengthBytes += chunk.length
        yield chunk
      }
    }
  } catch (error) {
    if (signal?.aborted === true) throw aborted(error)
    throw cutOff(response, lengthBytes, error)
  }
  if (announced !== null && Number(announced) !== lengthBytes) {
    throw cutOff(response, lengthBytes, undefined)
  }
}

export const aborted = (cause: unknown): UnosysApiError =>
  new UnosysApiError(SdkCode.Aborted, 'given up by the caller', { status: 0, cause })

function cutOff(response: Response, lengthBytes: number, cause: unknown): UnosysApiError {
  const message =
    `the answer broke off after ${lengthBytes} bytes: the Processor stopped or could not read on; ` +
    'read again, and look at "unosys status" if that does not help'
  return new UnosysApiError(SdkCode.CutOff, message, {
    status: response.status,
    detail: { lengthBytes },
    cause,
  })
}

/** Everything joined; for what fits into memory. */
export async function collected(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let lengthBytes = 0
  for await (const part of chunks) {
    parts.push(part)
    lengthBytes += part.length
  }
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return only
  const joined = new Uint8Array(lengthBytes)
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}
