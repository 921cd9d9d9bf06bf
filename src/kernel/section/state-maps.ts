/**
 * The maps of the state: how their values become leaves. Numbers and order as in the snapshot.
 * @pure
 */
import type { Writer } from '../../base/codec.ts'
import {
  type Digest,
  type DomainId,
  digestBytes,
  domainIdBytes,
  type ObjectId,
  objectIdBytes,
  type PrincipalId,
  principalIdBytes,
  type SessionId,
  sessionIdBytes,
  type Tag,
  tagBytes,
} from '../../base/ids.ts'
import { writeResult } from './codec-batch.ts'
import { writeBaseRoot } from './codec-block.ts'
import { writeDelta, writeDomain, writeEntryValue, writePrincipal } from './codec-view.ts'
import { type ExpiryKey, expiryKeyBytes } from './expiry-key.ts'
import type { DomainView, Entry, PrincipalView } from './interface.ts'
import { type MapFormat, MerkleMap, type NumberKey, numberKeyBytes } from './merkle-map.ts'
import type {
  Account,
  DeltaState,
  ObjectState,
  RequestState,
  SessionResult,
  SessionState,
  Stage,
} from './state.ts'

export function writeDeltaState(writer: Writer, { delta, writes }: DeltaState): void {
  writeDelta(writer, delta)
  writer.list(writes, (inner, tag) => inner.hex(tag))
}

export function writeStage(writer: Writer, stage: Stage): void {
  writer.u64(stage.number).hex(stage.session).u64(stage.expiryMs).blob(stage.blocks)
}

export function writeSessionResult(writer: Writer, { hash, result }: SessionResult): void {
  writer.fixed(hash)
  writeResult(writer, result)
}

export function writeRequest(writer: Writer, request: RequestState): void {
  writer.u64(request.ordinal).u64(request.expiryMs).hex(request.print)
  writeResult(writer, request.result)
}

/** An object without what stands in maps of its own. */
export function writeObjectHeader(writer: Writer, object: ObjectState): void {
  writer.hex(object.object).u8(object.kind)
  writer.hex(object.domain).u32(object.domainEpoch).u32(object.keyEpoch).u64(object.keySeq)
  writer.blob(object.wrappedKeys).u8(object.replicas).blob(object.attributes)
  writer.hex(object.creator).u64(object.seq).u64(object.createdMs).u64(object.changedMs)
  writer.option(object.parent, (inner, parent) => inner.hex(parent))
  writer.option(object.unlinkedMs, (inner, timeMs) => inner.u64(timeMs))
  writer.u64(object.storedBytes).u64(object.baseSeq).option(object.base, writeBaseRoot)
  writer.u64(object.stageNumber)
}

/** A session without its results. */
export function writeSessionHeader(writer: Writer, session: SessionState): void {
  writer.hex(session.session).hex(session.principal)
  writer.u64(session.expiryMs).u64(session.lastSequence)
}

const entryFormat: MapFormat<Entry> = { keyBytes: tagBytes, writeValue: writeEntryValue }
const deltaFormat: MapFormat<DeltaState> = { keyBytes: numberKeyBytes, writeValue: writeDeltaState }
const tagFormat: MapFormat<number> = {
  keyBytes: tagBytes,
  writeValue: (writer, seq) => writer.u64(seq),
}
const stageFormat: MapFormat<Stage> = { keyBytes: numberKeyBytes, writeValue: writeStage }
const resultFormat: MapFormat<SessionResult> = {
  keyBytes: numberKeyBytes,
  writeValue: writeSessionResult,
}
const requestFormat: MapFormat<RequestState> = { keyBytes: digestBytes, writeValue: writeRequest }
const orderFormat: MapFormat<Digest> = {
  keyBytes: numberKeyBytes,
  writeValue: () => undefined,
}
const objectFormat: MapFormat<ObjectState> = {
  keyBytes: objectIdBytes,
  writeValue: (writer, object, crypto) => {
    writeObjectHeader(writer, object)
    for (const map of [object.entries, object.deltas, object.tags, object.stages]) {
      writer.fixed(map.rootBytes(crypto))
    }
  },
}
const sessionFormat: MapFormat<SessionState> = {
  keyBytes: sessionIdBytes,
  writeValue: (writer, session, crypto) => {
    writeSessionHeader(writer, session)
    writer.fixed(session.results.rootBytes(crypto))
  },
}
const accountFormat: MapFormat<Account> = {
  keyBytes: principalIdBytes,
  writeValue: (writer, account, crypto) => {
    writer.u64(account.requestOrdinal).fixed(account.requests.rootBytes(crypto))
  },
}
const domainFormat: MapFormat<DomainView> = { keyBytes: domainIdBytes, writeValue: writeDomain }
const principalFormat: MapFormat<PrincipalView> = {
  keyBytes: principalIdBytes,
  writeValue: writePrincipal,
}
const expiryFormat: MapFormat<true> = { keyBytes: expiryKeyBytes, writeValue: () => undefined }

/** Empty maps; immutable, so one of each is enough. */
export const emptyMaps = {
  entries: new MerkleMap<Tag, Entry>(entryFormat),
  deltas: new MerkleMap<NumberKey, DeltaState>(deltaFormat),
  tags: new MerkleMap<Tag, number>(tagFormat),
  stages: new MerkleMap<NumberKey, Stage>(stageFormat),
  results: new MerkleMap<NumberKey, SessionResult>(resultFormat),
  requests: new MerkleMap<Digest, RequestState>(requestFormat),
  requestOrder: new MerkleMap<NumberKey, Digest>(orderFormat),
  objects: new MerkleMap<ObjectId, ObjectState>(objectFormat),
  domains: new MerkleMap<DomainId, DomainView>(domainFormat),
  principals: new MerkleMap<PrincipalId, PrincipalView>(principalFormat),
  sessions: new MerkleMap<SessionId, SessionState>(sessionFormat),
  accounts: new MerkleMap<PrincipalId, Account>(accountFormat),
  expiries: new MerkleMap<ExpiryKey, true>(expiryFormat),
} as const
