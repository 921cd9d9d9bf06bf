/** What the tests of the vault share: a plain disk in memory, faults, keys, blocks. */
import { createHash } from 'node:crypto'
import { nodeClock } from '../../src/adapters/node-clock.ts'
import { createNodeCrypto } from '../../src/adapters/node-crypto.ts'
import { nodeRandom } from '../../src/adapters/node-random.ts'
import { compareText, concat } from '../../src/base/bytes.ts'
import { type BlockId, blockIdOf, digestOf } from '../../src/base/ids.ts'
import { partitionOfBlock } from '../../src/kernel/placement/index.ts'
import {
  openVault,
  type StoredBlock,
  type Vault,
  type VaultOptions,
} from '../../src/kernel/vault/index.ts'
import { type AppendFile, type Disk, DiskCode, DiskError } from '../../src/ports/disk.ts'
import type { Log } from '../../src/ports/log.ts'
import type { Metrics } from '../../src/ports/metrics.ts'

export const crypto = createNodeCrypto()
export const blockNameKey = new Uint8Array(32).fill(0xb1)
export const storageKey = (epoch: number): { epoch: number; key: Uint8Array } => ({
  epoch,
  key: new Uint8Array(32).fill(epoch),
})
export const partitionOf = (id: BlockId): number => partitionOfBlock(crypto.sha256, id)

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, for: () => silent }
const uncounted: Metrics = { count() {}, gauge() {}, snapshot: () => ({}) }

/** Options of an ordinary vault on `disk`. */
export const optionsFor = (disk: Disk, changes: Partial<VaultOptions> = {}): VaultOptions => ({
  disk,
  crypto,
  random: nodeRandom,
  clock: nodeClock,
  log: silent,
  metrics: uncounted,
  storageKeys: [storageKey(1)],
  blockNameKey,
  partitionOf,
  ...changes,
})
export const vaultOn = (disk: Disk, changes: Partial<VaultOptions> = {}): Promise<Vault> =>
  openVault(optionsFor(disk, changes))

const hexOf = (text: string, bytes: number): string =>
  createHash('sha256')
    .update(text)
    .digest('hex')
    .slice(0, bytes * 2)

/** The block number `number`: equal numbers give equal blocks. */
export function blockOf(
  number: number,
  options: { readonly version?: number; readonly bytes?: number; readonly id?: BlockId } = {},
): StoredBlock {
  const { version = 1, bytes = 1_000, id = blockIdOf(hexOf(`block ${number}`, 16)) } = options
  const sealed = new Uint8Array(bytes)
  const pattern = createHash('sha512').update(`${number} ${version}`).digest()
  for (let offset = 0; offset < bytes; offset += pattern.length)
    sealed.set(pattern.subarray(0, Math.min(pattern.length, bytes - offset)), offset)
  const hash = digestOf(createHash('sha256').update(sealed).digest('hex'))
  const releaseTag = new Uint8Array(Buffer.from(hexOf(`tag ${number}`, 16), 'hex'))
  return { id, version, hash, sealed, releaseTag }
}

/** Called before each call of the disk; throws to make it fail. */
export type Interference = (call: keyof Disk, path: string) => void

/** A disk in memory that never crashes, counts its calls, and fails when told. */
export class MemoryDisk implements Disk {
  readonly files = new Map<string, { bytes: Uint8Array; modifiedMs: number }>()
  readonly folders = new Set<string>([''])
  /** `call path`, in order. */
  calls: string[] = []
  interfere: Interference = () => {}
  /** Falls with each write. */
  free = 1e12

  async #called(call: keyof Disk, path: string): Promise<void> {
    this.calls.push(`${call} ${path}`)
    await Promise.resolve()
    this.interfere(call, path)
  }

  async makeFolder(path: string): Promise<void> {
    await this.#called('makeFolder', path)
    const parts = path.split('/')
    for (let count = 1; count <= parts.length; count++)
      this.folders.add(parts.slice(0, count).join('/'))
  }

  async list(path: string): Promise<readonly string[]> {
    await this.#called('list', path)
    const names = [...this.files.keys(), ...this.folders]
      .filter((name) => name !== '' && parentOf(name) === path)
      .map((name) => name.slice(name.lastIndexOf('/') + 1))
    return names.sort(compareText)
  }

  async read(path: string): Promise<Uint8Array> {
    await this.#called('read', path)
    return this.#file(path).bytes.slice()
  }

  async stat(path: string): Promise<{ sizeBytes: number; modifiedMs: number } | undefined> {
    await this.#called('stat', path)
    const file = this.files.get(path)
    return file && { sizeBytes: file.bytes.length, modifiedMs: file.modifiedMs }
  }

  async write(
    path: string,
    parts: readonly Uint8Array[],
    options?: { readonly modifiedMs?: number },
  ): Promise<void> {
    await this.#called('write', path)
    this.#put(path, parts, options)
  }

  async writeSynced(
    path: string,
    parts: readonly Uint8Array[],
    options?: { readonly modifiedMs?: number },
  ): Promise<void> {
    await this.#called('writeSynced', path)
    if (this.files.has(path)) throw new DiskError(DiskCode.Exists, `${path}: exists`, { path })
    this.#put(path, parts, options)
  }

  async syncFile(path: string): Promise<void> {
    await this.#called('syncFile', path)
    this.#file(path)
  }

  async syncFolder(path: string): Promise<void> {
    await this.#called('syncFolder', path)
    if (!this.folders.has(path)) throw notFound(path)
  }

  openAppend(path: string): Promise<AppendFile> {
    return Promise.reject(new Error(`the vault appends to nothing: ${path}`))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#called('rename', from)
    this.files.set(to, this.#file(from))
    this.files.delete(from)
  }

  async remove(path: string): Promise<void> {
    await this.#called('remove', path)
    this.files.delete(path)
  }

  async freeBytes(): Promise<number> {
    await this.#called('freeBytes', '')
    return this.free
  }

  /** Paths of the block files. */
  blockPaths(): string[] {
    return [...this.files.keys()].filter((path) => path.split('/').length === 3)
  }

  #file(path: string): { bytes: Uint8Array; modifiedMs: number } {
    const file = this.files.get(path)
    if (file === undefined) throw notFound(path)
    return file
  }

  #put(
    path: string,
    parts: readonly Uint8Array[],
    options: { readonly modifiedMs?: number } | undefined,
  ): void {
    if (!this.folders.has(parentOf(path))) throw notFound(path)
    const bytes = concat(parts)
    this.free -= bytes.length
    this.files.set(path, { bytes, modifiedMs: options?.modifiedMs ?? 1 })
  }
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')))
const notFound = (path: string): DiskError =>
  new DiskError(DiskCode.NotFound, `${path}: no such file`, { path })

/** A failure of the disk with this code. */
export const diskFault = (code: DiskCode, path: string): DiskError =>
  new DiskError(code, `${path}: injected ${code}`, { path })
