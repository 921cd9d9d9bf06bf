/**
 * Snapshots: the whole state in chunks. @pure
 *
 * A chunk is `format u8, index u32, records`, filled up to `chunkBytesMax`; equal states give equal
 * chunks, so that members can name each other's chunks by hash. The state is immutable: whoever has
 * more to do takes chunks one at a time.
 */
import { Writer } from '../../base/codec.ts'
import { writeDomain, writeEntry, writePrincipal } from './codec-view.ts'
import { chunkBytesMax } from './limits.ts'
import { RecordKind, snapshotFormat } from './snapshot-record.ts'
import { type ObjectState, type SectionState, writeStateHeader } from './state.ts'
import {
  writeDeltaState,
  writeObjectHeader,
  writeRequest,
  writeSessionHeader,
  writeSessionResult,
  writeStage,
} from './state-maps.ts'

/** All chunks of a state. */
export const encodeState = (state: SectionState): Uint8Array[] => [...stateChunks(state)]

/** The chunks of a state, one at a time, each at most `chunkBytesMax`. */
export function* stateChunks(state: SectionState): Generator<Uint8Array> {
  let index = 0
  let chunk = startChunk(index)
  for (const record of records(state)) {
    if (chunk.length + record.length + 4 > chunkBytesMax) {
      yield chunk.finish()
      chunk = startChunk(++index)
    }
    chunk.blob(record)
  }
  yield chunk.finish()
}

const startChunk = (index: number): Writer => new Writer(64 * 1024).u8(snapshotFormat).u32(index)

function record(kind: RecordKind, write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer(256).u8(kind)
  write(writer)
  return writer.finish()
}

function* records(state: SectionState): Generator<Uint8Array> {
  yield record(RecordKind.Header, (writer) => writeStateHeader(writer, state))
  for (const { value } of state.domains.leaves())
    yield record(RecordKind.Domain, (writer) => writeDomain(writer, value))
  for (const { value } of state.principals.leaves())
    yield record(RecordKind.Principal, (writer) => writePrincipal(writer, value))
  for (const { value } of state.objects.leaves()) yield* objectRecords(value)
  for (const { value: session } of state.sessions.leaves()) {
    yield record(RecordKind.Session, (writer) => writeSessionHeader(writer, session))
    for (const { key, value } of session.results.leaves()) {
      yield record(RecordKind.Result, (writer) => writeSessionResult(writer.hex(key), value))
    }
  }
  for (const { value: account } of state.accounts.leaves()) {
    yield record(RecordKind.Account, (writer) => {
      writer.hex(account.principal).u64(account.requestOrdinal)
    })
    for (const { key, value } of account.requests.leaves()) {
      yield record(RecordKind.Request, (writer) => writeRequest(writer.hex(key), value))
    }
  }
}

function* objectRecords(object: ObjectState): Generator<Uint8Array> {
  yield record(RecordKind.Object, (writer) => writeObjectHeader(writer, object))
  for (const { value } of object.entries.leaves())
    yield record(RecordKind.Entry, (writer) => writeEntry(writer, value))
  for (const { value } of object.deltas.leaves())
    yield record(RecordKind.Delta, (writer) => writeDeltaState(writer, value))
  for (const { key, value } of object.tags.leaves())
    yield record(RecordKind.Tag, (writer) => writer.hex(key).u64(value))
  for (const { value } of object.stages.leaves())
    yield record(RecordKind.Stage, (writer) => writeStage(writer, value))
}
