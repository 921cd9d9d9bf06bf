/**
 * The section's language: what a group orders (operations), what it answers (results, answers) and
 * what it knows (no names, no contents, no keys). `docs/spec/operations.md` is the full text;
 * PROTOCOL 1.2(a) gives the reasons.
 */
import type {
  BlockId,
  Digest,
  DomainId,
  NodeId,
  ObjectId,
  PrincipalId,
  SessionId,
  Tag,
} from '../../base/ids.ts'

/** A block as its object's log names it. 74 bytes on the wire. */
export type AddedBlock = {
  readonly id: BlockId
  readonly version: number
  readonly hash: Digest
  /** Of the sealed bytes. */
  readonly sealedBytes: number
  /** 16 bytes: start of SHA-256 over the secret that will allow the block's release. */
  readonly releaseTag: Uint8Array
}

/** A block as a tree or a reader names it: what is needed to fetch, check and open it. */
export type BlockRef = {
  readonly id: BlockId
  readonly version: number
  readonly hash: Digest
  readonly sealedBytes: number
  /** Epoch of the object's content key that sealed it. */
  readonly keyEpoch: number
}

/**
 * One holder's signature over all blocks that it took in a batch: over domain `receipt`, world,
 * placement epoch, node, `putMs` and the list of leaf hashes. A leaf is the hash over domain
 * `receiptLeaf` and the encoding of an `AddedBlock`.
 */
export type Receipt = {
  readonly node: NodeId
  readonly placementEpoch: number
  /** The holder's wall clock. */
  readonly putMs: number
  /**
   * Per leaf: the index in the operation's `added`, or the leaf hash of a block that is not there.
   */
  readonly leaves: readonly (number | Digest)[]
  readonly signature: Uint8Array
}

/** A block version that an object names no more. Counted until releases exist. */
export type FreedBlock = {
  readonly id: BlockId
  readonly version: number
  readonly hash: Digest
  readonly sealedBytes: number
}

/** New blocks with the proof that enough holders have them. */
export type Added = {
  readonly blocks: readonly AddedBlock[]
  readonly receipts: readonly Receipt[]
}

export const ObjectKind = { Directory: 1, File: 2, Table: 3 } as const
export type ObjectKind = (typeof ObjectKind)[keyof typeof ObjectKind]

export type BaseRoot = {
  /** Root page of the copy-on-write tree; absent for an object without blocks. */
  readonly root: BlockRef | undefined
  /** Length and tree shape, sealed under the content key; at most `sealedBaseBytesMax`. */
  readonly sealed: Uint8Array
}

export type SeenTag = { readonly tag: Tag; readonly seenSeq: number }

