/** What has expired goes, at the start of each block of the log. @pure */
import { type Expiry, type ExpiryKey, parseExpiryKey } from './expiry-key.ts'
import { numberKey } from './merkle-map.ts'
import {
  addBytes,
  stageExpiry,
  unlinkedExpiry,
  withObject,
  withoutObject,
  withoutStages,
} from './object-state.ts'
import { sessionExpiry, withoutSession } from './sessions.ts'
import type { SectionState } from './state.ts'

/** The state without what has expired at its effective time, at most `countMax` things of it. */
export function withoutExpired(state: SectionState, countMax: number): SectionState {
  let left = state
  for (let count = 0; count < countMax; count++) {
    const first = left.expiries.first()
    if (first === undefined) break
    const { timeMs, expiry } = parseExpiryKey(first.key)
    if (timeMs > left.effectiveMs) break
    left = { ...left, expiries: left.expiries.delete(first.key) }
    left = withoutThing(left, first.key, expiry)
  }
  return left
}

/** A key speaks for what has that expiry itself; what lives under the same id now stays. */
function withoutThing(state: SectionState, key: ExpiryKey, expiry: Expiry): SectionState {
  if (expiry.kind === 'session') {
    const session = state.sessions.get(expiry.session)
    const isIt = session !== undefined && sessionExpiry(session) === key
    return isIt ? withoutSession(state, session) : state
  }
  const object = state.objects.get(expiry.object)
  if (object === undefined) return state
  if (expiry.kind === 'unlinked') {
    const { unlinkedMs } = object
    const isIt = unlinkedMs !== undefined && unlinkedExpiry(object.object, unlinkedMs) === key
    return isIt ? withoutObject(state, object) : state
  }
  const stage = object.stages.get(numberKey(expiry.number))
  if (stage === undefined || stageExpiry(object.object, stage) !== key) return state
  // Nothing named it: its blocks are orphans.
  const without = withoutStages(state, object, [stage])
  const freedBytes = addBytes(state.freedBytes, stage.sealedBytes)
  return { ...withObject(without.state, without.object), freedBytes }
}
