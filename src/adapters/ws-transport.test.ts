// Goal: what only real sockets show: other people's clients, proxies, and who breaks the rules.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { test } from 'node:test'
import { WebSocket as StockWebSocket } from 'ws'
import { isUnosysError } from '../base/error.ts'
import type { Connection, Listener } from '../ports/transport.ts'
import { formatAddress, parseAddress, plainHost } from './ws-address.ts'
import { createWsTransport } from './ws-transport.ts'

const limits = { messageBytesMax: 1 << 20, connectionCountMax: 10 }
const never = new AbortController().signal

type Echo = { listener: Listener; accepted: Connection[]; closes: string[] }

/** A node that answers each message with the same bytes. */
async function echo(options = limits): Promise<Echo> {
  const accepted: Connection[] = []
  const closes: string[] = []
  const listener = await createWsTransport().listen('127.0.0.1:0', options, (connection) => {
    accepted.push(connection)
    connection.listen({
      onMessage: (bytes) => connection.send(bytes.slice()),
      onPong: () => {},
      onClose: (reason) => closes.push(reason),
    })
  })
  return { listener, accepted, closes }
}

async function end({ listener, accepted }: Echo): Promise<void> {
  for (const connection of accepted) connection.close('the test is over')
  await listener.close()
}

const firstMessage = (connection: Connection): Promise<Uint8Array> =>
  new Promise((resolve) => {
    connection.listen({ onMessage: resolve, onPong: () => {}, onClose: () => {} })
  })

