/**
 * Accounts: request ids of users, newest kept, and the number of sessions of each principal. @pure
 */
import type { Digest, PrincipalId } from '../../base/ids.ts'
import type { CommandResult } from './interface.ts'
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

/** What a request of the owner gave, if that is still known. */
export function recallRequest(
  state: SectionState,
  owner: PrincipalId,
  requestId: Digest,
): CommandResult | undefined {
  const request = state.accounts.get(owner)?.requests.get(requestId)
  return request !== undefined && request.expiryMs > state.effectiveMs ? request.result : undefined
}

/** Remember a success; what is expired or too many goes, oldest first. */
export function rememberRequest(
  state: SectionState,
  request: {
    readonly owner: PrincipalId
    readonly requestId: Digest
    readonly result: CommandResult
  },
): SectionState {
  const { requestId, result } = request
  const account = accountOf(state, request.owner)
  const ordinal = account.requestOrdinal + 1
  const expiryMs = state.effectiveMs + requestKeepMs
  const before = account.requests.get(requestId)
  let requests = account.requests.set(requestId, { ordinal, expiryMs, result })
  let requestOrder = account.requestOrder
  if (before !== undefined) requestOrder = requestOrder.delete(numberKey(before.ordinal))
  requestOrder = requestOrder.set(numberKey(ordinal), requestId)
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
