/**
 * The journal's keys and values (docs/spec/consensus.md, "Journal").
 *
 * Each record has a key of its own, big-endian, so that a scan is in order of views or heights:
 *
 *   01 01                     → format version, group                     checked at start
 *   01 02                     → epoch, certificate of the highest finalization known
 *   01 03                     → height, epoch, view, digest of the last executed block
 *   01 04 epoch view kind     → own vote
 *   01 05 epoch view kind     → certificate (notarize, nullify)
 *   01 06 epoch view digest   → header, payload                           executed ones stay
 *   01 07 height              → epoch, header, payload length, certificate of its own or none
 *   01 08 epoch               → empty: this member votes no more in the epoch
 *   01 09 epoch               → newest checkpoint with a certificate
 *   01 0a                     → current epoch, height and digest of its begin, members' keys
 *   01 0b                     → seed of a consensus key that this member made for its readmission
 *   01 0c                     → begin and keys of the epoch before, a finalization that ended it
 *
 * Block keys are in order of views, and finalized views rise with heights: so a range of heights is
 * one scan of 07 and one of 06.
 *
 * @pure
 */
import { emptyBytes } from '../../base/bytes.ts'
import { Reader, Writer } from '../../base/codec.ts'
import { type Digest, digestBytes } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { JournalEntry, JournalWrite } from '../../ports/journal.ts'
import {
  type GroupContext,
  headerBytes,
  headerDigest,
  numberOfKind,
  payloadHashOf,
  readCertificate,
  readEpoch,
  readHeader,
  readPayload,
  readStableCheckpoint,
  readVote,
  writeCertificate,
  writeEpoch,
  writeHeader,
  writeStableCheckpoint,
  writeVote,
} from './encoding.ts'
import { ConsensusCode, ConsensusError } from './errors.ts'
import type { ConsensusLimits } from './limits.ts'
import type {
  Block,
  Certificate,
  EpochStart,
  Header,
  JournalRecord,
  LogPosition,
  StableCheckpoint,
  Vote,
} from './types.ts'

/** First byte of all keys of consensus; applications use others. */
export const consensusKeyPrefix = 0x01
const formatVersion = 1

const tables = {
  meta: 1,
  final: 2,
  executed: 3,
  vote: 4,
  certificate: 5,
  block: 6,
  height: 7,
  muted: 8,
  stable: 9,
  epoch: 10,
  ownKey: 11,
  ended: 12,
} as const

const keyOf = (table: number): Writer => new Writer(64).u8(consensusKeyPrefix).u8(table)

export const metaKey = keyOf(tables.meta).finish()
export const finalKey = keyOf(tables.final).finish()
export const executedKey = keyOf(tables.executed).finish()
export const epochKey = keyOf(tables.epoch).finish()
export const ownKeyKey = keyOf(tables.ownKey).finish()
export const endedKey = keyOf(tables.ended).finish()
export const mutedKey = (epoch: number): Uint8Array => keyOf(tables.muted).u64(epoch).finish()
export const stableKey = (epoch: number): Uint8Array => keyOf(tables.stable).u64(epoch).finish()
export const heightKey = (height: number): Uint8Array => keyOf(tables.height).u64(height).finish()

type VoteLike = Pick<Vote, 'kind' | 'view'>

const viewKey = (table: number, epoch: number, view: number): Writer =>
  keyOf(table).u64(epoch).u64(view)

const voteKey = (epoch: number, vote: VoteLike): Uint8Array =>
  viewKey(tables.vote, epoch, vote.view).u8(numberOfKind(vote.kind)).finish()

const certificateKey = (epoch: number, one: VoteLike): Uint8Array =>
  viewKey(tables.certificate, epoch, one.view).u8(numberOfKind(one.kind)).finish()

export const blockKey = (epoch: number, view: number, digest: Digest): Uint8Array =>
  viewKey(tables.block, epoch, view).hex(digest).finish()

type KeyRange = { readonly from: Uint8Array; readonly to: Uint8Array }

const viewRange = (
  table: number,
  epoch: number,
  views: { from: number; below: number },
): KeyRange => ({
  from: viewKey(table, epoch, views.from).finish(),
  to: viewKey(table, epoch, views.below).finish(),
})

const endOfViews = Number.MAX_SAFE_INTEGER

/** Behind all heights. */
export const heightsEnd: Uint8Array = keyOf(tables.height + 1).finish()

/** Keys of votes, certificates and blocks of an epoch, from a view on. */
export const votesFrom = (epoch: number, view: number): KeyRange =>
  viewRange(tables.vote, epoch, { from: view, below: endOfViews })
export const certificatesFrom = (epoch: number, view: number): KeyRange =>
  viewRange(tables.certificate, epoch, { from: view, below: endOfViews })
