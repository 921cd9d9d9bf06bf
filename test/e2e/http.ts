/** HTTP as a client without a library speaks it: the path goes out as it is written. */
import http from 'node:http'
import type { TestWorld } from './world.ts'

export type RawAnswer = {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
  readonly text: string
  /** Parsed; undefined when it is not JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into it as it likes
  readonly json: any
}

export type RawRequest = {
  readonly method?: string
  /** As sent: not resolved, not encoded. */
  readonly path: string
  readonly headers?: http.OutgoingHttpHeaders
  readonly body?: string | Uint8Array
}

/** One request on a connection of its own. Rejects when the connection breaks. */
export function rawRequest(api: string, request: RawRequest): Promise<RawAnswer> {
  const { method = 'GET', path, headers = {}, body } = request
  const { hostname, port } = new URL(api)
  return new Promise((resolve, reject) => {
    const outgoing = http.request({ hostname, port, method, path, headers, agent: false })
    outgoing.on('error', reject)
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const whole = Buffer.concat(chunks)
        const text = whole.toString('utf8')
        const { statusCode = 0, headers: given } = response
        resolve({ status: statusCode, headers: given, body: whole, text, json: parse(text) })
      })
    })
    outgoing.end(body)
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Not every answer is JSON.
    return undefined
  }
}

export const bearer = (world: TestWorld): { readonly authorization: string } => ({
  authorization: `Bearer ${world.token}`,
})

/** With the world's token, at Processor `n`. */
export const request = (world: TestWorld, n: number, given: RawRequest): Promise<RawAnswer> =>
  rawRequest(world.api(n), { ...given, headers: { ...bearer(world), ...given.headers } })
