/** Encodings of what readers see: entries, deltas, objects, domains, principals. @pure */
import type { Reader, Writer } from '../../base/codec.ts'
import {
  type Digest,
  type DomainId,
  digestBytes,
  domainIdBytes,
  type PrincipalId,
  principalIdBytes,
} from '../../base/ids.ts'
import {
  ownBlob,
  readAddedBlock,
  readBaseRoot,
  writeAddedBlock,
  writeBaseRoot,
} from './codec-block.ts'
import { readKind, readObject, readReplicas, readTag } from './codec-operation.ts'
import type {
  Delta,
  DomainGrant,
  DomainView,
  Entry,
  ObjectView,
  PrincipalView,
} from './interface.ts'
import {
  addedPerApplyMax,
  attributesBytesMax,
  deltasMax,
  grantsPerDomainMax,
  principalSaltBytesMax,
  sealedDeltaBytesMax,
  sealedNameBytesMax,
  sealedPrincipalBytesMax,
  wrappedDomainKeyBytesMax,
  wrappedKeysBytesMax,
} from './limits.ts'

const publicKeyBytes = 32
const rightsMax = 15

/** Principals are users (1) or tokens (2) on the wire. */
const PrincipalKind = { User: 1, Token: 2 } as const
const principalKinds = Object.values(PrincipalKind)

/** Grants name a principal (0) or everyone (1). */
const GrantKind = { Principal: 0, Everyone: 1 } as const
const grantKinds = Object.values(GrantKind)

export const readPrincipalId = (reader: Reader): PrincipalId =>
  reader.hex(principalIdBytes) as PrincipalId

/** An encoded entry without its tag. Bytes: seq, object, kind, creator, keyEpoch, sealed name. */
export const entryValueBytesMax = 8 + 16 + 1 + 32 + 4 + 4 + sealedNameBytesMax

/** An entry without its tag: the value under its tag in the directory's map. */
export function writeEntryValue(writer: Writer, entry: Entry): void {
  writer.u64(entry.seq).hex(entry.object).u8(entry.kind)
  writer.hex(entry.creator).u32(entry.keyEpoch).blob(entry.sealedName)
}

export function writeEntry(writer: Writer, entry: Entry): void {
  writer.hex(entry.tag)
  writeEntryValue(writer, entry)
}

/** @throws CodecError */
export const readEntry = (reader: Reader): Entry => ({
  tag: readTag(reader),
  seq: reader.u64(),
  object: readObject(reader),
  kind: readKind(reader),
  creator: readPrincipalId(reader),
  keyEpoch: reader.u32(),
  sealedName: ownBlob(reader, sealedNameBytesMax),
})

export function writeDelta(writer: Writer, delta: Delta): void {
  writer.u64(delta.seq).hex(delta.writer).u32(delta.keyEpoch).u64(delta.timeMs)
  writer.blob(delta.sealed).list(delta.added, writeAddedBlock)
}

/** @throws CodecError */
export function readDelta(reader: Reader): Delta {
  const seq = reader.u64()
  const writer = readPrincipalId(reader)
  const keyEpoch = reader.u32()
  const timeMs = reader.u64()
  const sealed = ownBlob(reader, sealedDeltaBytesMax)
  return {
    seq,
    writer,
    keyEpoch,
    timeMs,
    sealed,
    added: reader.list(addedPerApplyMax, readAddedBlock),
  }
}

export function writeObjectView(writer: Writer, view: ObjectView): void {
  writer.hex(view.object).u8(view.kind)
  writer.hex(view.domain).u32(view.domainEpoch).u32(view.keyEpoch)
  writer.blob(view.wrappedKeys).u8(view.replicas).blob(view.attributes)
  writer.u64(view.seq).u64(view.createdMs).u64(view.changedMs)
  writer.option(view.entriesRoot, (inner, root) => inner.hex(root)).u32(view.entryCount)
  writer.u64(view.baseSeq).option(view.base, writeBaseRoot)
  writer.list(view.deltas, writeDelta).bool(view.unlinked)
}

/** @throws CodecError */
export const readObjectView = (reader: Reader): ObjectView => ({
  object: readObject(reader),
  kind: readKind(reader),
  domain: reader.hex(domainIdBytes) as DomainId,
  domainEpoch: reader.u32(),
  keyEpoch: reader.u32(),
  wrappedKeys: ownBlob(reader, wrappedKeysBytesMax),
  replicas: readReplicas(reader),
  attributes: ownBlob(reader, attributesBytesMax),
  seq: reader.u64(),
  createdMs: reader.u64(),
  changedMs: reader.u64(),
  entriesRoot: reader.option((inner) => inner.hex(digestBytes) as Digest),
  entryCount: reader.u32(),
  baseSeq: reader.u64(),
  base: reader.option(readBaseRoot),
  deltas: reader.list(deltasMax, readDelta),
  unlinked: reader.bool(),
})

function writeGrant(writer: Writer, grant: DomainGrant): void {
  if (grant.principal === 'everyone') writer.u8(GrantKind.Everyone)
  else writer.u8(GrantKind.Principal).hex(grant.principal)
  writer.u8(grant.rights).blob(grant.wrapped)
}

function readRights(reader: Reader): number {
  const rights = reader.u8()
  if (rights > rightsMax) reader.refuse('unknown rights')
  return rights
}

const readGrant = (reader: Reader): DomainGrant => ({
  principal: reader.oneOf(grantKinds) === GrantKind.Everyone ? 'everyone' : readPrincipalId(reader),
  rights: readRights(reader),
  wrapped: ownBlob(reader, wrappedDomainKeyBytesMax),
})

export function writeDomain(writer: Writer, domain: DomainView): void {
  writer.hex(domain.domain).u32(domain.epoch).u64(domain.seq)
  writer.list(domain.grants, writeGrant).bool(domain.ownOnly)
}

/** @throws CodecError */
export const readDomain = (reader: Reader): DomainView => ({
  domain: reader.hex(domainIdBytes) as DomainId,
  epoch: reader.u32(),
  seq: reader.u64(),
  grants: reader.list(grantsPerDomainMax, readGrant),
  ownOnly: reader.bool(),
})

export function writePrincipal(writer: Writer, principal: PrincipalView): void {
  writer.hex(principal.principal)
  writer.u8(principal.kind === 'user' ? PrincipalKind.User : PrincipalKind.Token)
  writer.hex(principal.owner).fixed(principal.signKey).fixed(principal.wrapKey)
  writer.u8(principal.rights).u64(principal.expiryMs).bool(principal.revoked)
  writer.blob(principal.sealed).blob(principal.salt)
}

/** @throws CodecError */
export const readPrincipal = (reader: Reader): PrincipalView => ({
  principal: readPrincipalId(reader),
  kind: reader.oneOf(principalKinds) === PrincipalKind.User ? 'user' : 'token',
  owner: readPrincipalId(reader),
  signKey: reader.fixed(publicKeyBytes).slice(),
  wrapKey: reader.fixed(publicKeyBytes).slice(),
  rights: readRights(reader),
  expiryMs: reader.u64(),
  revoked: reader.bool(),
  sealed: ownBlob(reader, sealedPrincipalBytesMax),
  salt: ownBlob(reader, principalSaltBytesMax),
})
