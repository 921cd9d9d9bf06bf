/**
 * The keys that one Processor starts with. The development adapter reads them from a file (mode
 * 0600) and says so; later they are delivered into memory only (white paper 1.7.5).
 */
import { UnosysError } from '../base/error.ts'

export const KeyringCode = {
  /** There is none. React: create the world first, or name the right folder. */
  Missing: 'keyring/missing',
  /** Not a whole keyring of a known format. React: restore it from a copy. */
  Malformed: 'keyring/malformed',
  /** Others than the owner have rights on it. React: take them away; consider the keys known. */
  Exposed: 'keyring/exposed',
  /** It is there, and the system does not let us read it. React: tell the operator. */
  Unreadable: 'keyring/unreadable',
  /** Only when one is written: one is there already, and is never replaced. */
  Exists: 'keyring/exists',
  /** Only when one is written: the system does not let us. React: tell the operator. */
  Unwritable: 'keyring/unwritable',
} as const
export type KeyringCode = (typeof KeyringCode)[keyof typeof KeyringCode]
export class KeyringError extends UnosysError<KeyringCode, { path: string }> {}

export type ComputerKey = { readonly epoch: number; readonly key: Uint8Array }
export type StorageKey = { readonly epoch: number; readonly key: Uint8Array }

export type NodeKeys = {
  /** Ed25519 seeds, 32 bytes. */
  readonly nodeSeed: Uint8Array
  readonly consensusSeed: Uint8Array
  /** X25519 secret, 32 bytes. */
  readonly linkSecret: Uint8Array
  /** Newest last; at least one. AES-256 keys of the outer seal on this node. */
  readonly storageKeys: readonly StorageKey[]
  /** Newest last; at least one. */
  readonly computerKeys: readonly ComputerKey[]
}

export interface Keyring {
  /** @throws KeyringError missing, malformed, exposed or unreadable. */
  load(): Promise<NodeKeys>
  /** One sentence on where the keys rest, for the log at start. */
  readonly notice: string
}
