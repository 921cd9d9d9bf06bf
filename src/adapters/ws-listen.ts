/** The accepting side: an HTTP server that knows one path and upgrades it. */
import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { Connection, Listener, TransportOptions } from '../ports/transport.ts'
import { formatAddress, parseAddress, plainHost } from './ws-address.ts'
import { WsConnection } from './ws-connection.ts'
import { TransportCode, transportError } from './ws-transport-errors.ts'

/** The one path of a link; part of the protocol. */
export const linkPath = '/unosys/link'

/** From the first byte to the end of the request's headers. */
const requestTimeoutMs = 5_000
const checkIntervalMs = 1_000
const headerBytesMax = 4 * 1024
/** Sockets in the middle of the upgrade, beside those that are connections. */
const upgradingCountMax = 64

/** @throws TransportError `transport/address-in-use`, `transport/listen-failed` */
export async function listenWs(
  address: string,
  options: TransportOptions,
  onConnection: (connection: Connection) => void,
): Promise<Listener> {
  const place = parseAddress(address)
  if (place === undefined)
    throw transportError(TransportCode.ListenFailed, address, 'not host:port')
  const server = http.createServer({
    maxHeaderSize: headerBytesMax,
    headersTimeout: requestTimeoutMs,
    requestTimeout: requestTimeoutMs,
    connectionsCheckingInterval: checkIntervalMs,
    noDelay: true,
  })
  server.maxConnections = options.connectionCountMax + upgradingCountMax
  acceptUpgrades(server, options, onConnection)
  await bind(server, address, place)
  return {
    address: formatAddress(boundTo(server)),
    close: () => closeServer(server),
  }
}

function acceptUpgrades(
  server: http.Server,
  options: TransportOptions,
  onConnection: (connection: Connection) => void,
): void {
  const upgrader = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    skipUTF8Validation: true,
    autoPong: false,
    maxPayload: options.messageBytesMax,
  })
  let openCount = 0
  server.on('request', (_request, response) => {
    response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end()
  })
  server.on('clientError', (_error, socket: Duplex) => socket.destroy())
  server.on('upgrade', (request, socket: Socket, head) => {
    const refusal =
      request.url !== linkPath
        ? '404 Not Found'
        : openCount >= options.connectionCountMax
          ? '503 Service Unavailable'
          : undefined
    socket.on('error', () => socket.destroy())
    if (refusal !== undefined) {
      socket.end(`HTTP/1.1 ${refusal}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
      socket.destroySoon()
      return
    }
    openCount += 1
    socket.once('close', () => {
      openCount -= 1
    })
    upgrader.handleUpgrade(request, socket, head, (webSocket) => {
      const remoteAddress = plainHost(socket.remoteAddress)
      onConnection(new WsConnection(webSocket, socket, { initiator: false, remoteAddress }))
    })
  })
}

function bind(
  server: http.Server,
  address: string,
  place: { readonly host: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const code =
        error.code === 'EADDRINUSE' ? TransportCode.AddressInUse : TransportCode.ListenFailed
      reject(transportError(code, address, error))
    })
    server.listen({ host: place.host, port: place.port }, () => resolve())
  })
}

function boundTo(server: http.Server): { readonly host: string; readonly port: number } {
  const { address, port } = server.address() as AddressInfo
  return { host: address, port }
}

/** Stop accepting and end half-made upgrades; connections live on until somebody closes them. */
function closeServer(server: http.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close()
    server.closeAllConnections()
    // Later, so that the sockets just ended are gone for whoever waits.
    setImmediate(resolve)
  })
}
