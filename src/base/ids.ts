/**
 * Identifiers, as lower-case hexadecimal text of fixed length: they are compared, sorted and used
 * as keys of maps everywhere, and bytes only on the wire. Branded, so that one is never passed for
 * another.
 */
import { assert } from './assert.ts'

/** A node: its Ed25519 public key, 32 bytes. */
export type NodeId = string & { readonly brand: 'NodeId' }
/** SHA-256, 32 bytes. */
export type Digest = string & { readonly brand: 'Digest' }
/** A world: the SHA-256 of its genesis document, 32 bytes. */
export type WorldId = string & { readonly brand: 'WorldId' }
/** A block, drawn at random at birth, 16 bytes. */
export type BlockId = string & { readonly brand: 'BlockId' }
/** A file, table or directory, drawn at random at birth, 16 bytes. */
export type ObjectId = string & { readonly brand: 'ObjectId' }
/** An access domain, 16 bytes. */
export type DomainId = string & { readonly brand: 'DomainId' }
/** A user, token or group: SHA-256 of its sign key, 32 bytes. */
export type PrincipalId = string & { readonly brand: 'PrincipalId' }
/** A client session of the section: SHA-256 of its public key, 32 bytes. */
export type SessionId = string & { readonly brand: 'SessionId' }
/** A keyed hash of a name, key or block index: HMAC-SHA-256, 32 bytes. Equality is all it tells. */
export type Tag = string & { readonly brand: 'Tag' }

export const digestBytes = 32
export const nodeIdBytes = 32
export const blockIdBytes = 16
export const objectIdBytes = 16
export const domainIdBytes = 16
export const principalIdBytes = 32
export const sessionIdBytes = 32
export const tagBytes = 32

/** True for exactly `length` bytes of lower-case hexadecimal. */
export function isHexOf(text: string, length: number): boolean {
  return text.length === length * 2 && /^[0-9a-f]*$/.test(text)
}

function checked<Id extends string>(text: string, length: number): Id {
  assert(isHexOf(text, length), `not ${length} bytes of lower-case hexadecimal`)
  return text as Id
}

export const nodeIdOf = (hex: string): NodeId => checked(hex, nodeIdBytes)
export const digestOf = (hex: string): Digest => checked(hex, digestBytes)
export const worldIdOf = (hex: string): WorldId => checked(hex, digestBytes)
export const blockIdOf = (hex: string): BlockId => checked(hex, blockIdBytes)
export const objectIdOf = (hex: string): ObjectId => checked(hex, objectIdBytes)
export const domainIdOf = (hex: string): DomainId => checked(hex, domainIdBytes)
export const principalIdOf = (hex: string): PrincipalId => checked(hex, principalIdBytes)
export const sessionIdOf = (hex: string): SessionId => checked(hex, sessionIdBytes)
export const tagOf = (hex: string): Tag => checked(hex, tagBytes)
