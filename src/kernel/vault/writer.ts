/**
 * Making block files durable.
 *
 * Every block is written once, under its final name, and synced by itself; then the folder that
 * holds the name is synced, one sync for all files that were finished in it meanwhile. No temporary
 * name, no rename, no journal: the name carries the content hash and the seal binds the name, so a
 * file that a crash tore can never pass for a whole one, and it was never acknowledged. Measured
 * against a journal with one sync per turn: docs/decisions/0010-vault-durability.md.
 *
 * What a former process left may be whole, torn, or whole in the page cache only (its sync may have
 * failed, and a later sync would not say so). A block that is put again is therefore written again,
 * beside the old file and then over it: nothing acknowledged hangs on a file we did not see synced.
 *
 * A sync that failed leaves nobody knowing what the disk holds: every later write fails too.
 */
import { discard } from '../../base/bytes.ts'
import { isUnosysError, messageOf } from '../../base/error.ts'
import { type Disk, DiskCode } from '../../ports/disk.ts'
import { VaultCode, VaultError } from './errors.ts'
import { Gate } from './gate.ts'
import { unfinishedSuffix, vaultFolder } from './layout.ts'
import { constantModifiedMs, type VaultLimits } from './limits.ts'
import { Room } from './room.ts'
import type { Sealings } from './sealings.ts'

const stamp = { modifiedMs: constantModifiedMs }

/** A file to be. `seal` runs when its turn has come, so that waiting blocks are not held twice. */
export type FileToWrite = {
  readonly folder: string
  readonly name: string
  readonly bytes: number
  /** A file under this name is known, but not known to be whole and durable. */
  readonly replaces: boolean
  readonly seal: () => readonly Uint8Array[]
}

export class BlockWriter {
  readonly #disk: Disk
  readonly #sealings: Pick<Sealings, 'take'>
  readonly #gate: Gate
  readonly #room: Room
  readonly #folders: FolderSyncs
  #failure: VaultError | undefined

  constructor(disk: Disk, limits: VaultLimits, sealings: Pick<Sealings, 'take'>) {
    this.#disk = disk
    this.#sealings = sealings
    this.#gate = new Gate(limits.writesInFlightMax)
    this.#room = new Room(disk, limits)
    this.#folders = new FolderSyncs(disk)
  }

  /**
   * Durable, content and name, when it resolves. Whatever stood under the name is replaced.
   *
   * @throws VaultError `vault/full`, `vault/busy`, `vault/unusable`: of this file. `vault/failed`:
   *   from then on always.
   */
  async write(file: FileToWrite): Promise<void> {
    await this.#guarded(async () => {
      await this.#gate.run(() => this.#room.use(file.bytes, () => this.#writeFile(file)))
      await this.#folders.sync(file.folder)
    })
  }

  /** Remove a file that another one stands for by now. */
  async remove(folder: string, name: string): Promise<void> {
    await this.#guarded(() => this.#disk.remove(`${folder}/${name}`))
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      if (this.#failure !== undefined) throw this.#failure
      await work()
      // Another write's sync failed meanwhile: what this one's says means nothing.
      if (this.#failure !== undefined) throw this.#failure
    } catch (error) {
      const known = writeError(error)
      if (known instanceof VaultError && known.code === VaultCode.Failed) this.#failure ??= known
      throw known
    }
  }

  async #writeFile(file: FileToWrite): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    await this.#sealings.take()
    const parts = file.seal()
    try {
      await this.#place(file, parts)
    } catch (error) {
      if (!isUnosysError(error, DiskCode.NotFound)) throw error
      await this.#restoreFolder(file.folder)
      await this.#place(file, parts)
    } finally {
      for (const part of parts) discard(part)
    }
  }

  async #place(file: FileToWrite, parts: readonly Uint8Array[]): Promise<void> {
    const path = `${file.folder}/${file.name}`
    if (file.replaces) return this.#replace(path, parts)
    try {
      await this.#disk.writeSynced(path, parts, stamp)
    } catch (error) {
      if (!isUnosysError(error, DiskCode.Exists)) throw error
      await this.#replace(path, parts)
    }
  }

  /** The old file stays until the new one is whole: it may be the good copy of a former run. */
  async #replace(path: string, parts: readonly Uint8Array[]): Promise<void> {
    const fresh = `${path}${unfinishedSuffix}`
    await this.#disk.remove(fresh)
    await this.#disk.writeSynced(fresh, parts, stamp)
    await this.#disk.rename(fresh, path)
  }

  /** Somebody removed the folder. Its blocks are lost and will be reported; new ones need it. */
  async #restoreFolder(folder: string): Promise<void> {
    await this.#disk.makeFolder(folder)
    await this.#disk.syncFolder(vaultFolder)
  }
}

type RunningSync = { readonly done: Promise<void>; next: Promise<void> | undefined }

/** Syncs of folders, shared: whoever comes while one is under way waits for the next. */
class FolderSyncs {
  readonly #disk: Disk
  readonly #running = new Map<string, RunningSync>()

  constructor(disk: Disk) {
    this.#disk = disk
  }

  sync(folder: string): Promise<void> {
    const running = this.#running.get(folder)
    if (running === undefined) return this.#start(folder)
    // After a failure there is no next one: what it would report means nothing.
    running.next ??= running.done.then(() => this.#start(folder))
    return running.next
  }

  #start(folder: string): Promise<void> {
    const done = this.#disk.syncFolder(folder).finally(() => {
      if (this.#running.get(folder) === entry) this.#running.delete(folder)
    })
    const entry: RunningSync = { done, next: undefined }
    this.#running.set(folder, entry)
    return done
  }
}

const refusals: ReadonlySet<string> = new Set([DiskCode.Denied, DiskCode.NotFound, DiskCode.Exists])

/** A disk's error in the vault's words; anything else as it is. */
function writeError(error: unknown): unknown {
  if (!isUnosysError(error) || error instanceof VaultError) return error
  const what = messageOf(error)
  const because = { cause: error }
  if (error.code === DiskCode.Full)
    return new VaultError(VaultCode.Full, `no room for another block: ${what}`, { what }, because)
  if (error.code === DiskCode.Busy)
    return new VaultError(VaultCode.Busy, `the disk is busy: ${what}`, { what }, because)
  // Not found: somebody removes folders while we write; nothing that was acknowledged hangs on it.
  // Exists: somebody put a folder where the file belongs.
  if (refusals.has(error.code))
    return new VaultError(VaultCode.Unusable, `the vault may not write: ${what}`, { what }, because)
  return new VaultError(VaultCode.Failed, `the vault's disk failed: ${what}`, { what }, because)
}
