/** `GET /v1/status` of a Processor, for whoever looks after it. */
import http from 'node:http'
import type { StatusBody } from '../wire/schemas.ts'

const bodyBytesMax = 1024 * 1024

/** Undefined while it does not answer, or not yet with its status. */
export function pollStatus(
  api: string,
  options: { readonly token: string; readonly timeoutMs: number },
): Promise<StatusBody | undefined> {
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${options.token}` }
    const url = new URL('/v1/status', api)
    const request = http.get(url, { headers, timeout: options.timeoutMs }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
        if (text.length > bodyBytesMax) request.destroy()
      })
      response.on('end', () => resolve(response.statusCode === 200 ? parse(text) : undefined))
    })
    request.on('timeout', () => request.destroy())
    request.on('error', () => resolve(undefined))
    request.on('close', () => resolve(undefined))
  })
}

function parse(text: string): StatusBody | undefined {
  try {
    const body = JSON.parse(text) as StatusBody
    return body.product === 'unosys' ? body : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
