/** Messages of the channel `group`. docs/spec/group.md has the table. */
import { decode, encode } from '../../base/codec.ts'
import { type Digest, digestBytes, digestOf } from '../../base/ids.ts'
import { finalityBytesMax } from '../consensus/index.ts'
import {
  type AddedBlock,
  decodePageRequest,
  decodeQueries,
  encodePageRequest,
  encodeQueries,
  type PageRequest,
  type Query,
  readAddedBlock,
  writeAddedBlock,
} from '../section/index.ts'
import type { AddedList } from './interface.ts'
import { listHeightsMax, messageBytesMax, readsMax } from './limits.ts'

/** A readmission has 273. */
const readmissionBytesMax = 1_024

const Kind = {
  Submit: 1,
  Read: 2,
  Page: 3,
  Added: 4,
  Manifest: 5,
  Chunk: 6,
  Readmit: 7,
  Epoch: 8,
  Reads: 9,
} as const

export type GroupRequest =
  | { readonly kind: 'submit'; readonly batch: Uint8Array }
  /** Without `atBlock`: at the newest height that can be shown; else at that of this block. */
  | {
      readonly kind: 'read'
      readonly queries: readonly Query[]
      readonly atBlock: Digest | undefined
    }
  | { readonly kind: 'page'; readonly page: PageRequest }
  | { readonly kind: 'added'; readonly fromHeight: number; readonly countMax: number }
  | { readonly kind: 'manifest'; readonly height: number }
  | { readonly kind: 'chunk'; readonly height: number; readonly index: number }
  /** An encoded readmission, to be ordered. */
  | { readonly kind: 'readmit'; readonly item: Uint8Array }
  /** The consensus epoch and its keys, please. */
  | { readonly kind: 'epoch' }
  /** Several reads at the newest executed height: each is answered for itself. */
  | { readonly kind: 'reads'; readonly reads: readonly (readonly Query[])[] }

export function encodeGroupRequest(request: GroupRequest): Uint8Array {
  return encode((writer) => {
    switch (request.kind) {
      case 'submit':
        return writer.u8(Kind.Submit).blob(request.batch)
      case 'read':
        writer.u8(Kind.Read).option(request.atBlock, (inner, digest) => inner.hex(digest))
        return writer.blob(encodeQueries(request.queries))
      case 'page':
        return writer.u8(Kind.Page).blob(encodePageRequest(request.page))
      case 'added':
        return writer.u8(Kind.Added).u64(request.fromHeight).u32(request.countMax)
      case 'manifest':
        return writer.u8(Kind.Manifest).u64(request.height)
      case 'chunk':
        return writer.u8(Kind.Chunk).u64(request.height).u32(request.index)
      case 'readmit':
        return writer.u8(Kind.Readmit).blob(request.item)
      case 'epoch':
        return writer.u8(Kind.Epoch)
      case 'reads':
        return writer
          .u8(Kind.Reads)
          .list(request.reads, (inner, queries) => inner.blob(encodeQueries(queries)))
    }
  })
}

/** @throws CodecError */
export function decodeGroupRequest(bytes: Uint8Array): GroupRequest {
  return decode(bytes, (reader): GroupRequest => {
    switch (reader.oneOf(Object.values(Kind))) {
      case Kind.Submit:
        return { kind: 'submit', batch: reader.blob(messageBytesMax) }
      case Kind.Read: {
        const atBlock = reader.option((inner) => digestOf(inner.hex(digestBytes)))
        return { kind: 'read', atBlock, queries: decodeQueries(reader.blob(messageBytesMax)) }
      }
      case Kind.Page:
        return { kind: 'page', page: decodePageRequest(reader.blob(messageBytesMax)) }
      case Kind.Added:
        return { kind: 'added', fromHeight: reader.u64(), countMax: reader.u32() }
      case Kind.Manifest:
        return { kind: 'manifest', height: reader.u64() }
      case Kind.Chunk:
        return { kind: 'chunk', height: reader.u64(), index: reader.u32() }
      case Kind.Readmit:
        return { kind: 'readmit', item: reader.blob(readmissionBytesMax) }
      case Kind.Epoch:
        return { kind: 'epoch' }
      case Kind.Reads: {
        const read = (): readonly Query[] => decodeQueries(reader.blob(messageBytesMax))
        return { kind: 'reads', reads: reader.list(readsMax, read) }
      }
    }
  })
}

/** Where the answers are from, and the answers as the section encodes them. */
export type ReadReply = {
  readonly height: number
  /** Proof that the block of this height is final; a member may lack it for a moment. */
  readonly finality: Uint8Array | undefined
  readonly answers: Uint8Array
}

export const encodeReadReply = (reply: ReadReply): Uint8Array =>
  encode((writer) => {
    writer.u64(reply.height).option(reply.finality, (inner, bytes) => inner.blob(bytes))
    writer.blob(reply.answers)
  }, reply.answers.length + 1_024)

/** @throws CodecError */
export const decodeReadReply = (bytes: Uint8Array): ReadReply =>
  decode(bytes, (reader) => ({
    height: reader.u64(),
    finality: reader.option((inner) => inner.blob(finalityBytesMax)),
    answers: reader.blob(messageBytesMax),
  }))

/** One for each of several reads, as `encodeReadReply` writes it; undefined: refused. */
export const encodeReadsReply = (replies: readonly (Uint8Array | undefined)[]): Uint8Array =>
  encode((writer) => {
    writer.list(replies, (inner, reply) => {
      inner.option(reply, (last, bytes) => last.blob(bytes))
    })
  })

/** @throws CodecError */
export const decodeReadsReply = (bytes: Uint8Array): readonly (Uint8Array | undefined)[] =>
  decode(bytes, (reader) =>
    reader.list(readsMax, (inner) => inner.option((last) => last.blob(messageBytesMax))),
  )

const addedBlocksMax = 65_536

export const encodeAddedList = (list: AddedList): Uint8Array =>
  encode((writer) => {
    writer.u64(list.height).list(list.blocks, (inner, block) => {
      writeAddedBlock(inner, block)
      inner.u8(block.replicas)
    })
  })

/** @throws CodecError */
export const decodeAddedList = (bytes: Uint8Array): AddedList =>
  decode(bytes, (reader) => ({
    height: reader.u64(),
    blocks: reader.list(addedBlocksMax, (inner) => {
      const block: AddedBlock = readAddedBlock(inner)
      return { ...block, replicas: inner.u8() }
    }),
  }))

export type AddedReply = {
  /** Encoded `AddedList`s, for heights that have any, ascending. */
  readonly lists: readonly Uint8Array[]
  /** The lists cover all heights from the request's to before this one. */
  readonly nextHeight: number
}

export const encodeAddedReply = (reply: AddedReply): Uint8Array =>
  encode((writer) => {
    writer.u64(reply.nextHeight).list(reply.lists, (inner, list) => inner.blob(list))
  })

/** @throws CodecError */
export const decodeAddedReply = (bytes: Uint8Array): AddedReply =>
  decode(bytes, (reader) => {
    const nextHeight = reader.u64()
    return {
      nextHeight,
      lists: reader.list(listHeightsMax, (inner) => inner.blob(messageBytesMax)),
    }
  })
