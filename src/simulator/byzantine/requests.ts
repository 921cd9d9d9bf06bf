/**
 * As much of the messages between Processors as a liar must know, written down from docs/spec/
 * (group.md, blocks.md) and not taken from the code that is under test.
 */
import { concat } from '../../base/bytes.ts'
import { type Channel, channels, type IncomingMessage } from '../../kernel/links/index.ts'

export type Asked = 'submit' | 'read' | 'page' | 'added' | 'put' | 'receipt' | 'get' | 'other'

const byFirstByte: Readonly<Partial<Record<Channel, readonly Asked[]>>> = {
  [channels.group]: ['other', 'submit', 'read', 'page', 'added'],
  [channels.blocks]: ['other', 'put', 'receipt', 'get'],
}

/** Bytes of a request or reply that travels as a head or, when it is long, as a body. */
export const bytesOf = ({ head, body }: Pick<IncomingMessage, 'head' | 'body'>): Uint8Array =>
  head.length > 0 ? head : (body?.bytes ?? head)

export function askedOf(message: Pick<IncomingMessage, 'channel' | 'head' | 'body'>): Asked {
  return byFirstByte[message.channel]?.[bytesOf(message)[0] ?? 0] ?? 'other'
}

/** Id, version and hash of the block that a get asks for. */
const blockKeyBytes = 16 + 8 + 32
const releaseTagBytes = 16
const getKind = 3
export const statusOfCopy = { missing: 1, busy: 4, absent: 5 } as const

/** The answer to a get that gives no block. */
export function noCopy(get: Uint8Array, status: keyof typeof statusOfCopy): Uint8Array {
  const key = get.subarray(1, 1 + blockKeyBytes)
  const facts = Uint8Array.of(statusOfCopy[status])
  return concat([Uint8Array.of(getKind), key, facts, new Uint8Array(releaseTagBytes)])
}

/** The height that a read asks for, and its answer names: eight bytes, big-endian. */
export const heightAt = { request: 1, reply: 0 } as const

export function withHeight(bytes: Uint8Array, at: number, height: number): Uint8Array {
  const copy = bytes.slice()
  const view = new DataView(copy.buffer)
  view.setUint32(at, Math.floor(height / 2 ** 32))
  view.setUint32(at + 4, height >>> 0)
  return copy
}

export function heightIn(bytes: Uint8Array, at: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4)
}