export type Operation =
  | {
      readonly op: 'create'
      readonly object: ObjectId
      readonly kind: ObjectKind
      readonly domain: DomainId
      readonly domainEpoch: number
      readonly keyEpoch: number
      /** Content, tag and release keys under the domain key; at most `wrappedKeysBytesMax`. */
      readonly wrappedKeys: Uint8Array
      readonly replicas: number
      /** Sealed attributes (block size, creation time, a directory's defaults). */
      readonly attributes: Uint8Array
    }
  | {
      readonly op: 'link'
      readonly directory: ObjectId
      readonly tag: Tag
      /**
       * Seq of the entry that is replaced, 0 when none may be there. What it named is deleted in
       * the same step (a file, a table or an empty directory).
       */
      readonly seenSeq: number
      readonly sealedName: Uint8Array
      readonly keyEpoch: number
      readonly object: ObjectId
    }
  /** What the entry named stays, unlinked, until a `delete` or for `unlinkedKeepMs`. */
  | {
      readonly op: 'unlink'
      readonly directory: ObjectId
      readonly tag: Tag
      readonly seenSeq: number
    }
  | {
      readonly op: 'rename'
      readonly fromDirectory: ObjectId
      readonly fromTag: Tag
      readonly fromSeq: number
      readonly toDirectory: ObjectId
      readonly toTag: Tag
      /** Seq of the entry that is replaced (its object is deleted), 0 when none may be there. */
      readonly toSeq: number
      readonly sealedName: Uint8Array
      readonly keyEpoch: number
    }
  | {
      readonly op: 'stage'
      readonly object: ObjectId
      readonly keyEpoch: number
      readonly added: Added
      /**
       * In effective time; renewing is staging nothing with a later expiry: all of this session's
       * stages of the object. The result's seq is the stage's number (0 for a renewal).
       */
      readonly expiryMs: number
    }
  | {
      readonly op: 'apply'
      readonly object: ObjectId
      readonly keyEpoch: number
      /**
       * Base whose pages it writes: must still stand. 0 when it writes no page of the base tree.
       */
      readonly baseSeq: number
      readonly reads: readonly SeenTag[]
      /** Without any, the operation only checks: `sealed`, `added` and `freed` must be empty. */
      readonly writes: readonly Tag[]
      /** Sealed delta, at most `sealedDeltaBytesMax`. */
      readonly sealed: Uint8Array
      readonly added: Added
      /**
       * Numbers of live stages of this object whose blocks become part of it: they may stand in
       * `added` without receipts. Undefined: all of this session for the object.
       */
      readonly stages?: readonly number[]
      readonly freed: readonly FreedBlock[]
    }
  | {
      readonly op: 'replace'
      readonly object: ObjectId
      readonly keyEpoch: number
      /** The seq that must still stand; undefined declares a blind replacement (a plain PUT). */
      readonly seenSeq: number | undefined
      readonly base: BaseRoot
      readonly added: Added
      /**
       * Numbers of live stages of this object whose blocks become part of it: they may stand in
       * `added` without receipts. Undefined: all of this session for the object.
       */
      readonly stages?: readonly number[]
      /** `all`: the new tree names no earlier block of the object (a plain PUT). */
      readonly freed: readonly FreedBlock[] | 'all'
    }
  | {
      readonly op: 'compact'
      readonly object: ObjectId
      readonly keyEpoch: number
      readonly baseSeq: number
      readonly uptoSeq: number
      readonly base: BaseRoot
      readonly added: Added
      /**
       * Numbers of live stages of this object whose blocks become part of it: they may stand in
       * `added` without receipts. Undefined: all of this session for the object.
       */
      readonly stages?: readonly number[]
      readonly freed: readonly FreedBlock[]
    }
  /** Only for an object that no entry names (any more). */
  | { readonly op: 'delete'; readonly object: ObjectId }
  | {
      readonly op: 'session'
      /** Ed25519 public key, 32 bytes; the session id is its SHA-256. */
      readonly sessionKey: Uint8Array
      /** User or token that certifies it. */
      readonly principal: PrincipalId
      readonly expiryMs: number
      /** By the principal's sign key over domain `sessionCertificate`, world, key, expiry. */
      readonly certificate: Uint8Array
    }

/**
 * The application's request behind a command, so that a retry through another Processor is safe and
 * another request under the same key is not taken for one. Keyed hashes: members learn nothing.
 */
export type RequestMark = {
  /** Of the Idempotency-Key. */
  readonly id: Digest
  /** Of all that is asked under it, the body included. */
  readonly print: Digest
}

/** One all-or-none unit of work of a session. A `session` operation stands alone in its command. */
export type Command = {
  /** Counts the session's commands from 1 (its opening); remembered in a window of 1,024. */
  readonly sequence: number
  readonly request: RequestMark | undefined
  readonly operations: readonly Operation[]
}

/** What is submitted and ordered: all commands of a session in one turn under one signature. */
export type SignedBatch = {
  readonly session: SessionId
  /** The session's public key, so that the signature can be checked without state. */
  readonly sessionKey: Uint8Array
  readonly commands: readonly Command[]
  readonly signature: Uint8Array
}

/** Why a command did nothing. Each asks for another reaction. */
export const RejectCode = {
  /** Another write came between: read `tag` (or the entry) again and rebuild. */
  Conflict: 'conflict',
  /** The base or the key changed: read the object again. */
  RetryBase: 'retry-base',
  /** Too many deltas: compact first. */
  MustCompact: 'must-compact',
  /** The object, directory or entry is not there (any more). */
  NotFound: 'not-found',
  /** The id exists already. */
  Exists: 'exists',
  /**
   * A directory with entries is not unlinked or replaced; nothing is created in an unlinked one.
   */
  NotEmpty: 'not-empty',
  /** The session's principal has no right for this. */
  Denied: 'denied',
  /** A directory would become its own ancestor. */
  Cycle: 'cycle',
  /** Receipts do not prove that enough holders have each new block. */
  Receipts: 'receipts',
  /** The session is unknown, expired, or its principal is revoked: open a new one. */
  Session: 'session',
  /** A sequence below the window, or reused for other content. */
  Sequence: 'sequence',
  /** Malformed against the state (wrong kind, epoch, a limit): a bug of the submitter. */
  Invalid: 'invalid',
  /** A limit of the world (objects, sessions) is reached. */
  Exhausted: 'exhausted',
  /** Another request was carried out under this request id: draw a new one. */
  Reused: 'reused',
} as const
export type RejectCode = (typeof RejectCode)[keyof typeof RejectCode]

