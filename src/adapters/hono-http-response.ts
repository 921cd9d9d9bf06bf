/**
 * Sending a response: no more than the socket takes is asked of the body, and whatever goes wrong
 * after the first byte cuts the connection, so that no client takes a part for the whole.
 */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
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
  const isHead = outgoing.req.method === 'HEAD'
  if (declared === undefined && !bodilessStatuses.includes(status)) {
    if (lengthBytes !== undefined) flat.push('content-length', String(lengthBytes))
    // To HEAD, no body says nothing of how long that of GET is.
    else if (body === undefined && !isHead) flat.push('content-length', '0')
  }
  if (options.lastOnConnection) flat.push('connection', 'close')
  const isBodiless = isHead || bodilessStatuses.includes(status)
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

/** Answer what was never a request, and end the connection. */
export function sendLast(socket: Socket, { status, headers, body }: HttpResponse): void {
  const bytes = body instanceof Uint8Array ? body : new Uint8Array(0)
  const given = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.write(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${given}` +
      `content-length: ${bytes.length}\r\nconnection: close\r\n\r\n`,
    'latin1',
  )
  socket.end(bytes, () => socket.destroy())
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
