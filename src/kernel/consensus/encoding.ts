/**
 * Canonical bytes of what consensus signs, hashes and stores: headers, votes, certificates,
 * payloads. Layouts stand in docs/spec/consensus.md; test/conformance pins them by vectors.
 *
 * Everything read here may come from a liar. A decoder refuses what is not canonical (a bitmap with
 * bits beyond the group, a nullification with a digest, a tail) and what is over a limit, before it
 * allocates. Whether signatures hold is for `verify.ts`.
 *
 * @pure
 */

import { toHex } from '../../base/bytes.ts'
import { Reader, Writer } from '../../base/codec.ts'
import { domainPrefix, domains } from '../../base/domains.ts'
import { type Digest, digestBytes, digestOf, type NodeId, nodeIdBytes } from '../../base/ids.ts'
import { type Crypto, signatureBytes } from '../../ports/crypto.ts'
import { type ConsensusLimits, itemsPerBlockMax, membersMax } from './limits.ts'
import type {
  Block,
  Certificate,
  Checkpoint,
  CheckpointVote,
  EpochStart,
  Header,
  MemberIndex,
  Payload,
  StableCheckpoint,
  Vote,
  VoteKind,
} from './types.ts'

/** Which log a message, vote or block belongs to; in every signed byte string. */
export type GroupContext = {
  readonly group: Digest
  readonly epoch: number
  readonly memberCount: number
  readonly quorum: number
}

const kindNumbers: Readonly<Record<VoteKind, number>> = { notarize: 1, nullify: 2, finalize: 3 }
const kindNames: readonly (VoteKind | undefined)[] = [undefined, 'notarize', 'nullify', 'finalize']

/** On the wire and in the journal: 1 notarize, 2 nullify, 3 finalize. */
export const numberOfKind = (kind: VoteKind): number => kindNumbers[kind]

export const readKind = (reader: Reader): VoteKind =>
  kindNames[reader.u8()] ?? reader.refuse('unknown kind of vote')

/** The length makes it a digest; nothing more can be checked. */
const readDigest = (reader: Reader): Digest => reader.hex(digestBytes) as Digest

function writeVoted(writer: Writer, voted: Pick<Vote, 'kind' | 'view' | 'digest'>): Writer {
  writer.u8(kindNumbers[voted.kind]).u64(voted.view)
  if (voted.digest !== undefined) writer.hex(voted.digest)
  return writer
}

function readVoted(reader: Reader): Pick<Vote, 'kind' | 'view' | 'digest'> {
  const kind = readKind(reader)
  const view = reader.u64()
  if (view === 0) reader.refuse('views count from 1')
  const digest = kind === 'nullify' ? undefined : readDigest(reader)
  return { kind, view, digest }
}

/** What a vote's signature covers: `domain ‖ group ‖ epoch ‖ kind ‖ view ‖ digest`. */
export function voteBytes(
  context: GroupContext,
  voted: Pick<Vote, 'kind' | 'view' | 'digest'>,
): Uint8Array {
  const writer = new Writer(128).fixed(domainPrefix(domains.vote))
  return writeVoted(writer.hex(context.group).u64(context.epoch), voted).finish()
}

export function writeHeader(writer: Writer, header: Header): void {
  writer.u64(header.view).u64(header.parentView).hex(header.parentDigest)
  writer.hex(header.payloadHash).u64(header.timeMs).u32(header.flags)
}

/** Bytes of an encoded header. */
export const headerBytes = 8 + 8 + 32 + 32 + 8 + 4

export function readHeader(reader: Reader): Header {
  const header: Header = {
    view: reader.u64(),
    parentView: reader.u64(),
    parentDigest: readDigest(reader),
    payloadHash: readDigest(reader),
    timeMs: reader.u64(),
    flags: reader.u32(),
  }
  if (header.view === 0) reader.refuse('views count from 1')
  if (header.parentView >= header.view) reader.refuse('a parent is older than its child')
  if (header.flags !== 0) reader.refuse('unknown flags')
  return header
}