export type CommandResult =
  | {
      readonly ok: true
      /** Per operation: the seq that it got in its object or directory (0 where it has none). */
      readonly seqs: readonly number[]
      /**
       * Of a command with a request mark: the object that its last operation changed, named or
       * moved. A retry made with other objects is told of the first one's.
       */
      readonly object?: ObjectId
    }
  | {
      readonly ok: false
      readonly code: RejectCode
      /** Index of the operation that failed. */
      readonly operation: number
      readonly tag?: Tag
      readonly lastSeq?: number
    }

/** What a quorum (or, for a page, one member) is asked. All of one request see one state. */
export type Query =
  | {
      readonly kind: 'object'
      readonly object: ObjectId /** Deltas after it only. */
      readonly sinceSeq: number
    }
  | { readonly kind: 'entry'; readonly directory: ObjectId; readonly tag: Tag }
  | { readonly kind: 'domain'; readonly domain: DomainId }
  | { readonly kind: 'principal'; readonly principal: PrincipalId }
  | { readonly kind: 'session'; readonly session: SessionId }

export type Entry = {
  readonly tag: Tag
  readonly seq: number
  readonly object: ObjectId
  readonly kind: ObjectKind
  readonly creator: PrincipalId
  readonly keyEpoch: number
  readonly sealedName: Uint8Array
}

export type Delta = {
  readonly seq: number
  readonly writer: PrincipalId
  readonly keyEpoch: number
  readonly sealed: Uint8Array
  readonly added: readonly AddedBlock[]
  /** Effective time at which it was ordered. */
  readonly timeMs: number
}

export type ObjectView = {
  readonly object: ObjectId
  readonly kind: ObjectKind
  readonly domain: DomainId
  readonly domainEpoch: number
  readonly keyEpoch: number
  readonly wrappedKeys: Uint8Array
  readonly replicas: number
  readonly attributes: Uint8Array
  /** Of the last change of contents, entries, key or access. */
  readonly seq: number
  readonly createdMs: number
  readonly changedMs: number
  /** Directories: their entries' Merkle root and count. */
  readonly entriesRoot: Digest | undefined
  readonly entryCount: number
  /** Files and tables. */
  readonly baseSeq: number
  readonly base: BaseRoot | undefined
  /** Those after max(sinceSeq, baseSeq), oldest first. */
  readonly deltas: readonly Delta[]
  /** True when the object cannot be reached from a directory any more. */
  readonly unlinked: boolean
}

export const Rights = { Read: 1, Write: 2, Create: 4, Admin: 8 } as const

export type DomainGrant = {
  /** `everyone` stands for all users of the world. */
  readonly principal: PrincipalId | 'everyone'
  /** Sum of `Rights`. */
  readonly rights: number
  /** The domain key sealed for this principal's wrap key (or under the everyone key). */
  readonly wrapped: Uint8Array
}

export type DomainView = {
  readonly domain: DomainId
  readonly epoch: number
  readonly seq: number
  readonly grants: readonly DomainGrant[]
  /** Everybody may create here, but only own what he made. */
  readonly ownOnly: boolean
}

export type PrincipalView = {
  readonly principal: PrincipalId
  readonly kind: 'user' | 'token'
  /** Of a token: the user who made it; of a user: itself. */
  readonly owner: PrincipalId
  readonly signKey: Uint8Array
  readonly wrapKey: Uint8Array
  readonly rights: number
  readonly expiryMs: number
  readonly revoked: boolean
  /** Private keys, sealed under the passphrase or the token's secret. */
  readonly sealed: Uint8Array
  readonly salt: Uint8Array
}

export type Answer =
  | { readonly kind: 'object'; readonly object: ObjectView | undefined }
  | {
      readonly kind: 'entry'
      /** Seq of the directory at this state; entry undefined: no such name (at that seq). */
      readonly directorySeq: number
      readonly entry: Entry | undefined
      /** False: the directory itself does not exist. */
      readonly found: boolean
    }
  | { readonly kind: 'domain'; readonly domain: DomainView | undefined }
  | { readonly kind: 'principal'; readonly principal: PrincipalView | undefined }
  | { readonly kind: 'session'; readonly found: boolean; readonly lastSequence: number }

/** A page of a listing from one member, in tag order, with a proof against the directory's root. */
export type PageRequest = {
  readonly directory: ObjectId
  /** The root that a quorum confirmed; members serve recent ones. */
  readonly root: Digest
  /** Entries with a greater tag; undefined from the start. */
  readonly after: Tag | undefined
  readonly countMax: number
}
export type Page = {
  readonly entries: readonly Entry[]
  /** True when the directory has entries after the last of these. */
  readonly more: boolean
  readonly proof: Uint8Array
}