export const blocksBetween = (epoch: number, views: { from: number; below: number }): KeyRange =>
  viewRange(tables.block, epoch, views)
export const blocksFrom = (epoch: number, view: number): KeyRange =>
  blocksBetween(epoch, { from: view, below: endOfViews })

/** What the height index says of a block. */
export type HeightEntry = {
  readonly epoch: number
  readonly header: Header
  readonly payloadBytes: number
  readonly certificate: Certificate | undefined
}

/** Writes of one record, in a context whose epoch the record belongs to. */
export function writesOf(record: JournalRecord, context: GroupContext): JournalWrite[] {
  const { epoch } = context
  const put = (key: Uint8Array, write: (writer: Writer) => void, bytes = 64): JournalWrite => {
    const writer = new Writer(bytes)
    write(writer)
    return { kind: 'put', key, value: writer.finish().slice() }
  }
  switch (record.kind) {
    case 'myVote':
      return [put(voteKey(epoch, record.vote), (writer) => writeVote(writer, record.vote))]
    case 'haveCertificate': {
      const { certificate } = record
      const key = certificateKey(epoch, certificate)
      return [put(key, (writer) => writeCertificate(writer, certificate, context))]
    }
    case 'haveBlock':
      return [putBlock(record.block, epoch)]
    case 'dropBlock':
      return [{ kind: 'delete', key: blockKey(epoch, record.view, record.digest) }]
    case 'final': {
      const { certificate } = record
      return [put(finalKey, (writer) => writeCertificate(writer.u64(epoch), certificate, context))]
    }
    case 'executed': {
      const { block, certificate, height } = record
      const { header } = block
      return [
        put(executedKey, (writer) => {
          writer.u64(height).u64(epoch).u64(header.view).hex(block.digest)
        }),
        put(heightKey(height), (writer) => {
          writeHeader(writer.u64(epoch), header)
          writer.u32(block.payload.bytes.length)
          writer.option(certificate, (inner, one) => writeCertificate(inner, one, context))
        }),
      ]
    }
    case 'prune': {
      const views = { from: 0, below: record.belowView }
      return [tables.vote, tables.certificate].map(
        (table): JournalWrite => ({
          kind: 'deleteRange',
          ...viewRange(table, epoch, views),
        }),
      )
    }
    case 'muted':
      return [put(mutedKey(epoch), () => undefined)]
    case 'stable':
      return [
        put(stableKey(epoch), (writer) =>
          writeStableCheckpoint(writer, record.checkpoint, context),
        ),
      ]
    case 'pruneLog':
      return logUpTo(record.upTo, epoch)
    case 'installed': {
      const { digest, height, view } = record.checkpoint
      const executed = put(executedKey, (writer) => {
        writer.u64(height).u64(epoch).u64(view).hex(digest)
      })
      return [executed, ...logUpTo({ height, view }, epoch)]
    }
  }
}

/** Clears heights up to a position, their blocks, and all blocks of earlier epochs. */
function logUpTo({ height, view }: LogPosition, epoch: number): JournalWrite[] {
  const from = viewKey(tables.block, 0, 0).finish()
  return [
    { kind: 'deleteRange', from: heightKey(0), to: heightKey(height + 1) },
    { kind: 'deleteRange', from, to: viewKey(tables.block, epoch, view + 1).finish() },
  ]
}

function putBlock(block: Block, epoch: number): JournalWrite {
  const { bytes } = block.payload
  const value = new Uint8Array(headerBytes + bytes.length)
  const writer = new Writer(headerBytes)
  writeHeader(writer, block.header)
  value.set(writer.finish(), 0)
  value.set(bytes, headerBytes)
  return { kind: 'put', key: blockKey(epoch, block.header.view, block.digest), value }
}

/** Writes that begin an epoch: nothing of the votes before is of use in it. */
export function epochWrites(epoch: EpochStart, muted: boolean): JournalWrite[] {
  const writer = new Writer(64 + epoch.members.length * 64)
  writeEpoch(writer, epoch)
  const writes: JournalWrite[] = [{ kind: 'put', key: epochKey, value: writer.finish().slice() }]
  for (const table of [tables.vote, tables.certificate]) {
    const from = viewKey(table, 0, 0).finish()
    writes.push({ kind: 'deleteRange', from, to: viewKey(table, epoch.epoch, 0).finish() })
  }
  writes.push({ kind: 'deleteRange', from: stableKey(0), to: stableKey(epoch.epoch) })
  if (muted) writes.push({ kind: 'put', key: mutedKey(epoch.epoch), value: emptyBytes })
  return writes
}

