/**
 * Messages between members, on the links' channel `consensus`: one-way, each may be lost.
 *
 *   head = version u8 ‖ kind u8 ‖ group 32 ‖ epoch u64 ‖ …      body = payload bytes, if long
 *
 * The link authenticates the sender, so messages carry no signature of their own; votes inside them
 * do, since they are passed on in certificates. A proposal is *not* signed: it promises nothing
 * (the leader's vote does, and follows when it is durable). Layouts: docs/spec/consensus.md.
 *
 * Payloads up to 16 KiB stand in the head. Longer ones are the link's body: not copied on the way
 * out, and hashed by the link on the way in, so that the payload hash costs nothing more.
 *
 * @pure
 */
import { encode, Reader, type Writer } from '../../base/codec.ts'
import { type Digest, digestBytes } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import {
  blockOf,
  certificateBytes,
  type GroupContext,
  headerDigest,
  payloadHashOf,
  readCertificate,
  readCheckpointVote,
  readEpoch,
  readHeader,
  readPayload,
  readStableCheckpoint,
  readVote,
  readVouched,
  writeCertificate,
  writeCheckpointVote,
  writeEpoch,
  writeHeader,
  writeStableCheckpoint,
  writeVote,
  writeVouched,
} from './encoding.ts'
import {
  type ConsensusLimits,
  certificatesPerMessageMax,
  inlinePayloadBytesMax,
  justificationCountMax,
  rangeBlocksMax,
  rangeTailMax,
} from './limits.ts'
import type { Mutation } from './mutations.ts'
import type { Block, EpochClaim, Header, Message, Payload } from './types.ts'

export type WireContext = {
  readonly crypto: Crypto
  readonly context: GroupContext
  readonly limits: ConsensusLimits
  readonly mutation?: Mutation | undefined
}

/** What `Links.send` takes, without the channel. */
export type EncodedMessage = {
  readonly head: Uint8Array
  readonly body?: { readonly bytes: Uint8Array; readonly hash: Uint8Array }
}

const messageVersion = 1
const kinds = ['propose', 'vote', 'certificates', 'status', 'ask'] as const
const fetchKinds = ['fetch', 'range', 'block', 'lacking'] as const
const checkpointKinds = ['checkpointVote', 'checkpoint'] as const
const kindNames: readonly Message['kind'][] = [...kinds, ...fetchKinds, ...checkpointKinds]

const isInline = (payload: Payload): boolean => payload.bytes.length <= inlinePayloadBytesMax

/** A payload in the head, or nothing where it goes into the body. */
function writeInline(writer: Writer, payload: Payload): void {
  writer.option(isInline(payload) ? payload.bytes : undefined, (inner, bytes) => inner.blob(bytes))
}

const bodyOf = (payload: Payload): { body?: { bytes: Uint8Array; hash: Uint8Array } } =>
  isInline(payload) ? {} : { body: { bytes: payload.bytes, hash: payload.bytesHash } }

function writeRest(writer: Writer, message: Message, context: GroupContext): void {
  switch (message.kind) {
    case 'propose':
      writeHeader(writer, message.block.header)
      writeInline(writer, message.block.payload)
      writer.list(message.justification, (inner, one) => writeCertificate(inner, one, context))
      return
    case 'vote':
      writeVote(writer, message.vote)
      return
    case 'certificates':
      writer.list(message.certificates, (inner, one) => writeCertificate(inner, one, context))
      return
    case 'status':
      writer.u64(message.view).u64(message.finalView)
      writer.u64(message.height).u64(message.stableHeight)
      return
    case 'ask':
      writer.u64(message.fromView).u64(message.toView)
      return
    case 'fetch':
      writer.u64(message.fromHeight).u64(message.view).hex(message.digest)
      return
    case 'range':
      writer.u64(message.fromHeight)
      writer.list(message.blocks, (inner, block) => writeHeader(inner, block.header))
      writer.list(message.tail, writeHeader)
      writeCertificate(writer, message.certificate, context)
      return
    case 'block':
      writeHeader(writer, message.block.header)
      writeInline(writer, message.block.payload)
      return
    case 'lacking':
      writer.u64(message.fromHeight).hex(message.digest)
      return
    case 'checkpointVote':
      writeCheckpointVote(writer, message.vote)
      return
    case 'checkpoint':
      writeStableCheckpoint(writer, message.checkpoint, context)
      return
  }
}

