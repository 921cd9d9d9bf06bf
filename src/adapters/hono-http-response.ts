/**
 * Sending a response: no more than the socket takes is asked of the body, and whatever goes wrong
 * after the first byte cuts the connection, so that no client takes a part for the whole.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { assert } from '../base/assert.ts'
import type { HttpResponse } from '../ports/http.ts'

/** Of a request body that nobody read: this much is thrown away before the connection is cut. */
const discardBytesMax = 16 * 1024 * 1024
const bodilessStatuses: readonly number[] = [204, 304]

/** What to tell the connection beside what the handler says. */
export type SendOptions = { readonly lastOnConnection: boolean }

/** Resolves when the response is handed over or the connection is gone. */
export async function sendResponse(
  outgoing: ServerResponse,
  response: HttpResponse,
  options: SendOptions,
): Promise<void> {
  const { status, headers, body } = response
  assert(status >= 200 && status <= 599, 'a final status')
  const lengthBytes = body instanceof Uint8Array ? body.length : undefined
  const flat: string[] = []
  for (const [name, value] of headers) flat.push(name, value)
  const declared = contentLengthOf(headers)
  if (declared === undefined && !bodilessStatuses.includes(status)) {
    if (lengthBytes !== undefined) flat.push('content-length', String(lengthBytes))
    else if (body === undefined) flat.push('content-length', '0')
  }
  if (options.lastOnConnection) flat.push('connection', 'close')
  const isBodiless = outgoing.req.method === 'HEAD' || bodilessStatuses.includes(status)
  assert(
    isBodiless || declared === undefined || lengthBytes === undefined || declared === lengthBytes,
    'the declared length is the length of the body',
  )
  outgoing.writeHead(status, flat)
  if (isBodiless || body === undefined) {
    outgoing.end()
    if (body !== undefined && !(body instanceof Uint8Array))
      await body[Symbol.asyncIterator]().return?.()
  } else if (body instanceof Uint8Array) outgoing.end(body)
  else await stream(outgoing, body, declared)
}

async function stream(
  outgoing: ServerResponse,
  body: AsyncIterable<Uint8Array>,
  declaredBytes: number | undefined,
): Promise<void> {
  let wake = (): void => {}
  outgoing.on('drain', () => wake())
  outgoing.on('close', () => wake())
  let sentBytes = 0
  try {
    for await (const bytes of body) {
      if (outgoing.destroyed) return
      sentBytes += bytes.length
      if (sentBytes > (declaredBytes ?? sentBytes)) break
      if (outgoing.write(bytes)) continue
      await new Promise<void>((resolve) => {
        wake = resolve
        if (outgoing.destroyed) resolve()
      })
    }
    if (sentBytes === (declaredBytes ?? sentBytes)) outgoing.end()
    else outgoing.destroy()
  } catch (error) {
    outgoing.destroy()
    throw error
  }
}

function contentLengthOf(headers: HttpResponse['headers']): number | undefined {
  const found = headers.find(([name]) => name.toLowerCase() === 'content-length')
  return found && Number(found[1])
}

/**
 * Let a client that still sends hear the answer: what it sends goes nowhere, up to a bound.
 * Without this the rest would block the connection, or a reset overtake the answer.
 */
export function discardRest(incoming: IncomingMessage): void {
  if (incoming.complete || incoming.destroyed) return
  let discardedBytes = 0
  incoming.on('error', () => incoming.destroy())
  incoming.on('data', (chunk: Buffer) => {
    discardedBytes += chunk.length
    if (discardedBytes > discardBytesMax) incoming.destroy()
  })
  incoming.resume()
}
