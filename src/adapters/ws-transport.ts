/**
 * The transport port over WebSockets (RFC 6455, the `ws` package): plain HTTP until the upgrade,
 * so that firewalls and proxies let it pass.
 *
 * Two things differ from a browser's WebSocket, both inside the standard. The dialler's mask is
 * zero: masking in JavaScript was the largest single cost of a link, it guards proxies against
 * bytes chosen by a web page, and what passes here is ciphertext. And messages are not compressed.
 */
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import type { Connection, Transport, TransportOptions } from '../ports/transport.ts'
import type { HostAndPort } from './ws-address.ts'
import { formatAddress, parseAddress, plainHost } from './ws-address.ts'
import { WsConnection } from './ws-connection.ts'
import { linkPath, listenWs } from './ws-listen.ts'
import { openTunnel } from './ws-proxy.ts'
import type { TransportError } from './ws-transport-errors.ts'
import { TransportCode, transportError } from './ws-transport-errors.ts'

/** From dialling to the end of the upgrade; a caller's signal may be shorter. */
const dialTimeoutMs = 10_000

type DialOptions = TransportOptions & { readonly signal: AbortSignal }

/** @param options.proxyAddress `host:port` of an HTTP proxy to dial through. */
export const createWsTransport = (options: { readonly proxyAddress?: string } = {}): Transport => ({
  listen: listenWs,
  dial: (address, dialOptions) => dial(address, dialOptions, options.proxyAddress),
})

async function dial(
  address: string,
  options: DialOptions,
  proxyAddress: string | undefined,
): Promise<Connection> {
  const unreachable = (cause: unknown): TransportError =>
    transportError(TransportCode.Unreachable, address, cause)
  const target = parseAddress(address)
  if (target === undefined) throw unreachable('not host:port')
  const proxy = proxyAddress === undefined ? undefined : parseAddress(proxyAddress)
  if (proxyAddress !== undefined && proxy === undefined)
    throw unreachable('the proxy is not host:port')
  const { signal } = options
  if (signal.aborted) throw unreachable('aborted')
  try {
    const tunnel = proxy && (await openTunnel({ proxy, target, timeoutMs: dialTimeoutMs, signal }))
    return await connect(target, options, tunnel)
  } catch (error) {
    throw unreachable(signal.aborted ? 'aborted' : error)
  }
}

/** @param tunnel a byte stream to the target, where there is one already. */
function connect(
  target: HostAndPort,
  options: DialOptions,
  tunnel: Socket | undefined,
): Promise<Connection> {
  const { signal } = options
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://${formatAddress(target)}${linkPath}`, {
      perMessageDeflate: false,
      skipUTF8Validation: true,
      autoPong: false,
      maxPayload: options.messageBytesMax,
      handshakeTimeout: dialTimeoutMs,
      generateMask: (mask) => mask.fill(0),
      ...(tunnel && { createConnection: () => tunnel }),
    })
    const abort = (): void => socket.terminate()
    signal.addEventListener('abort', abort)
    socket.once('error', (error) => {
      signal.removeEventListener('abort', abort)
      reject(error)
    })
    socket.once('upgrade', (response) => {
      const stream = response.socket
      socket.once('open', () => {
        signal.removeEventListener('abort', abort)
        const remoteAddress = plainHost(stream.remoteAddress)
        resolve(new WsConnection(socket, stream, { initiator: true, remoteAddress }))
      })
    })
  })
}