/** A block's name: the hash of its header, in its group and epoch. */
export function headerDigest(crypto: Crypto, context: GroupContext, header: Header): Digest {
  const writer = new Writer(192).fixed(domainPrefix(domains.header))
  writeHeader(writer.hex(context.group).u64(context.epoch), header)
  return digestOf(toHex(crypto.sha256(writer.finish())))
}

/** What a header says of its payload: a domain around the plain hash that links compute anyway. */
export const payloadHashOf = (crypto: Crypto, payload: Pick<Payload, 'bytesHash'>): Digest =>
  digestOf(toHex(crypto.sha256(domainPrefix(domains.payload), payload.bytesHash)))

/** Encode items; copies them once. */
export function payloadOf(crypto: Crypto, items: readonly Uint8Array[]): Payload {
  let length = 4
  for (const item of items) length += 4 + item.length
  const writer = new Writer(length).u32(items.length)
  for (const item of items) writer.blob(item)
  const bytes = writer.finish()
  return { bytes, bytesHash: crypto.sha256(bytes), items }
}

/**
 * Items of an encoded payload, as views.
 *
 * @throws CodecError for bytes that are not a payload within the limits.
 */
export function readPayload(
  bytes: Uint8Array,
  bytesHash: Uint8Array,
  limits: ConsensusLimits,
): Payload {
  const reader = new Reader(bytes)
  if (bytes.length > limits.payloadBytesMax) reader.refuse('payload too large')
  const items = reader.list(itemsPerBlockMax, (inner) => inner.blob(limits.itemBytesMax))
  reader.end()
  return { bytes, bytesHash, items }
}

export const blockOf = (
  crypto: Crypto,
  context: GroupContext,
  parts: { readonly header: Header; readonly payload: Payload },
): Block => ({ ...parts, digest: headerDigest(crypto, context, parts.header) })

/** A vote without its signer: the link, the journal's owner or the place in a list says who. */
export function writeVote(writer: Writer, vote: Vote): void {
  writeVoted(writer, vote).fixed(vote.signature)
}

export function readVote(reader: Reader, signer: number): Vote {
  const voted = readVoted(reader)
  return { ...voted, signer, signature: reader.fixed(signatureBytes).slice() }
}

export function writeCertificate(
  writer: Writer,
  certificate: Certificate,
  context: GroupContext,
): void {
  writeVoted(writer, certificate)
  writeSigners(writer, certificate, context)
}

type Signed = Pick<Certificate, 'signers' | 'signatures'>

function writeSigners(writer: Writer, signed: Signed, context: GroupContext): void {
  const bitmap = new Uint8Array(Math.ceil(context.memberCount / 8))
  for (const signer of signed.signers) {
    const at = signer >> 3
    bitmap[at] = (bitmap[at] ?? 0) | (1 << (signer & 7))
  }
  writer.fixed(bitmap)
  for (const signature of signed.signatures) writer.fixed(signature)
}

/** At least a quorum of different signers, in ascending order. Signatures are copied. */
export function readCertificate(reader: Reader, context: GroupContext): Certificate {
  return { ...readVoted(reader), ...readSigners(reader, context) }
}

function readSigners(reader: Reader, context: GroupContext): Signed {
  const bitmap = reader.fixed(Math.ceil(context.memberCount / 8))
  const signers: number[] = []
  for (let index = 0; index < bitmap.length * 8; index++) {
    if (((bitmap[index >> 3] ?? 0) & (1 << (index & 7))) === 0) continue
    if (index >= context.memberCount) reader.refuse('a signer beyond the group')
    signers.push(index)
  }
  if (signers.length < context.quorum) reader.refuse('fewer signers than a quorum')
  const signatures = signers.map(() => reader.fixed(signatureBytes).slice())
  return { signers, signatures }
}

/** Bytes of an encoded certificate. */
export const certificateBytes = (certificate: Certificate, context: GroupContext): number =>
  9 +
  (certificate.digest === undefined ? 0 : digestBytes) +
  Math.ceil(context.memberCount / 8) +
  certificate.signers.length * signatureBytes