function bodyFor(message: Message, crypto: Crypto): Omit<EncodedMessage, 'head'> {
  if (message.kind === 'propose' || message.kind === 'block') return bodyOf(message.block.payload)
  if (message.kind !== 'range') return {}
  const bytes = encode((writer) => {
    for (const block of message.blocks) writer.blob(block.payload.bytes)
  })
  return { body: { bytes, hash: crypto.sha256(bytes) } }
}

/** Bytes of one of our messages; encode once, send to many. */
export function encodeMessage(message: Message, wire: WireContext): EncodedMessage {
  const { context } = wire
  const head = encode(
    (writer) => {
      writer.u8(messageVersion).u8(kindNames.indexOf(message.kind) + 1)
      writer.hex(context.group).u64(context.epoch)
      writeRest(writer, message, context)
    },
    sizeHint(message, context),
  )
  return { head, ...bodyFor(message, wire.crypto) }
}

function sizeHint(message: Message, context: GroupContext): number {
  const certificates =
    message.kind === 'propose'
      ? message.justification
      : message.kind === 'certificates'
        ? message.certificates
        : []
  let bytes = 256
  for (const certificate of certificates) bytes += certificateBytes(certificate, context)
  if (message.kind === 'propose' && isInline(message.block.payload))
    bytes += message.block.payload.bytes.length
  return bytes
}

type Received = {
  readonly head: Uint8Array
  readonly body?: { readonly bytes: Uint8Array; readonly hash: Uint8Array }
}

/** Group and epoch that a message names, to find its instance; undefined for a foreign version. */
export function addressOf(head: Uint8Array): { group: Digest; epoch: number } | undefined {
  const reader = new Reader(head)
  if (reader.remainingBytes < 42 || reader.u8() !== messageVersion) return undefined
  reader.u8()
  const group = reader.hex(digestBytes) as Digest
  const epoch = reader.u32() * 0x1_0000_0000 + reader.u32()
  return Number.isSafeInteger(epoch) ? { group, epoch } : undefined
}

const epochKind = 12

/** "This is the epoch that I am in": to whoever speaks of an older one. */
export function encodeEpoch({ start, vouched }: EpochClaim, wire: WireContext): EncodedMessage {
  const head = encode((writer) => {
    writer.u8(messageVersion).u8(epochKind).hex(wire.context.group).u64(start.epoch)
    writeEpoch(writer, start)
    writer.option(vouched, writeVouched)
  })
  return { head }
}

/** @throws CodecError */
export function decodeEpoch(head: Uint8Array): EpochClaim {
  const reader = new Reader(head)
  reader.fixed(2 + digestBytes + 8)
  const claim = { start: readEpoch(reader), vouched: reader.option(readVouched) }
  reader.end()
  return claim
}

export const isEpoch = (head: Uint8Array): boolean =>
  head[0] === messageVersion && head[1] === epochKind

/** What a message says it is, before anything costly is done with it. */
export const kindOf = (head: Uint8Array): Message['kind'] | undefined =>
  head[0] === messageVersion ? kindNames[(head[1] ?? 0) - 1] : undefined

/**
 * A message of this group and epoch. `signer` is the sender, whose votes it may carry.
 *
 * @throws CodecError for anything that no correct member sends. React: drop it, count the sender.
 */
export function decodeMessage(received: Received, signer: number, wire: WireContext): Message {
  const reader = new Reader(received.head)
  if (reader.u8() !== messageVersion) reader.refuse('unknown version of consensus messages')
  const kind = kindNames[reader.u8() - 1] ?? reader.refuse('unknown kind of message')
  const { context } = wire
  if (reader.hex(digestBytes) !== context.group) reader.refuse('a message of another group')
  if (reader.u64() !== context.epoch) reader.refuse('a message of another epoch')
  const message = readRest({ reader, received, wire }, kind, signer)
  reader.end()
  const wantsBody = bodyExpected(message)
  if (wantsBody !== (received.body !== undefined)) reader.refuse('body where none belongs')
  return message
}

const bodyExpected = (message: Message): boolean =>
  message.kind === 'range' ||
  ((message.kind === 'propose' || message.kind === 'block') && !isInline(message.block.payload))

