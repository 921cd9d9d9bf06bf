/** The disk port on top of a `SimDisk`, for one run of one process. */
import { compareText } from '../base/bytes.ts'
import type { Clock } from '../ports/clock.ts'
import type { AppendFile, Disk, DiskError, FileStat } from '../ports/disk.ts'
import { DiskCode } from '../ports/disk.ts'
import type { SimDisk } from './sim-disk.ts'
import { SimAppendFile } from './sim-disk-append.ts'
import { SimFile } from './sim-disk-file.ts'
import { diskFault, lengthOf, partsOf } from './sim-disk-path.ts'
import { SimFolder } from './sim-disk-tree.ts'

type Parts = readonly Uint8Array[]
type Stamp = { readonly modifiedMs?: number }

export class SimMount implements Disk {
  readonly #disk: SimDisk
  readonly #clock: Clock | undefined
  #ended = false

  constructor(disk: SimDisk, clock: Clock | undefined) {
    this.#disk = disk
    this.#clock = clock
  }

  /** Everything under way and everything later fails. */
  end(): void {
    this.#ended = true
  }

  // For this file and SimAppendFile

  get disk(): SimDisk {
    return this.#disk
  }

  nowMs(): number {
    return this.#clock?.wallMs() ?? 0
  }

  /** @throws DiskError when the process is gone or may not touch `path`. */
  admit(path: string): void {
    partsOf(path)
    if (this.#ended) throw diskFault(DiskCode.Failed, path, 'the disk is gone')
    const { denied } = this.#disk.faults
    if (denied.some((one) => path === one || one === '' || path.startsWith(`${one}/`)))
      throw diskFault(DiskCode.Denied, path, 'permission denied')
  }

  /** What opens a file or folder. @throws DiskError also when none can be opened now. */
  #admitOpen(path: string): void {
    this.admit(path)
    if (this.#disk.faults.busy) throw diskFault(DiskCode.Busy, path, 'too many open files')
  }

  /** Time passes, as long as the faults say. @throws DiskError when the disk went meanwhile. */
  async wait(path: string, options: { readonly sync: boolean }): Promise<void> {
    const { random, faults } = this.#disk
    const clock = this.#clock
    if (clock !== undefined) {
      const delayMs = random.skewed(faults.delayMs)
      const syncMs = options.sync ? random.skewed(faults.syncDelayMs) : 0
      await new Promise<void>((resolve) => clock.after(delayMs + syncMs, resolve))
    }
    if (this.#ended) throw diskFault(DiskCode.Failed, path, 'the disk is gone')
  }

  /** Do `effect` now and answer later. */
  async #do<Value>(path: string, effect: () => Value): Promise<Value> {
    this.admit(path)
    let outcome: { readonly value: Value } | { readonly error: unknown }
    try {
      outcome = { value: effect() }
    } catch (error) {
      outcome = { error }
    }
    await this.wait(path, { sync: false })
    if ('error' in outcome) throw outcome.error
    return outcome.value
  }

  #open<Value>(path: string, effect: () => Value): Promise<Value> {
    return this.#do(path, () => {
      this.#admitOpen(path)
      return effect()
    })
  }

  /** The end of a sync, some time after its beginning. */
  async finishSync(path: string, ways: { done: () => void; lost: () => void }): Promise<void> {
    await this.wait(path, { sync: true })
    if (this.#disk.faults.failingSync) {
      ways.lost()
      throw diskFault(DiskCode.Failed, path, 'sync failed')
    }
    ways.done()
  }

  #file(path: string): SimFile {
    const node = this.#disk.find(path)
    if (node === undefined) throw diskFault(DiskCode.NotFound, path, 'no such file')
    if (!(node instanceof SimFile)) throw diskFault(DiskCode.Failed, path, 'not a file')
    return node
  }

  /** The file at `path`, made if missing. */
  fileAt(path: string): SimFile {
    const place = this.#disk.place(path)
    const node = place.folder.names.get(place.name)
    if (node !== undefined) return this.#file(path)
    const file = new SimFile()
    this.#disk.tree.link(place, file)
    return file
  }

  full(path: string): DiskError {
    return diskFault(DiskCode.Full, path, 'no space left')
  }

  makeFolder(path: string): Promise<void> {
    return this.#do(path, () => {
      let folder = this.#disk.tree.root
      for (const name of partsOf(path)) {
        let next = folder.names.get(name)
        if (next instanceof SimFile) throw diskFault(DiskCode.Exists, path, 'a file is there')
        if (next === undefined) {
          next = new SimFolder()
          this.#disk.tree.link({ folder, name }, next)
        }
        folder = next
      }
    })
  }

  list(path: string): Promise<readonly string[]> {
    return this.#open(path, () => {
      const node = this.#disk.find(path)
      if (node === undefined) return []
      if (node instanceof SimFile) throw diskFault(DiskCode.Failed, path, 'not a folder')
      return [...node.names.keys()].sort(compareText)
    })
  }

  read(path: string): Promise<Uint8Array> {
    return this.#open(path, () => {
      const node = this.#disk.find(path)
      const isFolder = node instanceof SimFolder
      if (isFolder || this.#disk.faults.failingRead)
        throw diskFault(DiskCode.Unreadable, path, isFolder ? 'not a file' : 'read failed')
      return this.#file(path).read()
    })
  }

  stat(path: string): Promise<FileStat | undefined> {
    return this.#do(path, () => {
      const node = this.#disk.find(path)
      return node instanceof SimFolder ? { sizeBytes: 0, modifiedMs: 0 } : node?.stat()
    })
  }

  write(path: string, parts: Parts, options: Stamp = {}): Promise<void> {
    return this.#open(path, () => {
      const file = this.fileAt(path)
      this.#disk.use(-file.sizeBytes)
      const freeBytes = this.#disk.freeBytes
      const fits = lengthOf(parts) <= freeBytes
      file.replace(fits ? parts : beginningOf(parts, freeBytes), options.modifiedMs ?? this.nowMs())
      this.#disk.use(file.sizeBytes)
      if (!fits) throw this.full(path)
    })
  }

  async writeSynced(path: string, parts: Parts, options: Stamp = {}): Promise<void> {
    const { place, file } = await this.#open(path, () => {
      const place = this.#disk.place(path)
      if (place.folder.names.has(place.name))
        throw diskFault(DiskCode.Exists, path, 'there is one already')
      if (lengthOf(parts) > this.#disk.freeBytes) throw this.full(path)
      const file = this.fileAt(path)
      file.replace(parts, options.modifiedMs ?? this.nowMs())
      this.#disk.use(file.sizeBytes)
      return { place, file }
    })
    const snapshot = file.snapshot()
    await this.finishSync(path, {
      done: () => file.synced(snapshot),
      lost: () => {
        if (place.folder.names.get(place.name) !== file) return
        this.#disk.use(-file.sizeBytes)
        this.#disk.tree.unlink(place, file)
      },
    })
  }

  async syncFile(path: string): Promise<void> {
    this.#admitOpen(path)
    const file = this.#file(path)
    const snapshot = file.snapshot()
    await this.finishSync(path, { done: () => file.synced(snapshot), lost: () => file.poison() })
  }

  async syncFolder(path: string): Promise<void> {
    this.#admitOpen(path)
    const folder = this.#disk.find(path)
    if (folder === undefined) throw diskFault(DiskCode.NotFound, path, 'no such folder')
    if (folder instanceof SimFile) return this.syncFile(path)
    const { tree } = this.#disk
    const changes = tree.changesOf(folder)
    await this.finishSync(path, { done: () => tree.synced(changes), lost: () => {} })
  }

  openAppend(path: string): Promise<AppendFile> {
    return this.#open(path, () => new SimAppendFile(this, path, this.fileAt(path)))
  }

  rename(from: string, to: string): Promise<void> {
    return this.#do(from, () => {
      this.admit(to)
      const source = this.#disk.place(from)
      const target = this.#disk.place(to)
      const node = source.folder.names.get(source.name)
      if (node === undefined) throw diskFault(DiskCode.NotFound, from, 'no such file')
      const replaced = target.folder.names.get(target.name)
      if (replaced === node) return
      if (replaced instanceof SimFolder || (replaced !== undefined && node instanceof SimFolder))
        throw diskFault(DiskCode.Exists, to, 'a folder is in the way')
      if (replaced !== undefined) this.#disk.use(-replaced.sizeBytes)
      this.#disk.tree.rename(source, target, node)
    })
  }

  remove(path: string): Promise<void> {
    return this.#do(path, () => {
      const node = this.#disk.find(path)
      if (node === undefined) return
      if (node instanceof SimFolder) throw diskFault(DiskCode.Failed, path, 'is a folder')
      this.#disk.use(-node.sizeBytes)
      this.#disk.tree.unlink(this.#disk.place(path), node)
    })
  }

  freeBytes(): Promise<number> {
    return this.#do('', () => this.#disk.freeBytes)
  }
}

/** The first `lengthBytes` of the joined parts. */
function beginningOf(parts: Parts, lengthBytes: number): Uint8Array[] {
  const kept: Uint8Array[] = []
  let left = lengthBytes
  for (const part of parts) {
    kept.push(part.subarray(0, left))
    left -= Math.min(left, part.length)
  }
  return kept
}
