/**
 * Sessions: exactly-once by a window of sequence numbers with results. @pure
 *
 * A batch may be ordered twice (it is sent to all members, and sent again after a silence), so
 * every executed sequence is remembered with the hash of its command and its result. The window is
 * what a client may have under way. A session is opened by sequence 1 alone: when it has expired
 * and is forgotten, none of its commands but that one could run again, and that one carries an
 * expiry in the past.
 */
import { equalBytes } from '../../base/bytes.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { accountOf, withAccount } from './accounts.ts'
import { commandHashesOf, type ExecutableBatch } from './codec-batch.ts'
import { expiryKey } from './expiry-key.ts'
import { type Command, type CommandResult, RejectCode } from './interface.ts'
import { sessionWindowCount } from './limits.ts'
import { numberKey } from './merkle-map.ts'
import type { SectionState, SessionState } from './state.ts'

/** The session, if it is known and not expired. */
export function liveSession(
  state: SectionState,
  session: SessionState['session'],
): SessionState | undefined {
  const found = state.sessions.get(session)
  return found !== undefined && found.expiryMs > state.effectiveMs ? found : undefined
}

export const sessionExpiry = (session: SessionState): ReturnType<typeof expiryKey> =>
  expiryKey(session.expiryMs, { kind: 'session', session: session.session })

/** What a sequence may do: run, or nothing, with the result that it had or a refusal. */
export function recallSequence(
  session: SessionState,
  sequence: number,
  hash: Uint8Array,
): { readonly run: true } | { readonly run: false; readonly result: CommandResult } {
  const known = session.results.get(numberKey(sequence))
  if (known !== undefined && equalBytes(known.hash, hash))
    return { run: false, result: known.result }
  const distance = sequence - session.lastSequence
  const isOutside = distance <= -sessionWindowCount || distance > sessionWindowCount
  if (known === undefined && !isOutside) return { run: true }
  return { run: false, result: { ok: false, code: RejectCode.Sequence, operation: 0 } }
}

/** Remember a result and forget what falls out of the window. */
export function withResult(
  session: SessionState,
  command: { readonly sequence: number; readonly hash: Uint8Array; readonly result: CommandResult },
): SessionState {
  const { sequence, hash, result } = command
  const lastSequence = Math.max(session.lastSequence, sequence)
  // A copy: what the adapter returned may be a view into something larger.
  let results = session.results.set(numberKey(sequence), { hash: hash.slice(), result })
  const oldest = numberKey(Math.max(0, lastSequence - sessionWindowCount + 1))
  for (let first = results.first(); first !== undefined; first = results.first()) {
    if (first.key >= oldest) break
    results = results.delete(first.key)
  }
  return { ...session, lastSequence, results }
}

export const withSession = (state: SectionState, session: SessionState): SectionState => ({
  ...state,
  sessions: state.sessions.set(session.session, session),
})

/** The session is forgotten. */
export function withoutSession(state: SectionState, session: SessionState): SectionState {
  const account = accountOf(state, session.principal)
  const forgotten = {
    ...state,
    sessions: state.sessions.delete(session.session),
    expiries: state.expiries.delete(sessionExpiry(session)),
  }
  return withAccount(forgotten, { ...account, sessionCount: account.sessionCount - 1 })
}

/** A command that opens the batch's session. */
export const isOpening = ({ sequence, operations }: Command): boolean =>
  sequence === 1 && operations[0]?.op === 'session'

/**
 * The results of a batch all of whose commands were executed before, if they are still known; for a
 * member that is asked again.
 */
export function recallResults(
  crypto: Crypto,
  state: SectionState,
  batch: ExecutableBatch,
): readonly CommandResult[] | undefined {
  const session = liveSession(state, batch.session)
  if (session === undefined) return undefined
  const kept = keptOf(session, batch)
  if (kept === undefined) return undefined
  const hashes = commandHashesOf(crypto, batch)
  const results: CommandResult[] = []
  for (const [index, { hash, result }] of kept.entries()) {
    const own = hashes[index]
    if (own === undefined || !equalBytes(hash, own)) return undefined
    results.push(result)
  }
  return results
}

type Kept = { readonly hash: Uint8Array; readonly result: CommandResult }

/** What is remembered under all sequences of a batch: for a new one nothing, before any hashing. */
function keptOf(session: SessionState, batch: ExecutableBatch): readonly Kept[] | undefined {
  const kept: Kept[] = []
  for (const { sequence } of batch.commands) {
    const known = session.results.get(numberKey(sequence))
    if (known === undefined) return undefined
    kept.push(known)
  }
  return kept
}