type Source = { readonly reader: Reader; readonly received: Received; readonly wire: WireContext }

function readRest(source: Source, kind: Message['kind'], signer: number): Message {
  const { reader, wire } = source
  const { context } = wire
  switch (kind) {
    case 'propose': {
      const block = readBlock(source)
      const justification = reader.list(justificationCountMax + 1, (inner) =>
        readCertificate(inner, context),
      )
      return { kind, block, justification }
    }
    case 'vote':
      return { kind, vote: readVote(reader, signer) }
    case 'certificates': {
      const certificates = reader.list(certificatesPerMessageMax, (inner) =>
        readCertificate(inner, context),
      )
      return { kind, certificates }
    }
    case 'status':
      return {
        kind,
        view: reader.u64(),
        finalView: reader.u64(),
        height: reader.u64(),
        stableHeight: reader.u64(),
      }
    case 'ask':
      return { kind, fromView: reader.u64(), toView: reader.u64() }
    case 'fetch':
      return {
        kind,
        fromHeight: reader.u64(),
        view: reader.u64(),
        digest: reader.hex(digestBytes) as Digest,
      }
    case 'range':
      return readRange(source)
    case 'block':
      return { kind, block: readBlock(source) }
    case 'lacking':
      return { kind, fromHeight: reader.u64(), digest: reader.hex(digestBytes) as Digest }
    case 'checkpointVote':
      return { kind, vote: readCheckpointVote(reader, signer) }
    case 'checkpoint':
      return { kind, checkpoint: readStableCheckpoint(reader, context) }
  }
}

function readBlock({ reader, received, wire }: Source): Block {
  const header = readHeader(reader)
  // A copy: of the message around it nothing must stay in memory with the block.
  const inline = reader.option((inner) => inner.blob(inlinePayloadBytesMax).slice())
  const bytes = inline ?? received.body?.bytes
  if (bytes === undefined) return reader.refuse('a block without its payload')
  const bytesHash = inline === undefined ? received.body?.hash : wire.crypto.sha256(inline)
  return checkedBlock(reader, wire, { header, bytes, bytesHash: bytesHash ?? new Uint8Array(0) })
}

function checkedBlock(
  reader: Reader,
  wire: WireContext,
  parts: { header: Header; bytes: Uint8Array; bytesHash: Uint8Array },
): Block {
  const payload = readPayload(parts.bytes, parts.bytesHash, wire.limits)
  const isNamed = payloadHashOf(wire.crypto, payload) === parts.header.payloadHash
  if (!isNamed && wire.mutation !== 'payload-unchecked')
    reader.refuse('payload does not belong to the header')
  return blockOf(wire.crypto, wire.context, { header: parts.header, payload })
}

/** Also checks that each block names the one before it: a broken chain is malformed. */
function readRange(source: Source): Message {
  const { reader, received, wire } = source
  const fromHeight = reader.u64()
  const headers = reader.list(rangeBlocksMax, readHeader)
  const tail = reader.list(rangeTailMax, readHeader)
  const certificate = readCertificate(reader, wire.context)
  if (headers.length === 0) reader.refuse('a range without blocks')
  const bodies = new Reader(received.body?.bytes ?? reader.refuse('a range without its payloads'))
  let digest: Digest | undefined
  const linked = (header: Header): Digest => {
    if (digest !== undefined && header.parentDigest !== digest) reader.refuse('a broken chain')
    digest = headerDigest(wire.crypto, wire.context, header)
    return digest
  }
  const blocks = headers.map((header): Block => {
    const bytes = bodies.blob(wire.limits.payloadBytesMax)
    const payload = readPayload(bytes, wire.crypto.sha256(bytes), wire.limits)
    if (payloadHashOf(wire.crypto, payload) !== header.payloadHash)
      reader.refuse('payload does not belong to the header')
    return { header, payload, digest: linked(header) }
  })
  bodies.end()
  for (const header of tail) linked(header)
  const isProved = certificate.kind === 'finalize' && certificate.digest === digest
  if (!isProved && wire.mutation !== 'range-unproved')
    reader.refuse('a range that its certificate does not prove')
  return { kind: 'range', fromHeight, blocks, tail, certificate }
}
