/**
 * Folders and files of one node, relative to the node's data folder. Paths use `/`, have no `..`,
 * and are our own (never derived from what a peer sent, but by hexadecimal or base32 encoding).
 *
 * Crash rules, which the simulated twin enforces: what was written and not synced may vanish, tear
 * or survive in part; a created or removed name is durable once its folder was synced
 * (`writeSynced` syncs bytes and file metadata, not the folder); a failed sync must never be
 * retried as if nothing was lost: stop the node.
 */
import { UnosysError } from '../base/error.ts'

export const DiskCode = {
  NotFound: 'disk/not-found',
  Exists: 'disk/exists',
  /** No room (or quota). React: refuse the write, stay up. */
  Full: 'disk/full',
  /** Rights are missing. React: tell the operator which path. */
  Denied: 'disk/denied',
  /**
   * The system is short of open files or memory for now. Nothing was read or written, and nothing
   * is known of what lies there. React: refuse this one thing, try again later.
   */
  Busy: 'disk/busy',
  /**
   * Read: something lies there and does not come back, since the medium reports an error (EIO) or
   * it is no file. React: count it as damaged.
   */
  Unreadable: 'disk/unreadable',
  /** Anything else, a failed sync included. React: stop this node. */
  Failed: 'disk/failed',
} as const
export type DiskCode = (typeof DiskCode)[keyof typeof DiskCode]
export class DiskError extends UnosysError<DiskCode, { path: string }> {}

export type FileStat = {
  readonly sizeBytes: number
  readonly modifiedMs: number
}

/** A file open for appending. One writer; calls are queued in order. */
export interface AppendFile {
  /** Append; the parts are written as if joined. Resolves when the operating system has them. */
  append(parts: readonly Uint8Array[]): Promise<void>
  /** Make everything appended so far durable (fdatasync). */
  sync(): Promise<void>
  close(): Promise<void>
}

export interface Disk {
  /** Create a folder and its parents; existing is fine. */
  makeFolder(path: string): Promise<void>
  /** Names in a folder, sorted by code units; empty for a missing folder. */
  list(path: string): Promise<readonly string[]>
  /** The whole file. @throws DiskError `disk/not-found`, `disk/unreadable`, `disk/busy`. */
  read(path: string): Promise<Uint8Array>
  stat(path: string): Promise<FileStat | undefined>
  /** Create or replace, parts as if joined, not synced. `modifiedMs` sets the time stamp. */
  write(
    path: string,
    parts: readonly Uint8Array[],
    options?: { readonly modifiedMs?: number },
  ): Promise<void>
  /**
   * Create (fails if it exists) and make the content durable with as few system calls as possible.
   */
  writeSynced(
    path: string,
    parts: readonly Uint8Array[],
    options?: { readonly modifiedMs?: number },
  ): Promise<void>
  /** Make a file's content durable. */
  syncFile(path: string): Promise<void>
  /** Make names created, renamed or removed in a folder durable. */
  syncFolder(path: string): Promise<void>
  /** Open for appending, created if missing. */
  openAppend(path: string): Promise<AppendFile>
  /** Replaces a file. @throws DiskError `disk/exists` when a folder is in the way. */
  rename(from: string, to: string): Promise<void>
  /** Remove a file; missing is fine. */
  remove(path: string): Promise<void>
  /** Free bytes of the file system that holds the data folder. */
  freeBytes(): Promise<number>
}
