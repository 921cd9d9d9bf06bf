/** What other layers see of the vault: the folder of block files on this node. */
import type { BlockId, Digest } from '../../base/ids.ts'

/** Stored bytes are known by this triple; equal triples are equal bytes. */
export type BlockKey = {
  readonly id: BlockId
  /** Counts the block's writes from 1; at most 2^48 − 1. */
  readonly version: number
  /** SHA-256 of the sealed bytes (the content hash). */
  readonly hash: Digest
}

export type StoredBlock = BlockKey & {
  /** Sealed by its writer; opaque here. At most `sealedBytesMax`. Not copied, must not change. */
  readonly sealed: Uint8Array
  /** 16 bytes kept with the block: hash of the secret that will allow its release. */
  readonly releaseTag: Uint8Array
}

/** What `get` finds of a block. */
export type BlockCopy = { readonly sealed: Uint8Array; readonly releaseTag: Uint8Array }

export type VaultStatus = {
  readonly blockCount: number
  /** Bytes of block files, as stored. */
  readonly storedBytes: number
  /** Found damaged since start, by kind. */
  readonly nameChangedCount: number
  readonly contentChangedCount: number
  readonly missingCount: number
}

export interface Vault {
  /**
   * Keep a block. Durable when the promise resolves. Give many at once: synced writes are cheap
   * only together (up to 32 are under way, the others wait). The caller guarantees that `hash` is
   * the SHA-256 of `sealed` (links computed it on arrival). Idempotent: a triple that this process
   * stored resolves without a write; one that a former process left is written again, once.
   *
   * @throws VaultError `vault/full`: refuse the replica, stay up. `vault/failed`: stop the node.
   *   `vault/unusable`: rights were taken away; refuse the replica, tell the operator.
   *   `vault/busy`: refuse the replica now; the same put may succeed later.
   */
  put(block: StoredBlock): Promise<void>

  /**
   * The sealed bytes and the release tag kept with them, after checking the file's name, the outer
   * seal and the content hash. A block that is being put is waited for.
   *
   * @throws VaultError `vault/missing`, `vault/name-changed`, `vault/content-changed`: this copy is
   *   lost; tell the requester, who reads another replica. A damaged or missing copy is forgotten,
   *   so that a later `put` of the same triple stores it again. `vault/busy`: the disk could not be
   *   asked; the copy is neither proven nor lost, and stays known.
   */
  get(key: BlockKey): Promise<BlockCopy>

  /** From the index, without touching the disk. */
  has(key: BlockKey): boolean

  /** All keys of a partition, sorted by id, version, hash; for lists and repair. */
  list(partition: number): readonly BlockKey[]

  /** As `list`, but only what this process did not store: known by its name alone. */
  unproven(partition: number): readonly BlockKey[]

  status(): VaultStatus

  /** Finish what is queued, sync, close. */
  close(): Promise<void>
}
