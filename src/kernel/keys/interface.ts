/** Key material as the layers above see it. ARCHITECTURE section 5 gives the hierarchy. */
import type { DomainId, ObjectId, PrincipalId } from '../../base/ids.ts'
import type { AeadKey, Crypto, KeyPair } from '../../ports/crypto.ts'
import type { Random } from '../../ports/random.ts'

/** What sealing needs: the primitives, and dice for nonces and fresh keys. */
export type SealPorts = { readonly crypto: Crypto; readonly random: Random }

/** An access domain's key of one epoch, unwrapped. */
export type DomainKey = {
  readonly domain: DomainId
  readonly epoch: number
  readonly key: AeadKey
  /** Raw, for wrapping to a new principal; never leaves memory. */
  readonly raw: Uint8Array
}

/** A content key of one epoch of its object. */
export type ContentKey = {
  readonly epoch: number
  readonly key: AeadKey
  /** Raw, for wrapping under another domain key; never leaves memory. */
  readonly raw: Uint8Array
}

/** An object's keys, unwrapped: only the Processor of the opening application has them (C20). */
export type ObjectKeys = {
  readonly object: ObjectId
  /** Of the newest content key. */
  readonly epoch: number
  /** Content keys by epoch, oldest first, without gaps; the newest seals. */
  readonly content: readonly ContentKey[]
  /** HMAC key of conflict and entry tags, 32 bytes. */
  readonly tagKey: Uint8Array
  /** HMAC key of release secrets, 32 bytes. */
  readonly releaseKey: Uint8Array
}

/** What a principal can do by itself: sign sessions, open domain keys wrapped for it. */
export type PrincipalKeys = {
  readonly principal: PrincipalId
  /** Of a token: its owner; of a user: itself. */
  readonly owner: PrincipalId
  readonly sign: KeyPair
  /** X25519 pairs by which domain keys may be wrapped (a full token also has its owner's). */
  readonly wraps: readonly { readonly principal: PrincipalId; readonly pair: KeyPair }[]
}

/** A domain as its keys are read from: the section's `DomainView` has this shape. */
export type WrappedDomain = {
  readonly domain: DomainId
  readonly epoch: number
  readonly grants: readonly {
    readonly principal: PrincipalId | 'everyone'
    readonly wrapped: Uint8Array
  }[]
}
