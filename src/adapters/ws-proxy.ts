/** A tunnel through an HTTP proxy (`CONNECT`, RFC 9110 section 9.3.6), for nodes behind one. */
import http from 'node:http'
import type { Socket } from 'node:net'
import type { HostAndPort } from './ws-address.ts'
import { formatAddress } from './ws-address.ts'

const okStatus = 200

/** A byte stream to `target` through `proxy`. Rejects when either refuses or takes too long. */
export const openTunnel = (input: {
  readonly proxy: HostAndPort
  readonly target: HostAndPort
  readonly timeoutMs: number
  readonly signal: AbortSignal
}): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const { proxy, target, timeoutMs, signal } = input
    const authority = formatAddress(target)
    const request = http.request({
      host: proxy.host,
      port: proxy.port,
      method: 'CONNECT',
      path: authority,
      headers: { host: authority },
      agent: false,
      timeout: timeoutMs,
      signal,
    })
    request.on('connect', (response, socket: Socket, head) => {
      if (response.statusCode !== okStatus) {
        socket.destroy()
        reject(new Error(`the proxy answered ${response.statusCode}`))
        return
      }
      socket.setTimeout(0)
      if (head.length > 0) socket.unshift(head)
      resolve(socket)
    })
    request.on('timeout', () => request.destroy(new Error('the proxy did not answer in time')))
    request.on('error', reject)
    request.end()
  })
