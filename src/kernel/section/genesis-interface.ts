/** The document that a world starts from. Its hash is the world id; nothing in it ever changes. */
import type { DomainId, NodeId, ObjectId } from '../../base/ids.ts'
import type { DomainView, ObjectView, PrincipalView } from './interface.ts'

export type GenesisMember = {
  readonly node: NodeId
  /** X25519 static key of its links and Ed25519 consensus key, 32 bytes each. */
  readonly linkKey: Uint8Array
  readonly consensusKey: Uint8Array
  /** `member` votes and stores; `storage` stores only. */
  readonly role: 'member' | 'storage'
  /** Share of data, 1…8. */
  readonly weight: number
}

export type GenesisDirectory = {
  readonly view: Pick<
    ObjectView,
    'object' | 'domain' | 'domainEpoch' | 'keyEpoch' | 'wrappedKeys' | 'replicas' | 'attributes'
  >
  /** Undefined for the root directory. */
  readonly parent: ObjectId | undefined
  /** Its entry in the parent; both undefined for the root. */
  readonly entryTag: string | undefined
  readonly sealedName: Uint8Array | undefined
}

export type Genesis = {
  /** Of this document's format and of the rules by which the section executes. */
  readonly protocol: number
  /** 32 random bytes: two worlds never share an id. */
  readonly salt: Uint8Array
  readonly createdMs: number
  /** Sorted by node id. Those with role `member` form the group. */
  readonly members: readonly GenesisMember[]
  readonly defaultReplicas: number
  readonly principals: readonly PrincipalView[]
  readonly domains: readonly DomainView[]
  /** Parents before children; the first is the root directory `/`. */
  readonly directories: readonly GenesisDirectory[]
  /** The world's block-name key, sealed under HKDF(computer key of epoch 1). */
  readonly sealedBlockNameKey: Uint8Array
  /** Domain of `/`, `/public`, `/home`, `/apps` by path, for readers of the document. */
  readonly domainOfPath: readonly { readonly path: string; readonly domain: DomainId }[]
  /** Votes of the group that decide, where they are more than the default. */
  readonly quorum?: number
}
