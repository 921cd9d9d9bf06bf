/**
 * Accounts: request ids of users, newest kept, and the number of sessions of each principal. @pure
 */
import type { PrincipalId } from '../../base/ids.ts'
import { type CommandResult, RejectCode, type RequestMark } from './interface.ts'
import { requestKeepMs, requestsPerOwnerMax } from './limits.ts'
import { numberKey } from './merkle-map.ts'
import type { Account, SectionState } from './state.ts'
import { emptyMaps } from './state-maps.ts'

export const accountOf = (state: SectionState, principal: PrincipalId): Account =>
  state.accounts.get(principal) ?? {
    principal,
    requestOrdinal: 0,
    requests: emptyMaps.requests,
    requestOrder: emptyMaps.requestOrder,
    sessionCount: 0,
  }

export const withAccount = (state: SectionState, account: Account): SectionState => ({
  ...state,
  accounts: state.accounts.set(account.principal, account),
})

/** What a request of the owner gave, if its id is still known; `reused` where that was another. */
export function recallRequest(
  state: SectionState,
  owner: PrincipalId,
  request: RequestMark,
): CommandResult | undefined {
  const known = state.accounts.get(owner)?.requests.get(request.id)
  if (known === undefined || known.expiryMs <= state.effectiveMs) return undefined
  if (known.print === request.print) return known.result
  return { ok: false, code: RejectCode.Reused, operation: 0 }
}

/** Remember a success; what is expired or too many goes, oldest first. */
export function rememberRequest(
  state: SectionState,
  done: {
    readonly owner: PrincipalId
    readonly request: RequestMark
    readonly result: CommandResult
  },
): SectionState {
  const { request, result } = done
  const { id, print } = request
  const account = accountOf(state, done.owner)
  const ordinal = account.requestOrdinal + 1
  const expiryMs = state.effectiveMs + requestKeepMs
  const before = account.requests.get(id)
  let requests = account.requests.set(id, { ordinal, expiryMs, print, result })
  let requestOrder = account.requestOrder
  if (before !== undefined) requestOrder = requestOrder.delete(numberKey(before.ordinal))
  requestOrder = requestOrder.set(numberKey(ordinal), id)
  for (;;) {
    const oldest = requestOrder.first()
    if (oldest === undefined) break
    const oldestExpiryMs = requests.get(oldest.value)?.expiryMs ?? 0
    if (requests.size <= requestsPerOwnerMax && oldestExpiryMs > state.effectiveMs) break
    requests = requests.delete(oldest.value)
    requestOrder = requestOrder.delete(oldest.key)
  }
  return withAccount(state, { ...account, requestOrdinal: ordinal, requests, requestOrder })
}