async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000
  while (!condition()) {
    assert.ok(performance.now() < endMs, 'not within the deadline')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('C92: a standard WebSocket client, mask and all, connects and is understood', async () => {
  const node = await echo()
  const client = new WebSocket(`ws://${node.listener.address}/unosys/link`)
  client.binaryType = 'arraybuffer'
  await once(client, 'open')
  const sent = Uint8Array.from({ length: 70_000 }, (_, index) => index & 0xff)
  client.send(sent)
  const [event] = await once(client, 'message')
  assert.deepEqual(new Uint8Array(event.data), sent)
  client.close(1000, 'done')
  await until(() => node.closes.length === 1)
  assert.deepEqual(node.closes, ['done'])
  await end(node)
})

test('C92: a link passes an HTTP proxy', async () => {
  const node = await echo()
  const asked: string[] = []
  const proxy = http.createServer()
  proxy.on('connect', (request, socket, head) => {
    asked.push(request.url ?? '')
    const place = parseAddress(request.url ?? '')
    assert.ok(place !== undefined)
    const onward = net.connect(place.port, place.host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      onward.write(head)
      onward.pipe(socket).pipe(onward)
    })
    socket.on('error', () => onward.destroy())
    onward.on('error', () => socket.destroy())
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const proxyAddress = `127.0.0.1:${(proxy.address() as net.AddressInfo).port}`
  const transport = createWsTransport({ proxyAddress })
  const connection = await transport.dial(node.listener.address, { ...limits, signal: never })
  connection.send(Uint8Array.of(1, 2, 3))
  assert.deepEqual(await firstMessage(connection), Uint8Array.of(1, 2, 3))
  assert.deepEqual(asked, [node.listener.address])
  connection.close('done')
  await end(node)
  proxy.close()

  const refusing = http.createServer()
  refusing.on('connect', (_request, socket) => {
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
  })
  await new Promise<void>((resolve) => refusing.listen(0, '127.0.0.1', resolve))
  const refusal = createWsTransport({
    proxyAddress: `127.0.0.1:${(refusing.address() as net.AddressInfo).port}`,
  }).dial(node.listener.address, { ...limits, signal: never })
  await assert.rejects(refusal, /403/)
  refusing.close()
})

test('the dialler masks with zero, so that nobody spends time on masking', async () => {
  const arrived: Buffer[] = []
  const wire = net.createServer((socket) => socket.pipe(onward(socket, arrived)))
  const node = await echo()
  const place = parseAddress(node.listener.address)
  function onward(back: net.Socket, seen: Buffer[]): net.Socket {
    const socket = net.connect(place?.port ?? 0, '127.0.0.1')
    back.on('data', (chunk: Buffer) => seen.push(chunk))
    socket.pipe(back)
    return socket
  }
  await new Promise<void>((resolve) => wire.listen(0, '127.0.0.1', resolve))
  const connection = await createWsTransport().dial(
    `127.0.0.1:${(wire.address() as net.AddressInfo).port}`,
    { ...limits, signal: never },
  )
  connection.send(new TextEncoder().encode('plain to see'))
  await firstMessage(connection)
  assert.ok(Buffer.concat(arrived).includes('plain to see'))
  connection.close('done')
  await end(node)
  wire.close()
})

test('a text message, a fragment bomb and a message over the limit each end the connection', async () => {
  const node = await echo({ ...limits, messageBytesMax: 100_000 })
  const url = `ws://${node.listener.address}/unosys/link`
  const wrongs: ((client: StockWebSocket) => void)[] = [
    (client) => client.send('text'),
    (client) => {
      for (let count = 0; count < 20_000; count++)
        client.send(new Uint8Array(1), { binary: true, fin: false })
    },
    (client) => client.send(new Uint8Array(100_001)),
  ]
  for (const [index, wrong] of wrongs.entries()) {
    const client = new StockWebSocket(url)
    client.on('error', () => {})
    await once(client, 'open')
    wrong(client)
    await once(client, 'close')
    await until(() => node.closes.length === index + 1)
  }
  assert.equal(node.accepted.length, 3)
  await end(node)
})

test('other paths and plain requests are refused', async () => {
  const node = await echo()
  const base = `http://${node.listener.address}`
  assert.equal((await fetch(`${base}/unosys/link`)).status, 426)
  const client = new StockWebSocket(`ws://${node.listener.address}/other`)
  const [error] = await once(client, 'error')
  assert.match(String(error), /404/)
  assert.equal(node.accepted.length, 0)
  await end(node)
})

test('garbage in the place of a request ends the socket, and the node goes on', async () => {
  const node = await echo()
  const place = parseAddress(node.listener.address)
  const socket = net.connect(place?.port ?? 0, '127.0.0.1')
  socket.on('error', () => {})
  socket.write('\x16\x03\x01 this is not HTTP\r\n\r\n')
  await once(socket, 'close')
  const connection = await createWsTransport().dial(node.listener.address, {
    ...limits,
    signal: never,
  })
  connection.send(Uint8Array.of(7))
  assert.deepEqual(await firstMessage(connection), Uint8Array.of(7))
  connection.close('done')
  await end(node)
})

test('who pings and never reads the answers does not fill our memory', async () => {
  const node = await echo()
  const client = new StockWebSocket(`ws://${node.listener.address}/unosys/link`)
  client.on('error', () => {})
  await once(client, 'open')
  client.pause()
  const payload = new Uint8Array(125)
  // 25 MB of pings, whose answers would be as much.
  for (let round = 0; round < 200; round++) {
    for (let count = 0; count < 1000; count++) client.ping(payload)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until(() => client.bufferedAmount === 0)
  assert.ok((node.accepted[0]?.bufferedBytes() ?? 0) < 2 * 1024 * 1024)
  client.terminate()
  await end(node)
})

test('a peer that vanishes during the closing handshake is let go after a second', async () => {
  const node = await echo()
  const place = parseAddress(node.listener.address)
  const socket = net.connect(place?.port ?? 0, '127.0.0.1')
  const key = Buffer.alloc(16).toString('base64')
  socket.write(
    `GET /unosys/link HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n\r\n`,
  )
  socket.on('error', () => {})
  await until(() => node.accepted.length === 1)
  const startMs = performance.now()
  node.accepted[0]?.close('enough')
  socket.resume()
  await once(socket, 'close')
  assert.ok(performance.now() - startMs < 5_000)
  await end(node)
})

test('an address that is no address is refused, whatever stands in it', async () => {
  const wrong = [
    '',
    'x',
    ':1',
    'a:',
    'a:99999',
    'user@host:1',
    'host:1/path',
    'a b:1',
    '[::1:1',
    'h:1\n',
  ]
  for (const address of wrong) {
    assert.equal(parseAddress(address), undefined, address)
    await assert.rejects(createWsTransport().dial(address, { ...limits, signal: never }), (error) =>
      isUnosysError(error, 'transport/unreachable'),
    )
    await assert.rejects(
      createWsTransport().listen(address, limits, () => {}),
      (error) => isUnosysError(error, 'transport/listen-failed'),
    )
  }
  assert.deepEqual(parseAddress('[::1]:80'), { host: '::1', port: 80 })
  assert.equal(formatAddress({ host: '::1', port: 80 }), '[::1]:80')
  assert.equal(plainHost('::ffff:10.0.0.1'), '10.0.0.1')
  assert.equal(plainHost('::1'), '::1')
})
