/**
 * The barest link that still does what a link must: `ws` with a zero mask, AES-256-GCM with counter
 * nonces, the tag of a body inside the message before it, one system call a turn. No handshake, no
 * signatures, no windows, no queues: the floor under `src/kernel/links`.
 */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'

const tagBytes = 16
const nonceBytes = 12
const messageBytesMax = 8 * 1024 * 1024
const wsOptions = {
  perMessageDeflate: false,
  skipUTF8Validation: true,
  maxPayload: messageBytesMax,
} as const
const sendOptions = { binary: true, compress: false, fin: true } as const

/** One direction's key and count. */
class Lane {
  readonly #key: KeyObject
  readonly #nonce = Buffer.alloc(nonceBytes)
  #count = 0

  constructor(direction: number) {
    this.#key = createSecretKey(Buffer.alloc(32, direction))
  }

  #next(): Buffer {
    this.#nonce.writeUIntBE(this.#count++, 6, 6)
    return this.#nonce
  }

  seal(plain: Uint8Array): { readonly sealed: Buffer; readonly tag: Buffer } {
    const cipher = createCipheriv('aes-256-gcm', this.#key, this.#next())
    const sealed = cipher.update(plain)
    cipher.final()
    return { sealed, tag: cipher.getAuthTag() }
  }

  open(sealed: Uint8Array, tag: Uint8Array): Buffer {
    const decipher = createDecipheriv('aes-256-gcm', this.#key, this.#next())
    decipher.setAuthTag(tag)
    const plain = decipher.update(sealed)
    decipher.final()
    return plain
  }
}

/** Records and bodies count apart: a body is sealed before the record that carries its tag. */
type Lanes = { readonly records: Lane; readonly bodies: Lane }

const lanesOf = (direction: number): Lanes => ({
  records: new Lane(direction),
  bodies: new Lane(direction + 2),
})

export type OnFloorMessage = (link: FloorLink, head: Buffer, body: Buffer | undefined) => void

export class FloorLink {
  readonly #socket: WebSocket
  readonly #stream: Duplex
  readonly #out: Lanes
  readonly #in: Lanes
  #head: { readonly head: Buffer; readonly tag: Buffer } | undefined
  #corked = false

  constructor(
    ends: { readonly socket: WebSocket; readonly stream: Duplex; readonly dialled: boolean },
    onMessage: OnFloorMessage,
  ) {
    this.#socket = ends.socket
    this.#stream = ends.stream
    this.#out = lanesOf(ends.dialled ? 1 : 2)
    this.#in = lanesOf(ends.dialled ? 2 : 1)
    ends.socket.on('message', (data: Buffer) => this.#take(data, onMessage))
  }

  send(head: Buffer, body?: Uint8Array): void {
    const part = body === undefined ? undefined : this.#out.bodies.seal(body)
    const record = this.#out.records.seal(
      part === undefined ? head : Buffer.concat([part.tag, head]),
    )
    const first = Buffer.concat([Buffer.of(part === undefined ? 0 : 1), record.tag, record.sealed])
    if (!this.#corked) {
      this.#corked = true
      this.#stream.cork()
      process.nextTick(() => {
        this.#corked = false
        this.#stream.uncork()
      })
    }
    this.#socket.send(first, sendOptions)
    if (part !== undefined) this.#socket.send(part.sealed, sendOptions)
  }

  #take(data: Buffer, onMessage: OnFloorMessage): void {
    const before = this.#head
    if (before !== undefined) {
      this.#head = undefined
      const body = this.#in.bodies.open(data, before.tag)
      onMessage(this, before.head, body)
      return
    }
    const hasBody = data[0] === 1
    // The sender sealed the body first: so do we open it first, as soon as it is here.
    const record = { tag: data.subarray(1, 1 + tagBytes), sealed: data.subarray(1 + tagBytes) }
    const plain = this.#in.records.open(record.sealed, record.tag)
    if (!hasBody) onMessage(this, plain, undefined)
    else this.#head = { tag: plain.subarray(0, tagBytes), head: plain.subarray(tagBytes) }
  }
}

/** Listen on a free port of 127.0.0.1; the result is that port. */
export async function listenFloor(onMessage: OnFloorMessage): Promise<number> {
  const server = createServer({ noDelay: true })
  const upgrader = new WebSocketServer({ noServer: true, clientTracking: false, ...wsOptions })
  server.on('upgrade', (request, stream: Socket, head) => {
    upgrader.handleUpgrade(request, stream, head, (socket) => {
      new FloorLink({ socket, stream, dialled: false }, onMessage)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

export function dialFloor(port: number, onMessage: OnFloorMessage): Promise<FloorLink> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, {
      ...wsOptions,
      generateMask: (mask) => mask.fill(0),
    })
    socket.once('error', reject)
    socket.once('upgrade', (response) => {
      const stream = response.socket
      stream.setNoDelay(true)
      socket.once('open', () =>
        resolve(new FloorLink({ socket, stream, dialled: true }, onMessage)),
      )
    })
  })
}
