/** Encodings of queries, answers, requests for pages and pages. @pure */
import { decode, encode, type Reader, type Writer } from '../../base/codec.ts'
import {
  type Digest,
  type DomainId,
  digestBytes,
  domainIdBytes,
  type SessionId,
  sessionIdBytes,
} from '../../base/ids.ts'
import { ownBlob } from './codec-block.ts'
import { readObject, readTag } from './codec-operation.ts'
import {
  readDomain,
  readEntry,
  readObjectView,
  readPrincipal,
  readPrincipalId,
  writeDomain,
  writeEntry,
  writeObjectView,
  writePrincipal,
} from './codec-view.ts'
import type { Answer, Page, PageRequest, Query } from './interface.ts'
import { pageEntriesMax, proofBytesMax, queriesMax } from './limits.ts'

/** Numbers of queries and of their answers on the wire. */
const Kind = { Object: 1, Entry: 2, Domain: 3, Principal: 4, Session: 5 } as const
const kinds = Object.values(Kind)

export function writeQuery(writer: Writer, query: Query): void {
  switch (query.kind) {
    case 'object':
      writer.u8(Kind.Object).hex(query.object).u64(query.sinceSeq)
      return
    case 'entry':
      writer.u8(Kind.Entry).hex(query.directory).hex(query.tag)
      return
    case 'domain':
      writer.u8(Kind.Domain).hex(query.domain)
      return
    case 'principal':
      writer.u8(Kind.Principal).hex(query.principal)
      return
    case 'session':
      writer.u8(Kind.Session).hex(query.session)
      return
  }
}

/** @throws CodecError */
export function readQuery(reader: Reader): Query {
  switch (reader.oneOf(kinds)) {
    case Kind.Object:
      return { kind: 'object', object: readObject(reader), sinceSeq: reader.u64() }
    case Kind.Entry:
      return { kind: 'entry', directory: readObject(reader), tag: readTag(reader) }
    case Kind.Domain:
      return { kind: 'domain', domain: reader.hex(domainIdBytes) as DomainId }
    case Kind.Principal:
      return { kind: 'principal', principal: readPrincipalId(reader) }
    case Kind.Session:
      return { kind: 'session', session: reader.hex(sessionIdBytes) as SessionId }
  }
}

export const encodeQueries = (queries: readonly Query[]): Uint8Array =>
  encode((writer) => writer.list(queries, writeQuery), queries.length * 56 + 8)

/** @throws CodecError */
export const decodeQueries = (bytes: Uint8Array): Query[] =>
  decode(bytes, (reader) => reader.list(queriesMax, readQuery))

export function writeAnswer(writer: Writer, answer: Answer): void {
  switch (answer.kind) {
    case 'object':
      writer.u8(Kind.Object).option(answer.object, writeObjectView)
      return
    case 'entry':
      writer.u8(Kind.Entry).u64(answer.directorySeq).bool(answer.found)
      writer.option(answer.entry, writeEntry)
      return
    case 'domain':
      writer.u8(Kind.Domain).option(answer.domain, writeDomain)
      return
    case 'principal':
      writer.u8(Kind.Principal).option(answer.principal, writePrincipal)
      return
    case 'session':
      writer.u8(Kind.Session).bool(answer.found).u64(answer.lastSequence)
      return
  }
}

/** @throws CodecError */
export function readAnswer(reader: Reader): Answer {
  switch (reader.oneOf(kinds)) {
    case Kind.Object:
      return { kind: 'object', object: reader.option(readObjectView) }
    case Kind.Entry: {
      const directorySeq = reader.u64()
      const found = reader.bool()
      return { kind: 'entry', directorySeq, found, entry: reader.option(readEntry) }
    }
    case Kind.Domain:
      return { kind: 'domain', domain: reader.option(readDomain) }
    case Kind.Principal:
      return { kind: 'principal', principal: reader.option(readPrincipal) }
    case Kind.Session:
      return { kind: 'session', found: reader.bool(), lastSequence: reader.u64() }
  }
}

/** Equal answers have equal bytes: a quorum is counted by them. */
export const encodeAnswers = (answers: readonly Answer[]): Uint8Array =>
  encode((writer) => writer.list(answers, writeAnswer), 512)

/** @throws CodecError */
export const decodeAnswers = (bytes: Uint8Array): Answer[] =>
  decode(bytes, (reader) => reader.list(queriesMax, readAnswer))

export const encodePageRequest = (request: PageRequest): Uint8Array =>
  encode((writer) => {
    writer.hex(request.directory).hex(request.root)
    writer.option(request.after, (inner, tag) => inner.hex(tag))
    writer.u32(request.countMax)
  })

/** @throws CodecError */
export const decodePageRequest = (bytes: Uint8Array): PageRequest =>
  decode(bytes, (reader) => {
    const directory = readObject(reader)
    const root = reader.hex(digestBytes) as Digest
    const after = reader.option(readTag)
    const countMax = reader.u32()
    if (countMax < 1 || countMax > pageEntriesMax) reader.refuse('entries of a page out of range')
    return { directory, root, after, countMax }
  })

export const encodePage = (page: Page): Uint8Array =>
  encode(
    (writer) => {
      writer.list(page.entries, writeEntry).bool(page.more).blob(page.proof)
    },
    page.entries.length * 192 + page.proof.length,
  )

/** @throws CodecError */
export const decodePage = (bytes: Uint8Array): Page =>
  decode(bytes, (reader) => ({
    entries: reader.list(pageEntriesMax, readEntry),
    more: reader.bool(),
    proof: ownBlob(reader, proofBytesMax),
  }))