/** A certificate as bytes of its own, for other layers and for proofs. */
export function encodeCertificate(certificate: Certificate, context: GroupContext): Uint8Array {
  const writer = new Writer(certificateBytes(certificate, context))
  writeCertificate(writer, certificate, context)
  return writer.finish()
}

function writeCheckpointFields(writer: Writer, checkpoint: Checkpoint): Writer {
  const { digest, height, state, view } = checkpoint
  return writer.u64(height).u64(view).hex(digest).hex(state)
}

function readCheckpointFields(reader: Reader): Checkpoint {
  const height = reader.u64()
  if (height === 0) reader.refuse('heights count from 1')
  return { height, view: reader.u64(), digest: readDigest(reader), state: readDigest(reader) }
}

/** Signed for a checkpoint: `domain ‖ group ‖ epoch ‖ height ‖ view ‖ digest ‖ state`. */
export function checkpointBytes(context: GroupContext, checkpoint: Checkpoint): Uint8Array {
  const writer = new Writer(192).fixed(domainPrefix(domains.checkpoint))
  return writeCheckpointFields(writer.hex(context.group).u64(context.epoch), checkpoint).finish()
}

export function writeCheckpointVote(writer: Writer, vote: CheckpointVote): void {
  writeCheckpointFields(writer, vote).fixed(vote.signature)
}

export function readCheckpointVote(reader: Reader, signer: MemberIndex): CheckpointVote {
  const checkpoint = readCheckpointFields(reader)
  return { ...checkpoint, signer, signature: reader.fixed(signatureBytes).slice() }
}

export function writeStableCheckpoint(
  writer: Writer,
  checkpoint: StableCheckpoint,
  context: GroupContext,
): void {
  writeSigners(writeCheckpointFields(writer, checkpoint), checkpoint, context)
}

/** At least a quorum of signers, as in `readCertificate`. */
export const readStableCheckpoint = (reader: Reader, context: GroupContext): StableCheckpoint => ({
  ...readCheckpointFields(reader),
  ...readSigners(reader, context),
})

/** For readers who do not know the members yet: signers by number, not as a bitmap. */
export function writeVouched(writer: Writer, checkpoint: StableCheckpoint): void {
  const { signers, signatures } = checkpoint
  writeCheckpointFields(writer, checkpoint).list([...signers.entries()], (inner, [place, signer]) =>
    inner.u8(signer).fixed(signatures[place] ?? emptySignature),
  )
}

/** Any number of different signers, ascending. */
export function readVouched(reader: Reader): StableCheckpoint {
  const checkpoint = readCheckpointFields(reader)
  const signed = reader.list(membersMax, (inner) => {
    return { signer: inner.u8(), signature: inner.fixed(signatureBytes).slice() }
  })
  const signers = signed.map(({ signer }) => signer)
  if (signers.some((signer, place) => place > 0 && signer <= (signers[place - 1] ?? signer)))
    reader.refuse('signers ascend')
  return { ...checkpoint, signers, signatures: signed.map(({ signature }) => signature) }
}

const emptySignature = new Uint8Array(signatureBytes)
const consensusKeyBytes = 32

export function writeEpoch(writer: Writer, start: EpochStart): void {
  writer.u64(start.epoch).u64(start.baseHeight).hex(start.genesis)
  writer.list(start.members, (inner, { consensusKey, node }) => {
    inner.hex(node).fixed(consensusKey)
  })
}

/** Whether it is true is for whoever reads it to find out. */
export function readEpoch(reader: Reader): EpochStart {
  const epoch = reader.u64()
  if (epoch === 0) reader.refuse('epochs count from 1')
  return {
    epoch,
    baseHeight: reader.u64(),
    genesis: readDigest(reader),
    members: reader.list(membersMax, (inner) => ({
      node: inner.hex(nodeIdBytes) as NodeId,
      consensusKey: inner.fixed(consensusKeyBytes).slice(),
    })),
  }
}
