/** Encodings of operations. Numbers never change; retired and reserved ones stay listed. @pure */
import type { Reader, Writer } from '../../base/codec.ts'
import {
  type DomainId,
  domainIdBytes,
  type ObjectId,
  objectIdBytes,
  type PrincipalId,
  principalIdBytes,
  type Tag,
  tagBytes,
} from '../../base/ids.ts'
import { signatureBytes } from '../../ports/crypto.ts'
import {
  ownBlob,
  readAdded,
  readBaseRoot,
  readFreedBlock,
  writeAdded,
  writeBaseRoot,
  writeFreedBlock,
} from './codec-block.ts'
import { type FreedBlock, ObjectKind, type Operation, type SeenTag } from './interface.ts'
import {
  addedPerApplyMax,
  attributesBytesMax,
  freedPerOperationMax,
  replicasMax,
  sealedDeltaBytesMax,
  sealedNameBytesMax,
  stagesPerObjectMax,
  tagsPerApplyMax,
  wrappedKeysBytesMax,
} from './limits.ts'

/** Number of each operation on the wire. */
export const operationNumbers = {
  create: 1,
  link: 2,
  unlink: 3,
  rename: 4,
  stage: 5,
  apply: 6,
  replace: 7,
  compact: 8,
  delete: 9,
  session: 10,
} as const satisfies Record<Operation['op'], number>

/** Numbers of operations that this version refuses: docs/spec/operations.md section 6. */
export const reservedNumbers = {
  setAccess: 11,
  setKey: 12,
  lease: 13,
  pin: 14,
  release: 15,
} as const

const numbers = Object.values(operationNumbers)
const kinds = Object.values(ObjectKind)
const publicKeyBytes = 32

type OperationOf<Op extends Operation['op']> = Extract<Operation, { op: Op }>

export function writeOperation(writer: Writer, operation: Operation): void {
  writer.u8(operationNumbers[operation.op])
  switch (operation.op) {
    case 'create':
      writeCreate(writer, operation)
      return
    case 'link':
      writer.hex(operation.directory).hex(operation.tag).u64(operation.seenSeq)
      writer.blob(operation.sealedName).u32(operation.keyEpoch).hex(operation.object)
      return
    case 'unlink':
      writer.hex(operation.directory).hex(operation.tag).u64(operation.seenSeq)
      return
    case 'rename':
      writer.hex(operation.fromDirectory).hex(operation.fromTag).u64(operation.fromSeq)
      writer.hex(operation.toDirectory).hex(operation.toTag).u64(operation.toSeq)
      writer.blob(operation.sealedName).u32(operation.keyEpoch)
      return
    case 'stage':
      writer.hex(operation.object).u32(operation.keyEpoch)
      writeAdded(writer, operation.added)
      writer.u64(operation.expiryMs)
      return
    case 'apply':
      writeApply(writer, operation)
      return
    case 'replace':
      writeReplace(writer, operation)
      return
    case 'compact':
      writer.hex(operation.object).u32(operation.keyEpoch)
      writer.u64(operation.baseSeq).u64(operation.uptoSeq)
      writeBaseRoot(writer, operation.base)
      writeAdded(writer, operation.added)
      writeStages(writer, operation.stages)
      writer.list(operation.freed, writeFreedBlock)
      return
    case 'delete':
      writer.hex(operation.object)
      return
    case 'session':
      writer.fixed(operation.sessionKey).hex(operation.principal)
      writer.u64(operation.expiryMs).fixed(operation.certificate)
      return
  }
}

function writeCreate(writer: Writer, operation: OperationOf<'create'>): void {
  writer.hex(operation.object).u8(operation.kind)
  writer.hex(operation.domain).u32(operation.domainEpoch).u32(operation.keyEpoch)
  writer.blob(operation.wrappedKeys).u8(operation.replicas).blob(operation.attributes)
}

function writeApply(writer: Writer, operation: OperationOf<'apply'>): void {
  writer.hex(operation.object).u32(operation.keyEpoch).u64(operation.baseSeq)
  writer.list(operation.reads, (inner, read) => inner.hex(read.tag).u64(read.seenSeq))
  writer.list(operation.writes, (inner, tag) => inner.hex(tag))
  writer.blob(operation.sealed)
  writeAdded(writer, operation.added)
  writeStages(writer, operation.stages)
  writer.list(operation.freed, writeFreedBlock)
}

function writeReplace(writer: Writer, operation: OperationOf<'replace'>): void {
  writer.hex(operation.object).u32(operation.keyEpoch)
  writer.option(operation.seenSeq, (inner, seq) => inner.u64(seq))
  writeBaseRoot(writer, operation.base)
  writeAdded(writer, operation.added)
  writeStages(writer, operation.stages)
  const listed = operation.freed === 'all' ? undefined : operation.freed
  writer.option(listed, (inner, freed) => inner.list(freed, writeFreedBlock))
}

