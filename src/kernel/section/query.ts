/** What a member answers from one state. @pure */
import type { Crypto } from '../../ports/crypto.ts'
import { type Answer, type Delta, ObjectKind, type ObjectView, type Query } from './interface.ts'
import { deltaBytesAskToCompact, deltasAskToCompact } from './limits.ts'
import { numberKey } from './merkle-map.ts'
import { liveSession } from './sessions.ts'
import type { ObjectState, SectionState } from './state.ts'

/** Answers in the order of the queries, all from the same state. */
export const answer = (
  crypto: Crypto,
  state: SectionState,
  queries: readonly Query[],
): readonly Answer[] => queries.map((query) => answerOne(crypto, state, query))

/**
 * True when the same answer may be right again after others were: nothing in it grows. What is not
 * there may have been there; an object's place may go and come back without a new `seq`.
 */
export const mayReturn = (answers: readonly Answer[]): boolean => answers.some(oneMayReturn)

function oneMayReturn(one: Answer): boolean {
  switch (one.kind) {
    case 'object':
      return one.object === undefined || one.object.unlinked
    case 'entry':
    case 'session':
      return !one.found
    // These come and stay.
    case 'domain':
    case 'principal':
      return false
  }
}

function answerOne(crypto: Crypto, state: SectionState, query: Query): Answer {
  switch (query.kind) {
    case 'object': {
      const object = state.objects.get(query.object)
      const view = object === undefined ? undefined : viewOf(crypto, object, query.sinceSeq)
      return { kind: 'object', object: view }
    }
    case 'entry': {
      const directory = state.objects.get(query.directory)
      const found = directory?.kind === ObjectKind.Directory
      const entry = directory?.entries.get(query.tag)
      return { kind: 'entry', found, directorySeq: found ? directory.seq : 0, entry }
    }
    case 'domain':
      return { kind: 'domain', domain: state.domains.get(query.domain) }
    case 'principal':
      return { kind: 'principal', principal: state.principals.get(query.principal) }
    case 'session': {
      const session = liveSession(state, query.session)
      const lastSequence = session?.lastSequence ?? 0
      return { kind: 'session', found: session !== undefined, lastSequence }
    }
  }
}

/** An object as readers see it, with its deltas after `sinceSeq`. */
export function viewOf(crypto: Crypto, object: ObjectState, sinceSeq: number): ObjectView {
  const isDirectory = object.kind === ObjectKind.Directory
  const deltas: Delta[] = []
  for (const { value } of object.deltas.leaves(numberKey(sinceSeq))) deltas.push(value.delta)
  return {
    object: object.object,
    kind: object.kind,
    domain: object.domain,
    domainEpoch: object.domainEpoch,
    keyEpoch: object.keyEpoch,
    wrappedKeys: object.wrappedKeys,
    replicas: object.replicas,
    attributes: object.attributes,
    seq: object.seq,
    createdMs: object.createdMs,
    changedMs: object.changedMs,
    entriesRoot: isDirectory ? object.entries.root(crypto) : undefined,
    entryCount: object.entries.size,
    baseSeq: object.baseSeq,
    base: object.base,
    deltas,
    unlinked: object.unlinkedMs !== undefined,
  }
}

/** True when whoever writes this object should compact it first. */
export function asksToCompact({ deltas }: Pick<ObjectView, 'deltas'>): boolean {
  if (deltas.length >= deltasAskToCompact) return true
  let bytes = 0
  for (const { sealed, added } of deltas) bytes += sealed.length + added.length * 128
  return bytes >= deltaBytesAskToCompact
}
