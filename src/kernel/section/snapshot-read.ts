/**
 * Reading a snapshot, from our own disk or from a peer that may lie. @pure
 *
 * Nothing is believed: sizes are bounded and what is derived is computed anew. Whether it is the
 * right state says its root, which the caller compares with a certified one.
 */
import { emptyBytes } from '../../base/bytes.ts'
import { Reader } from '../../base/codec.ts'
import {
  type Digest,
  type DomainId,
  digestBytes,
  domainIdBytes,
  type NodeId,
  nodeIdBytes,
  type SessionId,
  sessionIdBytes,
  type WorldId,
} from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { createPlacement, type PlacementEpoch } from '../placement/index.ts'
import { accountOf, withAccount } from './accounts.ts'
import { readResult } from './codec-batch.ts'
import { addedBlockBytes, ownBlob, readBaseRoot } from './codec-block.ts'
import { readKind, readObject, readReplicas, readTag } from './codec-operation.ts'
import { readDelta, readDomain, readEntry, readPrincipal, readPrincipalId } from './codec-view.ts'
import { readConsensusState } from './consensus-state.ts'
import {
  addedPerStageMax,
  attributesBytesMax,
  chunkBytesMax,
  genesisMembersMax,
  memberWeightMax,
  protocolVersion,
  tagsPerApplyMax,
  wrappedKeysBytesMax,
} from './limits.ts'
import { type NumberKey, numberKey, numberKeyBytes } from './merkle-map.ts'
import { stageExpiry, unlinkedExpiry, withObject } from './object-state.ts'
import { deltaBytesOf } from './operations/apply.ts'
import { sessionExpiry, withSession } from './sessions.ts'
import { RecordKind, snapshotFormat } from './snapshot-record.ts'
import { unpackBlocks } from './stages.ts'
import type { Account, ObjectState, SectionState, SessionState, Stage } from './state.ts'
import { emptyMaps } from './state-maps.ts'

const recordKinds = Object.values(RecordKind)
const ownerKinds: ReadonlySet<RecordKind> = new Set([
  RecordKind.Domain,
  RecordKind.Principal,
  RecordKind.Object,
  RecordKind.Session,
  RecordKind.Account,
])
const commandHashBytes = 32
const epochsMax = 16

/**
 * The state that the chunks hold, in order.
 *
 * @throws CodecError the bytes are no snapshot; drop them, and count who sent them.
 */
export function decodeState(crypto: Crypto, chunks: readonly Uint8Array[]): SectionState {
  const builder = new StateBuilder(crypto)
  for (const [index, chunk] of chunks.entries()) {
    const reader = new Reader(chunk)
    if (chunk.length > chunkBytesMax) reader.refuse('chunk too long')
    if (reader.u8() !== snapshotFormat) reader.refuse('another format of snapshots')
    if (reader.u32() !== index) reader.refuse('chunks out of order')
    while (reader.remainingBytes > 0) builder.record(new Reader(reader.blob(chunkBytesMax)))
  }
  return builder.finish()
}

class StateBuilder {
  readonly #crypto: Crypto
  #state: SectionState | undefined
  /** The owner of the parts that come next; one of them at most. */
  #object: ObjectState | undefined
  #session: SessionState | undefined
  #account: Account | undefined

  constructor(crypto: Crypto) {
    this.#crypto = crypto
  }

  record(reader: Reader): void {
    const kind = reader.oneOf(recordKinds)
    const state = this.#state
    if (kind === RecordKind.Header) {
      if (state !== undefined) reader.refuse('two headers')
      this.#state = readHeader(reader, this.#crypto)
    } else if (state === undefined) reader.refuse('no header')
    else if (ownerKinds.has(kind)) this.#owner(reader, kind, this.#closed(state))
    else this.#part(reader, kind)
    reader.end()
  }

