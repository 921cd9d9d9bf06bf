/**
 * One process of the floor. Three keep blocks; one seals and hashes each block once and sends it to
 * all three, then reads blocks back from one of them each. Orders come from `floor.ts`.
 */
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hash,
  randomFillSync,
} from 'node:crypto'
import { dialFloor, type FloorLink, listenFloor } from './floor-link.ts'
import { FloorVault } from './floor-vault.ts'

export type FloorOrder =
  | { readonly kind: 'hold'; readonly folder: string }
  | { readonly kind: 'dial'; readonly ports: readonly number[] }
  | {
      readonly kind: 'write' | 'read'
      readonly name: string
      readonly count: number
      readonly bytes: number
      /** Blocks under way at once. */
      readonly window: number
    }

export type FloorReply =
  | { readonly kind: 'ready'; readonly port: number }
  | { readonly kind: 'done'; readonly ms: number; readonly latenciesMs: readonly number[] }

const Op = { Put: 1, Stored: 2, Get: 3, Block: 4 } as const
const nameBytes = 32
const hashBytes = 32
const nonceBytes = 12
const tagBytes = 16

/** op 1 | number 4 | name 32 | hash 32 */
function headOf(op: number, number: number, name: Uint8Array, digest?: Uint8Array): Buffer {
  const head = Buffer.alloc(5 + nameBytes + hashBytes)
  head[0] = op
  head.writeUInt32BE(number, 1)
  head.set(name, 5)
  if (digest !== undefined) head.set(digest, 5 + nameBytes)
  return head
}

const nameOf = (head: Buffer): string => head.toString('hex', 5, 5 + nameBytes)
const digestOf = (head: Buffer): Buffer => head.subarray(5 + nameBytes)
const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer')

function checkHash(head: Buffer, body: Buffer): void {
  if (!sha256(body).equals(digestOf(head))) throw new Error('a block has another hash')
}

async function hold(folder: string): Promise<void> {
  const vault = new FloorVault(folder)
  const digests = new Map<string, Buffer>()
  const port = await listenFloor((link, head, body) => {
    const number = head.readUInt32BE(1)
    const name = head.subarray(5, 5 + nameBytes)
    const text = nameOf(head)
    if (head[0] === Op.Get) {
      link.send(headOf(Op.Block, number, name, digests.get(text)), vault.read(text))
      return
    }
    if (body === undefined) throw new Error('a put without a body')
    checkHash(head, body)
    digests.set(text, Buffer.from(digestOf(head)))
    vault.put(text, body, () => link.send(headOf(Op.Stored, number, name)))
  })
  say({ kind: 'ready', port })
}

class Writer {
  readonly #key = createSecretKey(Buffer.alloc(32, 7))
  readonly #links: FloorLink[] = []
  readonly #waiting = new Map<number, (head: Buffer, body: Buffer | undefined) => void>()
  #next = 0

  async dial(ports: readonly number[]): Promise<void> {
    for (const port of ports)
      this.#links.push(
        await dialFloor(port, (_link, head, body) => {
          this.#waiting.get(head.readUInt32BE(1))?.(head, body)
        }),
      )
  }

  /** Seal once, hash once, three copies: resolves when all three are durable. */
  write(name: Buffer, plain: Buffer): Promise<void> {
    const nonce = randomFillSync(Buffer.allocUnsafe(nonceBytes))
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce)
    const body = cipher.update(plain)
    cipher.final()
    const sealed = Buffer.concat([nonce, body, cipher.getAuthTag()])
    const digest = sha256(sealed)
    return new Promise((resolve) => {
      const number = this.#next++
      let left = this.#links.length
      this.#waiting.set(number, () => {
        if (--left > 0) return
        this.#waiting.delete(number)
        resolve()
      })
      for (const link of this.#links) link.send(headOf(Op.Put, number, name, digest), sealed)
    })
  }

  /** One message to one holder; its hash is checked and the block opened. */
  read(name: Buffer): Promise<number> {
    return new Promise((resolve) => {
      const number = this.#next++
      this.#waiting.set(number, (head, sealed) => {
        this.#waiting.delete(number)
        if (sealed === undefined) throw new Error('a reply without a block')
        checkHash(head, sealed)
        const decipher = createDecipheriv('aes-256-gcm', this.#key, sealed.subarray(0, nonceBytes))
        decipher.setAuthTag(sealed.subarray(-tagBytes))
        const plain = decipher.update(sealed.subarray(nonceBytes, -tagBytes))
        decipher.final()
        resolve(plain.length)
      })
      this.#links[number % this.#links.length]?.send(headOf(Op.Get, number, name))
    })
  }
}

const writer = new Writer()
const content = randomFillSync(Buffer.alloc(4 * 1024 * 1024))

async function run(order: Extract<FloorOrder, { kind: 'write' | 'read' }>): Promise<void> {
  const { kind, name, count, bytes, window } = order
  const latenciesMs: number[] = []
  let next = 0
  const lane = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const startMs = performance.now()
      const block = sha256(Buffer.from(`${name} ${index}`))
      const offset = (index * bytes) % (content.length - bytes)
      if (kind === 'write') await writer.write(block, content.subarray(offset, offset + bytes))
      else if ((await writer.read(block)) !== bytes) throw new Error('a block of another length')
      latenciesMs.push(performance.now() - startMs)
    }
  }
  const startMs = performance.now()
  await Promise.all(Array.from({ length: Math.min(window, count) }, lane))
  say({ kind: 'done', ms: performance.now() - startMs, latenciesMs })
}

const say = (reply: FloorReply): void => {
  process.send?.(reply)
}

process.on('message', (order: FloorOrder) => {
  if (order.kind === 'hold') void hold(order.folder)
  else if (order.kind === 'dial')
    void writer.dial(order.ports).then(() => say({ kind: 'ready', port: 0 }))
  else void run(order)
})
process.on('disconnect', () => process.exit())
