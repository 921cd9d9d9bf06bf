/** What has expired goes, at the start of each block of the log. @pure */
import { parseExpiryKey } from './expiry-key.ts'
import { expiriesPerBlockMax } from './limits.ts'
import { numberKey } from './merkle-map.ts'
import { withObject, withoutObject, withoutStages } from './object-state.ts'
import { withoutSession } from './sessions.ts'
import type { SectionState } from './state.ts'

/** The state without what has expired at its effective time, as much as one block removes. */
export function withoutExpired(state: SectionState): SectionState {
  let left = state
  for (let count = 0; count < expiriesPerBlockMax; count++) {
    const first = left.expiries.first()
    if (first === undefined) break
    const { timeMs, expiry } = parseExpiryKey(first.key)
    if (timeMs > left.effectiveMs) break
    left = { ...left, expiries: left.expiries.delete(first.key) }
    if (expiry.kind === 'session') {
      const session = left.sessions.get(expiry.session)
      if (session !== undefined) left = withoutSession(left, session)
    } else if (expiry.kind === 'unlinked') {
      const object = left.objects.get(expiry.object)
      if (object !== undefined) left = withoutObject(left, object)
    } else {
      left = withoutStage(left, expiry)
    }
  }
  return left
}

/** A stage that nothing named: its blocks are orphans. */
function withoutStage(
  state: SectionState,
  expiry: {
    readonly object: Parameters<SectionState['objects']['get']>[0]
    readonly number: number
  },
): SectionState {
  const object = state.objects.get(expiry.object)
  const stage = object?.stages.get(numberKey(expiry.number))
  if (object === undefined || stage === undefined) return state
  const without = withoutStages(state, object, [stage])
  const freedBytes = state.freedBytes + stage.sealedBytes
  return { ...withObject(without.state, without.object), freedBytes }
}
