/** What expires when, as keys in the order of time. @pure */

import type { ObjectId, SessionId } from '../../base/ids.ts'
import { objectIdBytes, sessionIdBytes } from '../../base/ids.ts'
import { numberKey, numberKeyBytes } from './merkle-map.ts'

/** Time (8 bytes) ‖ kind (1) ‖ id (32): sorts by time first. */
export type ExpiryKey = string & { readonly brand: 'ExpiryKey' }
export const expiryKeyBytes = numberKeyBytes + 1 + sessionIdBytes

export type Expiry =
  | { readonly kind: 'session'; readonly session: SessionId }
  | { readonly kind: 'stage'; readonly object: ObjectId; readonly number: number }
  | { readonly kind: 'unlinked'; readonly object: ObjectId }

const kindSession = '01'
const kindStage = '02'
const kindUnlinked = '03'
const idCharacters = sessionIdBytes * 2
const objectCharacters = objectIdBytes * 2

export function expiryKey(timeMs: number, expiry: Expiry): ExpiryKey {
  const time = numberKey(timeMs)
  switch (expiry.kind) {
    case 'session':
      return `${time}${kindSession}${expiry.session}` as ExpiryKey
    case 'stage': {
      const id = (expiry.object + numberKey(expiry.number)).padEnd(idCharacters, '0')
      return `${time}${kindStage}${id}` as ExpiryKey
    }
    case 'unlinked':
      return `${time}${kindUnlinked}${expiry.object.padEnd(idCharacters, '0')}` as ExpiryKey
  }
}

/** The key's time and what it stands for. */
export function parseExpiryKey(key: ExpiryKey): { timeMs: number; expiry: Expiry } {
  const timeMs = Number.parseInt(key.slice(0, 16), 16)
  const kind = key.slice(16, 18)
  const id = key.slice(18)
  if (kind === kindSession) return { timeMs, expiry: { kind: 'session', session: id as SessionId } }
  const object = id.slice(0, objectCharacters) as ObjectId
  if (kind === kindUnlinked) return { timeMs, expiry: { kind: 'unlinked', object } }
  const number = Number.parseInt(id.slice(objectCharacters, objectCharacters + 16), 16)
  return { timeMs, expiry: { kind: 'stage', object, number } }
}
