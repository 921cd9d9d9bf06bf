/** Files, directories and volumes as applications see them, through the API, SDK and WebDAV. */
import type { AuthenticatedSession } from '../users/interface.ts'

/** One for a whole request: each step may wait for what the ones before it have left. */
export type Deadline = {
  /** From now, 1 at least. A step past it fails with a code that says what is missing. */
  readonly leftMs: number
  /** Content went on: a stream may take as long as it takes, if it does not stand still. */
  readonly moved: () => void
}

/** Who calls, until when, and how to stop: every call takes one. */
export type CallContext = {
  readonly session: AuthenticatedSession
  readonly deadline: Deadline
  readonly signal: AbortSignal
  /** From the application's Idempotency-Key; at most 255 visible ASCII characters. */
  readonly idempotencyKey?: string
}

export type NodeKind = 'file' | 'directory' | 'volume'

export type FileInfo = {
  readonly name: string
  /** Absolute, normalised. */
  readonly path: string
  readonly kind: NodeKind
  /** Stable over renames; 32 hexadecimal characters. */
  readonly id: string
  /** Strong validator: changes with every write of contents (files) or entries (directories). */
  readonly etag: string
  readonly createdMs: number
  readonly modifiedMs: number
  /** Files: bytes. Directories and volumes: number of entries. */
  readonly size: number
  /** Files: their own; directories and volumes: defaults for what is made inside. */
  readonly blockBytes: number
  readonly replicas: number
}

export type Listing = {
  readonly directory: FileInfo
  readonly entries: readonly FileInfo[]
  /** Opaque; pass back for the next page. Undefined at the end. */
  readonly cursor: string | undefined
  /**
   * Entries whose name or keys do not open or do not fit their tag: listed by count, never by name.
   */
  readonly damagedCount: number
}

/** Preconditions as of RFC 9110: compare with the current etag. */
export type Preconditions = {
  /** The target must exist with one of these etags (`*`: any). */
  readonly ifMatch?: readonly string[] | '*'
  /** The target must not exist with one of these etags (`*`: must not exist). */
  readonly ifNoneMatch?: readonly string[] | '*'
}

export type Creation = {
  /** 4 KiB … 4 MiB, a power of two; default of the directory's volume. */
  readonly blockBytes?: number
  /** 1 … number of storing Processors; default of the directory's volume. */
  readonly replicas?: number
}

export interface FileSystem {
  stat(path: string, context: CallContext): Promise<FileInfo>

  /**
   * Children in pages (≤ 1,000); entries neither renamed nor removed meanwhile appear exactly once.
   */
  list(
    path: string,
    page: { readonly cursor?: string; readonly countMax: number },
    context: CallContext,
  ): Promise<Listing>

  makeDirectory(
    path: string,
    options: Creation & Preconditions & { readonly parents?: boolean },
    context: CallContext,
  ): Promise<FileInfo>

  /** A volume is a directory under `/` that brings its own defaults. */
  makeVolume(
    path: string,
    options: Creation & Preconditions,
    context: CallContext,
  ): Promise<FileInfo>

  /**
   * Create or replace a whole file from a stream. Nothing of it is visible before all of it is
   * (readers see the old file or the new one); a stream that throws leaves no trace but orphaned
   * blocks. `expectedBytes`, when known, must be met exactly (`filesystem/wrong-length`).
   */
  write(
    path: string,
    body: AsyncIterable<Uint8Array>,
    options: Creation &
      Preconditions & { readonly expectedBytes?: number; readonly parents?: boolean },
    context: CallContext,
  ): Promise<{ readonly info: FileInfo; readonly created: boolean }>

  /**
   * Write inside an existing file at a byte offset (beyond the end: a hole of zeros), or append.
   * Atomic up to `patchBytesMax`; larger bodies are refused (`filesystem/too-large`).
   */
  patch(
    path: string,
    body: AsyncIterable<Uint8Array>,
    options: Preconditions & { readonly at: number | 'end'; readonly expectedBytes?: number },
    context: CallContext,
  ): Promise<FileInfo>

  /** Set the length: cut, or extend with a hole. */
  truncate(
    path: string,
    size: number,
    options: Preconditions,
    context: CallContext,
  ): Promise<FileInfo>

  /**
   * Open for reading a byte range of the file as it is now. The stream reads one version to its
   * end, also when the file is replaced meanwhile.
   */
  read(
    path: string,
    options: Preconditions & {
      /** Given size and etag, the half-open range wanted; undefined for all. */
      readonly range?: (
        size: number,
        etag: string,
      ) => { readonly start: number; readonly end: number } | undefined
    },
    context: CallContext,
  ): Promise<{
    readonly info: FileInfo
    readonly start: number
    readonly end: number
    readonly stream: AsyncIterable<Uint8Array>
  }>

  /** Atomic, within and across directories. `replace` allows an existing file at `to`. */
  rename(
    from: string,
    to: string,
    options: Preconditions & { readonly replace?: boolean },
    context: CallContext,
  ): Promise<FileInfo>

  /** Remove a file, or an empty directory or volume. */
  remove(path: string, options: Preconditions, context: CallContext): Promise<void>

  /**
   * Where a file's blocks lie, by Processor number of the world: for operators (the tour shows it).
   */
  blockMap(
    path: string,
    page: { readonly fromBlock: number; readonly countMax: number },
    context: CallContext,
  ): Promise<{
    readonly blockCount: number
    readonly blocks: readonly {
      readonly index: number
      readonly id: string
      readonly holders: readonly number[]
    }[]
  }>
}