/** The epoch that has ended, for those who are still in it; `context` is that of its own. */
export function endedWrite(
  ended: { readonly start: EpochStart; readonly certificate: Certificate },
  context: GroupContext,
): JournalWrite {
  const writer = new Writer(512)
  writeEpoch(writer, ended.start)
  writeCertificate(writer, ended.certificate, context)
  return { kind: 'put', key: endedKey, value: writer.finish().slice() }
}

/** The seed of a key that this member made for its readmission. */
export const ownKeyWrite = (seed: Uint8Array): JournalWrite => ({
  kind: 'put',
  key: ownKeyKey,
  value: seed.slice(),
})

/** The record that says whose journal this is. */
export function metaWrite(context: GroupContext): JournalWrite {
  const value = new Writer().u8(formatVersion).hex(context.group).finish().slice()
  return { kind: 'put', key: metaKey, value }
}

/**
 * @throws CodecError
 * @throws ConsensusError `consensus/journal-foreign` unless it is of this format and group.
 */
export function checkMeta(value: Uint8Array, context: GroupContext): void {
  const reader = new Reader(value)
  if (reader.u8() !== formatVersion) throw foreign('the journal is of another format')
  if (reader.hex(digestBytes) !== context.group) throw foreign('the journal is of another group')
  reader.end()
}

const foreign = (what: string): ConsensusError =>
  new ConsensusError(ConsensusCode.JournalForeign, what, { what })

/** Undefined when the record is of an older epoch. @throws CodecError */
export function readFinal(value: Uint8Array, context: GroupContext): Certificate | undefined {
  const reader = new Reader(value)
  if (reader.u64() !== context.epoch) return undefined
  const certificate = readCertificate(reader, context)
  reader.end()
  return certificate
}

/** @throws CodecError */
export function readExecuted(
  value: Uint8Array,
  epoch: number,
): { height: number; view: number; digest: Digest } {
  const reader = new Reader(value)
  const height = reader.u64()
  // Views of older epochs are before all of this one.
  const isOlder = reader.u64() < epoch
  const view = reader.u64()
  const digest = reader.hex(digestBytes) as Digest
  reader.end()
  return { height, view: isOlder ? 0 : view, digest }
}

/** @throws CodecError */
export function readEpochEntry(value: Uint8Array): EpochStart {
  const reader = new Reader(value)
  const epoch = readEpoch(reader)
  reader.end()
  return epoch
}

/** @throws CodecError */
export function readEnded(
  value: Uint8Array,
  context: GroupContext,
): { readonly start: EpochStart; readonly certificate: Certificate } {
  const reader = new Reader(value)
  const start = readEpoch(reader)
  const certificate = readCertificate(reader, context)
  reader.end()
  return { start, certificate }
}

/** @throws CodecError */
export function readStable(value: Uint8Array, context: GroupContext): StableCheckpoint {
  const reader = new Reader(value)
  const checkpoint = readStableCheckpoint(reader, context)
  reader.end()
  return checkpoint
}

/** @throws CodecError */
export function readOwnVote(entry: JournalEntry, self: number): Vote {
  const reader = new Reader(entry.value)
  const vote = readVote(reader, self)
  reader.end()
  return vote
}

/** @throws CodecError */
export function readCertificateEntry(entry: JournalEntry, context: GroupContext): Certificate {
  const reader = new Reader(entry.value)
  const certificate = readCertificate(reader, context)
  reader.end()
  return certificate
}

/**
 * A block as it was stored; its hashes are checked again.
 *
 * @throws CodecError for bytes that are not what was written.
 */
export function readBlock(
  value: Uint8Array,
  read: {
    readonly crypto: Crypto
    readonly context: GroupContext
    readonly limits: ConsensusLimits
  },
): Block {
  const reader = new Reader(value)
  const header = readHeader(reader)
  const bytes = reader.fixed(reader.remainingBytes)
  const payload = readPayload(bytes, read.crypto.sha256(bytes), read.limits)
  if (payloadHashOf(read.crypto, payload) !== header.payloadHash)
    reader.refuse('a stored payload that does not belong to its header')
  return { header, payload, digest: headerDigest(read.crypto, read.context, header) }
}

/** @throws CodecError */
export function readHeightEntry(value: Uint8Array, context: GroupContext): HeightEntry {
  const reader = new Reader(value)
  const epoch = reader.u64()
  const header = readHeader(reader)
  const payloadBytes = reader.u32()
  const certificate = reader.option((inner) => readCertificate(inner, context))
  reader.end()
  return { epoch, header, payloadBytes, certificate }
}

/** Place of the height in a key of the height index. */
export const heightOfKey = (key: Uint8Array): number => new Reader(key.subarray(2)).u64()
