/** Options and answers of the SDK. */
import type { BlockMapBody, FileInfoBody, ListingBody, StatusBody } from '../wire/schemas.ts'

export type FileInfo = FileInfoBody
export type Listing = ListingBody
export type BlockMap = BlockMapBody
export type Status = StatusBody

export type ClientOptions = {
  /** Address of the Processor on this machine, such as `http://127.0.0.1:7300`. */
  readonly api: string
  /** A token of the world. */
  readonly token: string
  /** In the place of the global `fetch`. */
  readonly fetch?: typeof fetch
  /** Default of `CallOptions.deadlineMs`; the Processor's own is 30 s. */
  readonly deadlineMs?: number
}

/** Of every call. */
export type CallOptions = {
  /** Gives up: the call fails with `sdk/aborted`. */
  readonly signal?: AbortSignal
  /**
   * How long the whole call may wait for other Processors before the Processor answers 503; while
   * a body streams, how long it may stand still.
   */
  readonly deadlineMs?: number
}

/** Act only if the target is as expected; else `filesystem/precondition`. */
export type Conditions = {
  /** It has this etag, or exists (`*`). */
  readonly ifMatch?: string
  /** It does not have this etag, or does not exist (`*`: create, never replace). */
  readonly ifNoneMatch?: string
}

/** Of every call that changes something. */
export type ChangeOptions = CallOptions &
  Conditions & {
    /** Drawn by the client when absent. Two calls with one key and one content are done once. */
    readonly idempotencyKey?: string
  }

/** Of what is created; the defaults come from the volume. */
export type CreateOptions = {
  /** Bytes of a block, a power of two from 4 KiB to 4 MiB. */
  readonly blockBytes?: number
  /** Copies of each block, on as many Processors. */
  readonly replicas?: number
  /** Make missing directories on the way. */
  readonly parents?: boolean
}

export type WriteOptions = ChangeOptions &
  CreateOptions & {
    /** Of a stream, where it is known: a stream that ends early is then refused as a whole. */
    readonly sizeBytes?: number
  }

export type ReadOptions = CallOptions & {
  /** First byte, 0 by default; below 0: from the end. */
  readonly start?: number
  /** Byte behind the last one; to the end by default. */
  readonly end?: number
  /** Fail with `filesystem/precondition` when the file has another etag. */
  readonly ifMatch?: string
}

/** An open answer: its bytes are read once. */
export type FileContent = {
  readonly etag: string
  /** Of the whole file. */
  readonly sizeBytes: number
  /** The bytes given: `[start, end)`. */
  readonly start: number
  readonly end: number
  /** Throws `sdk/cut-off` when the bytes end before `end`. */
  readonly bytes: AsyncIterable<Uint8Array>
}
