/**
 * One message in its canonical form: the bytes that its hash covers, and with it the signature of
 * its envelope. The body is in it by length and hash, so that whoever knows the hash already (the
 * holder of a block) need not compute it again.
 */
import { assert } from '../../base/assert.ts'
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import type { Reader, Writer } from '../../base/codec.ts'
import { domains } from '../../base/domains.ts'
import { digestBytes } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { type Channel, channels } from './interface.ts'
import { bodyBytesMax, deadlineMsMax, headBytesMax, refusalCodeBytesMax } from './limits.ts'

/** On the wire; retired numbers stay listed and unused. */
export const messageKinds = { message: 1, request: 2, reply: 3, refusal: 4, cancel: 5 } as const
export type MessageKind = (typeof messageKinds)[keyof typeof messageKinds]

const knownKinds = Object.values(messageKinds)
const knownChannels: readonly Channel[] = Object.values(channels)

export type BodyClaim = { readonly length: number; readonly hash: Uint8Array }

/** A message as signed. `id` is 0 for one-way messages, `deadlineMs` 0 for all but requests. */
export type SignedContent = {
  readonly kind: MessageKind
  readonly channel: Channel
  readonly id: number
  readonly deadlineMs: number
  readonly head: Uint8Array
  readonly body: BodyClaim | undefined
}

const fixedBytes = 1 + 1 + 8 + 4 + 4 + 1
const bodyClaimBytes = 4 + digestBytes

/** Length of the canonical form. */
export const contentBytes = (content: SignedContent): number =>
  fixedBytes + content.head.length + (content.body === undefined ? 0 : bodyClaimBytes)

export function writeContent(writer: Writer, content: SignedContent): void {
  writer.u8(content.kind).u8(content.channel).u64(content.id).u32(content.deadlineMs)
  writer.blob(content.head)
  writer.option(content.body, (inner, body) => {
    assert(body.hash.length === digestBytes, 'a body hash is a SHA-256')
    inner.u32(body.length).fixed(body.hash)
  })
}

function readBodyClaim(reader: Reader): BodyClaim {
  const length = reader.u32()
  if (length > bodyBytesMax) reader.refuse(`body of ${length} bytes`)
  return { length, hash: reader.fixed(digestBytes) }
}

/** @throws CodecError for everything that `writeContent` would not have written. */
export function readContent(reader: Reader): SignedContent {
  const kind = reader.oneOf(knownKinds)
  const channel = reader.oneOf(knownChannels)
  const id = reader.u64()
  const deadlineMs = reader.u32()
  const head = reader.blob(headBytesMax)
  const body = reader.option(readBodyClaim)
  if ((kind === messageKinds.message) !== (id === 0)) reader.refuse('id and kind do not fit')
  if ((kind === messageKinds.request) !== deadlineMs > 0 || deadlineMs > deadlineMsMax)
    reader.refuse('deadline and kind do not fit')
  if (kind === messageKinds.cancel && (head.length > 0 || body !== undefined))
    reader.refuse('a cancellation carries nothing')
  if (kind === messageKinds.refusal && (body !== undefined || refusalCodeOf(head) === undefined))
    reader.refuse('a refusal carries a code')
  return { kind, channel, id, deadlineMs, head, body }
}

const codePattern = /^[a-z0-9]+(?:[-/][a-z0-9]+)*$/

/** The error code in the head of a refusal; undefined when it is none. */
export function refusalCodeOf(head: Uint8Array): string | undefined {
  if (head.length > refusalCodeBytesMax) return undefined
  const text = fromUtf8(head)
  return text !== undefined && codePattern.test(text) ? text : undefined
}

/** Head of a refusal with `code`; a code that is none of ours travels as `internal`. */
export function refusalHead(code: string): Uint8Array {
  const head = utf8(code)
  return refusalCodeOf(head) === undefined ? utf8('internal') : head
}

const prefix = utf8(domains.message)
const scratchBytes = 8 * 1024

/**
 * Hashes canonical messages: SHA-256(domain ‖ message). Short ones, nearly all, are copied behind
 * the domain in a buffer that is kept: one call over one part costs a third less than over two.
 */
export class MessageHasher {
  readonly #crypto: Crypto
  readonly #scratch = new Uint8Array(scratchBytes)

  constructor(crypto: Crypto) {
    this.#crypto = crypto
    this.#scratch.set(prefix)
  }

  hash(message: Uint8Array): Uint8Array {
    const length = prefix.length + message.length
    if (length > scratchBytes) return this.#crypto.sha256(prefix, message)
    this.#scratch.set(message, prefix.length)
    return this.#crypto.sha256(this.#scratch.subarray(0, length))
  }
}
