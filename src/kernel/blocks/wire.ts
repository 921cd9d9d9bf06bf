/**
 * Messages of the channel `blocks`: put, receipt, get. Requests and replies begin with a kind; a
 * get reply repeats the triple that was asked for, so that a signed reply alone proves a fault.
 * docs/spec/blocks.md has the tables.
 */
import { decode, encode, type Reader, type Writer } from '../../base/codec.ts'
import { type BlockId, blockIdBytes, type Digest, digestBytes } from '../../base/ids.ts'
import type { AddedBlock } from '../section/interface.ts'
import type { BlockKey } from '../vault/interface.ts'
import { batchBlocksMax } from './limits.ts'

export const releaseTagBytes = 16
/** For replies without a copy. */
export const noReleaseTag: Uint8Array = new Uint8Array(releaseTagBytes)
const versionMax = 2 ** 48 - 1
const replicasMax = 255

const RequestKind = { Put: 1, Receipt: 2, Get: 3 } as const

export type PutRequest = {
  readonly kind: 'put'
  readonly block: AddedBlock
  readonly replicas: number
}
export type ReceiptRequest = {
  readonly kind: 'receipt'
  readonly replicas: number
  readonly blocks: readonly AddedBlock[]
}
export type GetRequest = { readonly kind: 'get'; readonly key: BlockKey }
export type BlockRequest = PutRequest | ReceiptRequest | GetRequest

/**
 * What a holder says of its copy. `Missing`: it had one, and the file is gone. `Absent`: it never
 * had one, or not in the memory of this run; that is no fault (a third replica comes later than the
 * commit). `Busy` says nothing about the copy.
 */
export const GetStatus = {
  Intact: 0,
  Missing: 1,
  NameChanged: 2,
  ContentChanged: 3,
  Busy: 4,
  Absent: 5,
} as const
export type GetStatus = (typeof GetStatus)[keyof typeof GetStatus]

export type GetReply = {
  readonly key: BlockKey
  readonly status: GetStatus
  /** Of an intact copy, so that a holder that repairs itself can keep it; zero otherwise. */
  readonly releaseTag: Uint8Array
}
export type ReceiptReply = {
  /** Indexes into the request's blocks that the holder has durably; ascending. */
  readonly taken: readonly number[]
  readonly placementEpoch: number
  readonly putMs: number
  readonly signature: Uint8Array
}

function writeKey(writer: Writer, key: BlockKey): void {
  writer.hex(key.id).u64(key.version).hex(key.hash)
}

function readKey(reader: Reader): BlockKey {
  const id = reader.hex(blockIdBytes) as BlockId
  const version = reader.u64()
  if (version < 1 || version > versionMax) reader.refuse('version out of range')
  return { id, version, hash: reader.hex(digestBytes) as Digest }
}

function writeBlock(writer: Writer, block: AddedBlock): void {
  writeKey(writer, block)
  writer.u32(block.sealedBytes).fixed(block.releaseTag)
}

function readBlock(reader: Reader): AddedBlock {
  const key = readKey(reader)
  return { ...key, sealedBytes: reader.u32(), releaseTag: reader.fixed(releaseTagBytes).slice() }
}

function readReplicas(reader: Reader): number {
  const replicas = reader.u8()
  if (replicas < 1) reader.refuse('no replicas')
  return replicas
}

export function encodeRequest(request: BlockRequest): Uint8Array {
  return encode((writer) => {
    switch (request.kind) {
      case 'put':
        writer.u8(RequestKind.Put).u8(Math.min(request.replicas, replicasMax))
        writeBlock(writer, request.block)
        break
      case 'receipt':
        writer.u8(RequestKind.Receipt).u8(Math.min(request.replicas, replicasMax))
        writer.list(request.blocks, writeBlock)
        break
      case 'get':
        writer.u8(RequestKind.Get)
        writeKey(writer, request.key)
        break
    }
  }, 128)
}

/** @throws CodecError */
export function decodeRequest(bytes: Uint8Array): BlockRequest {
  return decode(bytes, (reader): BlockRequest => {
    const kind = reader.oneOf(Object.values(RequestKind))
    if (kind === RequestKind.Get) return { kind: 'get', key: readKey(reader) }
    const replicas = readReplicas(reader)
    if (kind === RequestKind.Put) return { kind: 'put', replicas, block: readBlock(reader) }
    return { kind: 'receipt', replicas, blocks: reader.list(batchBlocksMax, readBlock) }
  })
}

export function encodeGetReply(reply: GetReply): Uint8Array {
  return encode((writer) => {
    writer.u8(RequestKind.Get)
    writeKey(writer, reply.key)
    writer.u8(reply.status).fixed(reply.releaseTag)
  }, 128)
}

/** @throws CodecError */
export function decodeGetReply(bytes: Uint8Array): GetReply {
  return decode(bytes, (reader) => {
    reader.oneOf([RequestKind.Get])
    return {
      key: readKey(reader),
      status: reader.oneOf(Object.values(GetStatus)),
      releaseTag: reader.fixed(releaseTagBytes).slice(),
    }
  })
}

export function encodeReceiptReply(reply: ReceiptReply): Uint8Array {
  return encode((writer) => {
    writer.u8(RequestKind.Receipt).list(reply.taken, (inner, index) => inner.u16(index))
    writer.u64(reply.placementEpoch).u64(reply.putMs)
    writer.fixed(reply.signature)
  }, 128)
}

/** @throws CodecError */
export function decodeReceiptReply(bytes: Uint8Array): ReceiptReply {
  return decode(bytes, (reader) => {
    reader.oneOf([RequestKind.Receipt])
    const taken = reader.list(batchBlocksMax, (inner) => inner.u16())
    taken.forEach((index, place) => {
      const previous = taken[place - 1]
      if (previous !== undefined && previous >= index) reader.refuse('indexes do not ascend')
    })
    return {
      taken,
      placementEpoch: reader.u64(),
      putMs: reader.u64(),
      signature: reader.fixed(64).slice(),
    }
  })
}

/** The holder has the block durably. */
export const putDone: Uint8Array = Uint8Array.of(RequestKind.Put)