  /** The state, with what is derived from all of it. */
  finish(): SectionState {
    if (this.#state === undefined) return new Reader(emptyBytes).refuse('a snapshot without header')
    let state = this.#closed(this.#state)
    for (const { value: session } of state.sessions.leaves()) {
      const account = accountOf(state, session.principal)
      state = withAccount(state, { ...account, sessionCount: account.sessionCount + 1 })
    }
    return state
  }

  #owner(reader: Reader, kind: RecordKind, state: SectionState): void {
    this.#state = state
    if (kind === RecordKind.Domain) {
      const domain = readDomain(reader)
      this.#state = { ...state, domains: state.domains.set(domain.domain, domain) }
    } else if (kind === RecordKind.Principal) {
      const principal = readPrincipal(reader)
      const principals = state.principals.set(principal.principal, principal)
      this.#state = { ...state, principals }
    } else if (kind === RecordKind.Object) this.#object = readObjectHeader(reader)
    else if (kind === RecordKind.Session) this.#session = readSessionHeader(reader)
    else
      this.#account = { ...accountOf(state, readPrincipalId(reader)), requestOrdinal: reader.u64() }
  }

  #part(reader: Reader, kind: RecordKind): void {
    if (kind === RecordKind.Result && this.#session !== undefined)
      this.#session = withResult(reader, this.#session)
    else if (kind === RecordKind.Request && this.#account !== undefined)
      this.#account = withRequest(reader, this.#account)
    else if (this.#object !== undefined) this.#object = withObjectPart(reader, kind, this.#object)
    else reader.refuse('a part without what it belongs to')
  }

  /** The state with the object, session or account whose parts have come. */
  #closed(state: SectionState): SectionState {
    let closed = state
    if (this.#object !== undefined) closed = withClosedObject(closed, this.#object)
    if (this.#session !== undefined) {
      const expiries = closed.expiries.set(sessionExpiry(this.#session), true)
      closed = withSession({ ...closed, expiries }, this.#session)
    }
    if (this.#account !== undefined) closed = withAccount(closed, this.#account)
    this.#object = undefined
    this.#session = undefined
    this.#account = undefined
    return closed
  }
}

function withClosedObject(state: SectionState, object: ObjectState): SectionState {
  let { expiries, stagedBlockCount } = state
  for (const { value: stage } of object.stages.leaves()) {
    expiries = expiries.set(stageExpiry(object.object, stage), true)
    stagedBlockCount += stage.blockCount
  }
  if (object.unlinkedMs !== undefined)
    expiries = expiries.set(unlinkedExpiry(object.object, object.unlinkedMs), true)
  return { ...withObject(state, object), expiries, stagedBlockCount }
}

function withResult(reader: Reader, session: SessionState): SessionState {
  const key = reader.hex(numberKeyBytes) as NumberKey
  const hash = reader.fixed(commandHashBytes).slice()
  const results = session.results.set(key, { hash, result: readResult(reader) })
  return { ...session, results }
}

function withRequest(reader: Reader, account: Account): Account {
  const key = reader.hex(digestBytes) as Digest
  const ordinal = reader.u64()
  const expiryMs = reader.u64()
  const print = reader.hex(digestBytes) as Digest
  const result = readResult(reader)
  const requests = account.requests.set(key, { ordinal, expiryMs, print, result })
  return { ...account, requests, requestOrder: account.requestOrder.set(numberKey(ordinal), key) }
}

function withObjectPart(reader: Reader, kind: RecordKind, object: ObjectState): ObjectState {
  switch (kind) {
    case RecordKind.Entry: {
      const entry = readEntry(reader)
      return { ...object, entries: object.entries.set(entry.tag, entry) }
    }
    case RecordKind.Delta: {
      const delta = readDelta(reader)
      const writes = reader.list(tagsPerApplyMax, readTag)
      const deltas = object.deltas.set(numberKey(delta.seq), { delta, writes })
      const sealedBytes = delta.sealed.length
      const counts = { sealedBytes, addedCount: delta.added.length, writeCount: writes.length }
      return { ...object, deltas, deltaBytes: object.deltaBytes + deltaBytesOf(counts) }
    }
    case RecordKind.Tag:
      return { ...object, tags: object.tags.set(readTag(reader), reader.u64()) }
    case RecordKind.Stage: {
      const stage = readStage(reader)
      return { ...object, stages: object.stages.set(numberKey(stage.number), stage) }
    }
    default:
      return reader.refuse('a part without what it belongs to')
  }
}

function readHeader(reader: Reader, crypto: Crypto): SectionState {
  const world = reader.hex(digestBytes) as WorldId
  const protocol = reader.u32()
  if (protocol !== protocolVersion) reader.refuse('made for another version of the protocol')
  const rootDirectory = readObject(reader)
  const height = reader.u64()
  const effectiveMs = reader.u64()
  const freedBytes = reader.u64()
  const consensus = readConsensusState(reader)
  const epochs = reader.list(epochsMax, readEpoch)
  if (epochs.length === 0) reader.refuse('no placement epoch')
  return {
    ...{ world, protocol, rootDirectory, height, effectiveMs, freedBytes, consensus, epochs },
    objects: emptyMaps.objects,
    domains: emptyMaps.domains,
    principals: emptyMaps.principals,
    sessions: emptyMaps.sessions,
    accounts: emptyMaps.accounts,
    expiries: emptyMaps.expiries,
    stagedBlockCount: 0,
    placements: epochs.map((epoch) =>
      createPlacement((...parts) => crypto.sha256(...parts), epoch),
    ),
  }
}

function readEpoch(reader: Reader): PlacementEpoch {
  const epoch = reader.u32()
  const members = reader.list(genesisMembersMax, (inner) => {
    const node = inner.hex(nodeIdBytes) as NodeId
    const weight = inner.u8()
    if (weight < 1 || weight > memberWeightMax) inner.refuse('a weight out of range')
    return { node, weight }
  })
  const nodes = new Set(members.map(({ node }) => node))
  if (members.length === 0 || nodes.size !== members.length) reader.refuse('members not distinct')
  return { epoch, members }
}

function readObjectHeader(reader: Reader): ObjectState {
  return {
    object: readObject(reader),
    kind: readKind(reader),
    domain: reader.hex(domainIdBytes) as DomainId,
    domainEpoch: reader.u32(),
    keyEpoch: reader.u32(),
    keySeq: reader.u64(),
    wrappedKeys: ownBlob(reader, wrappedKeysBytesMax),
    replicas: readReplicas(reader),
    attributes: ownBlob(reader, attributesBytesMax),
    creator: readPrincipalId(reader),
    seq: reader.u64(),
    createdMs: reader.u64(),
    changedMs: reader.u64(),
    parent: reader.option(readObject),
    unlinkedMs: reader.option((inner) => inner.u64()),
    storedBytes: reader.u64(),
    entries: emptyMaps.entries,
    baseSeq: reader.u64(),
    base: reader.option(readBaseRoot),
    deltas: emptyMaps.deltas,
    deltaBytes: 0,
    tags: emptyMaps.tags,
    stages: emptyMaps.stages,
    stageNumber: reader.u64(),
  }
}

const readSessionHeader = (reader: Reader): SessionState => ({
  session: reader.hex(sessionIdBytes) as SessionId,
  principal: readPrincipalId(reader),
  expiryMs: reader.u64(),
  lastSequence: reader.u64(),
  results: emptyMaps.results,
})

function readStage(reader: Reader): Stage {
  const number = reader.u64()
  const session = reader.hex(sessionIdBytes) as SessionId
  const expiryMs = reader.u64()
  const blocks = ownBlob(reader, addedPerStageMax * addedBlockBytes)
  if (blocks.length % addedBlockBytes !== 0) reader.refuse('half a block in a stage')
  let sealedBytes = 0
  for (const block of unpackBlocks(blocks)) sealedBytes += block.sealedBytes
  const blockCount = blocks.length / addedBlockBytes
  return { number, session, expiryMs, blockCount, sealedBytes, blocks }
}
