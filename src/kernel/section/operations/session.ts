/**
 * Session: opened by a user's or token's certificate, renewed alike. docs/spec/operations.md, 10.
 * @pure
 */
import { equalBytes } from '../../../base/bytes.ts'
import type { PrincipalId } from '../../../base/ids.ts'
import type { Crypto } from '../../../ports/crypto.ts'
import { type Actor, actorOf } from '../access.ts'
import { accountOf, withAccount } from '../accounts.ts'
import { type Operation, RejectCode, type SignedBatch } from '../interface.ts'
import { sessionLifeMaxMs, sessionsMax, sessionsPerPrincipalMax } from '../limits.ts'
import { sessionExpiry, withoutSession, withSession } from '../sessions.ts'
import { sessionCertificateBytesToSign } from '../signing.ts'
import type { SectionState, SessionState } from '../state.ts'
import { emptyMaps } from '../state-maps.ts'
import { type Execution, type Reject, reject } from '../turn.ts'

type SessionOperation = Extract<Operation, { op: 'session' }>

/** The state with the session of `batch` opened, or renewed where it is live. */
export function openSession(
  execution: Execution,
  state: SectionState,
  input: {
    readonly operation: SessionOperation
    readonly batch: SignedBatch
    readonly live: SessionState | undefined
  },
): SectionState | Reject {
  const { operation, batch, live } = input
  const { principal, sessionKey, expiryMs } = operation
  if (!equalBytes(sessionKey, batch.sessionKey)) return reject(RejectCode.Invalid)
  const actor = actorOf(state, principal)
  if (actor === undefined) return reject(RejectCode.Session)
  const lifeMs = expiryMs - state.effectiveMs
  if (lifeMs <= 0) return reject(RejectCode.Session)
  if (lifeMs > sessionLifeMaxMs) return reject(RejectCode.Invalid)
  if (!isCertified(execution.crypto, state, operation, actor)) return reject(RejectCode.Denied)
  if (live !== undefined) {
    return live.principal === principal ? renewed(state, live, expiryMs) : reject(RejectCode.Denied)
  }
  return opened(state, { session: batch.session, principal, expiryMs })
}

function isCertified(
  crypto: Crypto,
  state: SectionState,
  { certificate, expiryMs, sessionKey }: SessionOperation,
  { principal }: Actor,
): boolean {
  const bytes = sessionCertificateBytesToSign({ world: state.world, sessionKey, expiryMs })
  return crypto.verify(principal.signKey, bytes, certificate)
}

/** Who vouches for a batch that opens its session; undefined when nobody does. */
export function openerOf(
  crypto: Crypto,
  state: SectionState,
  batch: SignedBatch,
): PrincipalId | undefined {
  const [operation] = batch.commands[0]?.operations ?? []
  if (operation?.op !== 'session') return undefined
  if (!equalBytes(operation.sessionKey, batch.sessionKey)) return undefined
  const actor = actorOf(state, operation.principal)
  if (actor === undefined || !isCertified(crypto, state, operation, actor)) return undefined
  return operation.principal
}

function opened(
  state: SectionState,
  input: Pick<SessionState, 'session' | 'principal' | 'expiryMs'>,
): SectionState | Reject {
  // One that expired may still be there: only so many things are removed in a block.
  const expired = state.sessions.get(input.session)
  const before = expired === undefined ? state : withoutSession(state, expired)
  const account = accountOf(before, input.principal)
  const isFull = before.sessions.size >= sessionsMax
  if (isFull || account.sessionCount >= sessionsPerPrincipalMax) return reject(RejectCode.Exhausted)
  const session: SessionState = { ...input, lastSequence: 0, results: emptyMaps.results }
  const expiries = before.expiries.set(sessionExpiry(session), true)
  const counted = { ...account, sessionCount: account.sessionCount + 1 }
  return withSession(withAccount({ ...before, expiries }, counted), session)
}

function renewed(state: SectionState, live: SessionState, expiryMs: number): SectionState {
  if (expiryMs <= live.expiryMs) return state
  const session = { ...live, expiryMs }
  const expiries = state.expiries.delete(sessionExpiry(live)).set(sessionExpiry(session), true)
  return withSession({ ...state, expiries }, session)
}
