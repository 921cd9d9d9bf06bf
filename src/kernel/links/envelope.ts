/**
 * An envelope: all messages that one turn queued for one peer, under one signature.
 *
 * Problem: every message must be covered by its sender's signature, and a signature costs as much
 * as sending several messages. Signing the bytes of the whole would do, but then nobody could show
 * one message of it to a third party without showing all, and blocks would be hashed twice.
 * Chosen way: the signature covers a list of hashes, one for each message, bound to the link (by
 * the handshake's transcript) and to the place in it (by the envelope's number). A block counts by
 * its content hash, which its holder knows already.
 *
 * Layout and rules: docs/spec/links.md.
 */

import { utf8 } from '../../base/bytes.ts'
import { decode, type Reader, Writer } from '../../base/codec.ts'
import { domains } from '../../base/domains.ts'
import { digestBytes } from '../../base/ids.ts'
import { aeadTagBytes, type Crypto, signatureBytes } from '../../ports/crypto.ts'
import {
  envelopeMessagesMax,
  headBytesMax,
  inlineBodyBytesMax,
  messageOverheadBytes,
} from './limits.ts'
import {
  contentBytes,
  type MessageHasher,
  readContent,
  type SignedContent,
  writeContent,
} from './message.ts'

/** First byte of a record. A `last` envelope is the sender's last under its traffic key. */
export const recordKinds = { envelope: 1, last: 2 } as const
export type RecordKind = (typeof recordKinds)[keyof typeof recordKinds]

const knownRecordKinds = Object.values(recordKinds)
const messageBytesMax = headBytesMax + messageOverheadBytes
const envelopeDomain = utf8(domains.envelope)

/** What an envelope is bound to, besides its messages. */
export type EnvelopePlace = { readonly transcript: Uint8Array; readonly sequence: number }

/** The digest that an envelope's signature signs. */
export function envelopeDigest(
  crypto: Crypto,
  place: EnvelopePlace,
  messageHashes: readonly Uint8Array[],
): Uint8Array {
  const writer = new Writer(256 + messageHashes.length * digestBytes)
  writer.fixed(envelopeDomain).blob(place.transcript).u64(place.sequence)
  writer.list(messageHashes, (inner, hash) => inner.fixed(hash))
  return crypto.sha256(writer.finish())
}

/** True for a body that stands in the envelope itself. */
export const isInline = (bodyLength: number): boolean => bodyLength <= inlineBodyBytesMax

/** One message to write; `tag` is the AEAD tag of a body that follows as its own frame. */
export type EnvelopePart = {
  readonly content: SignedContent
  readonly body: Uint8Array | undefined
  readonly tag: Uint8Array | undefined
}

/** The plain bytes of an envelope, signed. A view: seal it before anything else is written. */
export function writeEnvelope(input: {
  readonly crypto: Crypto
  readonly hasher: MessageHasher
  readonly secretKey: Uint8Array
  readonly place: EnvelopePlace
  readonly kind: RecordKind
  readonly parts: readonly EnvelopePart[]
}): Uint8Array {
  const { crypto, hasher, secretKey, place, kind, parts } = input
  let expectedBytes = 1 + 8 + 2 + signatureBytes
  for (const { content, body } of parts)
    expectedBytes +=
      4 + contentBytes(content) + (body && isInline(body.length) ? body.length : aeadTagBytes)
  const writer = new Writer(expectedBytes)
  writer.u8(kind).u64(place.sequence).u16(parts.length)
  const ends: number[] = []
  for (const { content } of parts) {
    writer.u32(contentBytes(content))
    writeContent(writer, content)
    ends.push(writer.length)
  }
  for (const { body, tag } of parts) {
    if (tag !== undefined) writer.fixed(tag)
    else if (body !== undefined) writer.fixed(body)
  }
  const bytes = writer.finish()
  const hashes = parts.map(({ content }, index) => {
    const end = ends[index] ?? 0
    return hasher.hash(bytes.subarray(end - contentBytes(content), end))
  })
  writer.fixed(crypto.sign(secretKey, envelopeDigest(crypto, place, hashes)))
  return writer.finish()
}

/** A message as read: not yet known to be genuine. */
export type ReadPart = {
  readonly content: SignedContent
  /** Canonical bytes, a copy of their own: a kept message does not keep its whole envelope. */
  readonly message: Uint8Array
  /** The body, where it stands in the envelope (a copy of its own). */
  readonly body: Uint8Array | undefined
  /** The tag of the body that follows as its own frame. */
  readonly tag: Uint8Array | undefined
}

export type ReadEnvelope = {
  readonly kind: RecordKind
  readonly sequence: number
  readonly parts: readonly ReadPart[]
  readonly signature: Uint8Array
}

function readMessages(reader: Reader): { message: Uint8Array; content: SignedContent }[] {
  const count = reader.u16()
  if (count > envelopeMessagesMax) reader.refuse(`${count} messages in an envelope`)
  const messages: { message: Uint8Array; content: SignedContent }[] = []
  for (let index = 0; index < count; index++) {
    const message = reader.blob(messageBytesMax).slice()
    messages.push({ message, content: decode(message, readContent) })
  }
  return messages
}

/** @throws CodecError for anything but the plain bytes of an envelope. Nothing is verified here. */
export function readEnvelope(record: Uint8Array): ReadEnvelope {
  return decode(record, (reader) => {
    const kind = reader.oneOf(knownRecordKinds)
    const sequence = reader.u64()
    const parts = readMessages(reader).map(({ message, content }): ReadPart => {
      const length = content.body?.length
      const inline = length !== undefined && isInline(length)
      return {
        content,
        message,
        body: inline ? reader.fixed(length).slice() : undefined,
        tag: length !== undefined && !inline ? reader.fixed(aeadTagBytes) : undefined,
      }
    })
    return { kind, sequence, parts, signature: reader.fixed(signatureBytes) }
  })
}