function writeStages(writer: Writer, stages: readonly number[] | undefined): void {
  writer.option(stages, (inner, list) => inner.list(list, (last, stage) => last.u64(stage)))
}

/** @throws CodecError also for the reserved numbers. */
export function readOperation(reader: Reader): Operation {
  switch (reader.oneOf(numbers)) {
    case operationNumbers.create:
      return readCreate(reader)
    case operationNumbers.link:
      return readLink(reader)
    case operationNumbers.unlink:
      return {
        op: 'unlink',
        directory: readObject(reader),
        tag: readTag(reader),
        seenSeq: reader.u64(),
      }
    case operationNumbers.rename:
      return readRename(reader)
    case operationNumbers.stage:
      return readStage(reader)
    case operationNumbers.apply:
      return readApply(reader)
    case operationNumbers.replace:
      return readReplace(reader)
    case operationNumbers.compact:
      return readCompact(reader)
    case operationNumbers.delete:
      return { op: 'delete', object: readObject(reader) }
    case operationNumbers.session:
      return readSession(reader)
  }
}

export const readObject = (reader: Reader): ObjectId => reader.hex(objectIdBytes) as ObjectId
export const readTag = (reader: Reader): Tag => reader.hex(tagBytes) as Tag

/** Number of replicas, at least one. @throws CodecError */
export function readReplicas(reader: Reader): number {
  const replicas = reader.u8()
  if (replicas < 1 || replicas > replicasMax) reader.refuse('no replicas')
  return replicas
}

/** @throws CodecError */
export const readKind = (reader: Reader): ObjectKind => reader.oneOf(kinds)

function readCreate(reader: Reader): Operation {
  return {
    op: 'create',
    object: readObject(reader),
    kind: readKind(reader),
    domain: reader.hex(domainIdBytes) as DomainId,
    domainEpoch: reader.u32(),
    keyEpoch: reader.u32(),
    wrappedKeys: ownBlob(reader, wrappedKeysBytesMax),
    replicas: readReplicas(reader),
    attributes: ownBlob(reader, attributesBytesMax),
  }
}

function readLink(reader: Reader): Operation {
  return {
    op: 'link',
    directory: readObject(reader),
    tag: readTag(reader),
    seenSeq: reader.u64(),
    sealedName: ownBlob(reader, sealedNameBytesMax),
    keyEpoch: reader.u32(),
    object: readObject(reader),
  }
}

function readRename(reader: Reader): Operation {
  return {
    op: 'rename',
    fromDirectory: readObject(reader),
    fromTag: readTag(reader),
    fromSeq: reader.u64(),
    toDirectory: readObject(reader),
    toTag: readTag(reader),
    toSeq: reader.u64(),
    sealedName: ownBlob(reader, sealedNameBytesMax),
    keyEpoch: reader.u32(),
  }
}

function readStage(reader: Reader): Operation {
  return {
    op: 'stage',
    object: readObject(reader),
    keyEpoch: reader.u32(),
    added: readAdded(reader),
    expiryMs: reader.u64(),
  }
}

function readApply(reader: Reader): Operation {
  return {
    op: 'apply',
    object: readObject(reader),
    keyEpoch: reader.u32(),
    baseSeq: reader.u64(),
    reads: reader.list(tagsPerApplyMax, readSeenTag),
    writes: reader.list(tagsPerApplyMax, readTag),
    sealed: ownBlob(reader, sealedDeltaBytesMax),
    added: readAdded(reader, addedPerApplyMax),
    ...readStages(reader),
    freed: readFreed(reader),
  }
}

function readReplace(reader: Reader): Operation {
  return {
    op: 'replace',
    object: readObject(reader),
    keyEpoch: reader.u32(),
    seenSeq: reader.option((inner) => inner.u64()),
    base: readBaseRoot(reader),
    added: readAdded(reader),
    ...readStages(reader),
    freed: reader.option(readFreed) ?? 'all',
  }
}

function readCompact(reader: Reader): Operation {
  return {
    op: 'compact',
    object: readObject(reader),
    keyEpoch: reader.u32(),
    baseSeq: reader.u64(),
    uptoSeq: reader.u64(),
    base: readBaseRoot(reader),
    added: readAdded(reader),
    ...readStages(reader),
    freed: readFreed(reader),
  }
}

function readSession(reader: Reader): Operation {
  return {
    op: 'session',
    sessionKey: reader.fixed(publicKeyBytes).slice(),
    principal: reader.hex(principalIdBytes) as PrincipalId,
    expiryMs: reader.u64(),
    certificate: reader.fixed(signatureBytes).slice(),
  }
}

const readSeenTag = (reader: Reader): SeenTag => ({ tag: readTag(reader), seenSeq: reader.u64() })

const readFreed = (reader: Reader): FreedBlock[] =>
  reader.list(freedPerOperationMax, readFreedBlock)

function readStages(reader: Reader): { stages?: readonly number[] } {
  const stages = reader.option((inner) => inner.list(stagesPerObjectMax, (last) => last.u64()))
  return stages === undefined ? {} : { stages }
}
