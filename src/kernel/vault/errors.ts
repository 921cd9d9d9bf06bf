import { UnosysError } from '../../base/error.ts'

export const VaultCode = {
  /** Never stored here, or its file is gone: that counts as compromise (white paper 1.7.1). */
  Missing: 'vault/missing',
  /** A file is there whose name does not carry its own hash: somebody renamed it. */
  NameChanged: 'vault/name-changed',
  /** The file's bytes do not open under the storage key or do not have the content hash. */
  ContentChanged: 'vault/content-changed',
  /**
   * The disk could not be asked: no open file left, no memory, a folder that cannot be read now.
   * Says nothing about a copy; nothing was written. React: try again later, blame nobody.
   */
  Busy: 'vault/busy',
  /** No room on the disk. React: refuse the replica; reads go on. */
  Full: 'vault/full',
  /** The disk failed. React: stop this node with the message; a failed sync is never retried. */
  Failed: 'vault/failed',
  /** The data folder cannot be used (rights, another format version). React: tell the operator. */
  Unusable: 'vault/unusable',
} as const
export type VaultCode = (typeof VaultCode)[keyof typeof VaultCode]

export class VaultError extends UnosysError<VaultCode, { readonly what: string }> {}
