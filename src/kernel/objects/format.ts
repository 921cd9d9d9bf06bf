/**
 * What the key holder finds inside the sealed parts of a file: base, deltas, tree pages,
 * attributes. docs/spec/file-format.md has the tables.
 */
import { decode, encode, type Reader, type Writer } from '../../base/codec.ts'
import { type BlockId, blockIdBytes, type Digest, digestBytes } from '../../base/ids.ts'
import type { BlockRef } from '../section/interface.ts'
import {
  blockBytesMax,
  blockBytesMin,
  deltaBlocksMax,
  depthMax,
  fileBytesMax,
  inlineRefsMax,
  pageRefsMax,
} from './limits.ts'

const formatVersion = 1

function readVersion(reader: Reader): void {
  if (reader.u8() !== formatVersion) reader.refuse('format version')
}

function readSize(reader: Reader): number {
  const size = reader.u64()
  if (size > fileBytesMax) reader.refuse('size out of range')
  return size
}

export function writeRef(writer: Writer, ref: BlockRef): void {
  writer.hex(ref.id).u64(ref.version).hex(ref.hash).u32(ref.sealedBytes).u32(ref.keyEpoch)
}

export function readRef(reader: Reader): BlockRef {
  return {
    id: reader.hex(blockIdBytes) as BlockId,
    version: reader.u64(),
    hash: reader.hex(digestBytes) as Digest,
    sealedBytes: reader.u32(),
    keyEpoch: reader.u32(),
  }
}

/** Chosen at creation; sealed with the object. A directory's are the defaults of what it holds. */
export type Attributes = { readonly volume: boolean; readonly blockBytes: number }

export const isBlockBytes = (value: number): boolean =>
  Number.isInteger(value) &&
  value >= blockBytesMin &&
  value <= blockBytesMax &&
  (value & (value - 1)) === 0

export const encodeAttributes = (attributes: Attributes): Uint8Array =>
  encode((writer) => writer.u8(formatVersion).bool(attributes.volume).u32(attributes.blockBytes))

/** @throws CodecError */
export const decodeAttributes = (bytes: Uint8Array): Attributes =>
  decode(bytes, (reader) => {
    readVersion(reader)
    const volume = reader.bool()
    const blockBytes = reader.u32()
    if (!isBlockBytes(blockBytes)) reader.refuse('block size')
    return { volume, blockBytes }
  })

/** The sealed part of a base root. `depth` 0: the references are inline. */
export type FileBase = {
  readonly size: number
  readonly depth: number
  readonly inline: readonly (readonly [index: number, ref: BlockRef])[]
}

export const encodeBase = (base: FileBase): Uint8Array =>
  encode((writer) => {
    writer.u8(formatVersion).u64(base.size).u8(base.depth)
    writer.list(base.inline, (inner, [index, ref]) => writeRef(inner.u64(index), ref))
  })

/** @throws CodecError */
export const decodeBase = (bytes: Uint8Array): FileBase =>
  decode(bytes, (reader) => {
    readVersion(reader)
    const size = readSize(reader)
    const depth = reader.u8()
    if (depth > depthMax) reader.refuse('tree too deep')
    const inline = reader.list(inlineRefsMax, (inner) => [inner.u64(), readRef(inner)] as const)
    return { size, depth, inline }
  })

/** One ordered change of a file. The references of a write are its operation's added blocks. */
export type FileDelta =
  | {
      readonly kind: 'write'
      /** Block index per added block. */
      readonly indexes: readonly number[]
      /** The file is at least this long afterwards. */
      readonly end: number
    }
  | {
      readonly kind: 'truncate'
      readonly size: number
      /** The last block, cut, when the size falls inside it: then one block was added. */
      readonly cutIndex: number | undefined
    }

const DeltaKind = { Write: 1, Truncate: 2 } as const

export const encodeDelta = (delta: FileDelta): Uint8Array =>
  encode((writer) => {
    writer.u8(formatVersion)
    if (delta.kind === 'write') {
      writer.u8(DeltaKind.Write).u64(delta.end)
      writer.list(delta.indexes, (inner, index) => inner.u64(index))
    } else {
      writer.u8(DeltaKind.Truncate).u64(delta.size)
      writer.option(delta.cutIndex, (inner, index) => inner.u64(index))
    }
  })

/** @throws CodecError */
export const decodeDelta = (bytes: Uint8Array): FileDelta =>
  decode(bytes, (reader): FileDelta => {
    readVersion(reader)
    if (reader.oneOf(Object.values(DeltaKind)) === DeltaKind.Write) {
      const end = readSize(reader)
      return { kind: 'write', end, indexes: reader.list(deltaBlocksMax, (inner) => inner.u64()) }
    }
    const size = readSize(reader)
    return { kind: 'truncate', size, cutIndex: reader.option((inner) => inner.u64()) }
  })

/** A page of the tree: references by slot, ascending; an absent slot is a hole. */
export type Page = ReadonlyMap<number, BlockRef>

export const encodePage = (page: Page): Uint8Array =>
  encode(
    (writer) => {
      writer.u8(formatVersion)
      const slots = [...page.entries()].sort(([a], [b]) => a - b)
      writer.list(slots, (inner, [slot, ref]) => writeRef(inner.u16(slot), ref))
    },
    16 + page.size * 70,
  )

/** @throws CodecError */
export const decodePage = (bytes: Uint8Array): Page =>
  decode(bytes, (reader) => {
    readVersion(reader)
    const page = new Map<number, BlockRef>()
    let previous = -1
    reader.list(pageRefsMax, (inner) => {
      const slot = inner.u16()
      if (slot <= previous || slot >= pageRefsMax) inner.refuse('slots do not ascend')
      previous = slot
      page.set(slot, readRef(inner))
    })
    return page
  })
