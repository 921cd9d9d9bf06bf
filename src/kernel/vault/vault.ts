import { assert } from '../../base/assert.ts'
import { isUnosysError } from '../../base/error.ts'
import type { BlockId } from '../../base/ids.ts'
import type { Log } from '../../ports/log.ts'
import type { Metrics } from '../../ports/metrics.ts'
import { type OuterSeal, pageCountOf } from './block-file.ts'
import type { BlockIndex, IndexEntry } from './block-index.ts'
import { type BlockNames, resembles } from './block-name.ts'
import { VaultCode, VaultError } from './errors.ts'
import type { BlockCopy, BlockKey, StoredBlock, Vault, VaultStatus } from './interface.ts'
import { folderOf } from './layout.ts'
import { pageBytes } from './limits.ts'
import { type BlockReader, missing, nameChanged } from './reader.ts'
import type { BlockWriter } from './writer.ts'

type DamageCode =
  | typeof VaultCode.Missing
  | typeof VaultCode.NameChanged
  | typeof VaultCode.ContentChanged

const damageMetric: Readonly<Record<DamageCode, string>> = {
  [VaultCode.Missing]: 'vault.missing_total',
  [VaultCode.NameChanged]: 'vault.names_changed_total',
  [VaultCode.ContentChanged]: 'vault.contents_changed_total',
}

const textOf = ({ id, version, hash }: BlockKey): string => `${id} ${version} ${hash}`

/**
 * The vault over folders of block files. The index is the truth about what is held; a block enters
 * it when its file is durable and leaves it when its file was found damaged.
 */
export class FolderVault implements Vault {
  readonly #index: BlockIndex
  readonly #names: BlockNames
  readonly #seal: OuterSeal
  readonly #reader: BlockReader
  readonly #writer: BlockWriter
  readonly #partitionOf: (id: BlockId) => number
  readonly #log: Log
  readonly #metrics: Metrics
  readonly #strayNames: readonly string[]
  readonly #damage: Record<DamageCode, number>
  /** Writes under way, so that a second put of the same block shares the first. */
  readonly #writing = new Map<string, Promise<void>>()
  readonly #reading = new Set<Promise<unknown>>()
  /** Blocks stored so far: a read that fails looks again if one was stored meanwhile. */
  #storedCount = 0
  #closed = false

  constructor(parts: {
    readonly index: BlockIndex
    readonly names: BlockNames
    readonly seal: OuterSeal
    readonly reader: BlockReader
    readonly writer: BlockWriter
    readonly partitionOf: (id: BlockId) => number
    readonly log: Log
    readonly metrics: Metrics
    /** Files whose names failed at start: some of the names, and how many there are. */
    readonly strays: { readonly names: readonly string[]; readonly count: number }
  }) {
    this.#index = parts.index
    this.#names = parts.names
    this.#seal = parts.seal
    this.#reader = parts.reader
    this.#writer = parts.writer
    this.#partitionOf = parts.partitionOf
    this.#log = parts.log
    this.#metrics = parts.metrics
    this.#strayNames = parts.strays.names
    this.#damage = {
      [VaultCode.Missing]: 0,
      [VaultCode.NameChanged]: parts.strays.count,
      [VaultCode.ContentChanged]: 0,
    }
  }

  put(block: StoredBlock): Promise<void> {
    assert(!this.#closed, 'the vault is open')
    const text = textOf(block)
    const writing = this.#writing.get(text)
    if (writing !== undefined) return writing
    const known = this.#index.get(block)
    if (known?.proven === true) return Promise.resolve()
    const stored = this.#store(block, known).finally(() => this.#writing.delete(text))
    this.#writing.set(text, stored)
    return stored
  }

  get(key: BlockKey): Promise<BlockCopy> {
    assert(!this.#closed, 'the vault is open')
    const reading = this.#read(key)
    const settled = Promise.allSettled([reading])
    this.#reading.add(settled)
    void settled.then(() => this.#reading.delete(settled))
    return reading
  }

  has(key: BlockKey): boolean {
    return this.#index.has(key)
  }

  list(partition: number): readonly BlockKey[] {
    return this.#index.list(partition)
  }

  unproven(partition: number): readonly BlockKey[] {
    return this.#index.list(partition, { unproven: true })
  }

  status(): VaultStatus {
    return {
      blockCount: this.#index.count,
      storedBytes: this.#index.pageCount * pageBytes,
      nameChangedCount: this.#damage[VaultCode.NameChanged],
      contentChangedCount: this.#damage[VaultCode.ContentChanged],
      missingCount: this.#damage[VaultCode.Missing],
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled([...this.#writing.values(), ...this.#reading])
  }

  async #store(block: StoredBlock, former: IndexEntry | undefined): Promise<void> {
    const { id, version, hash } = block
    const folder = this.#folderOf(id)
    const pageCount = pageCountOf(block.sealed.length)
    const fields = { id, version, hash, keyEpoch: this.#seal.keyEpoch, pageCount }
    await this.#writer.write({
      folder,
      name: this.#names.nameOf(fields),
      bytes: pageCount * pageBytes,
      replaces: former !== undefined,
      seal: () => this.#seal.seal(block),
    })
    this.#index.set({ ...fields, proven: true })
    if (former !== undefined && former.keyEpoch !== fields.keyEpoch)
      await this.#writer.remove(folder, this.#names.nameOf(former))
    this.#storedCount += 1
    this.#metrics.count('vault.puts_total')
    this.#metrics.count('vault.put_bytes_total', block.sealed.length)
  }

  async #read(key: BlockKey): Promise<BlockCopy> {
    const writing = this.#writing.get(textOf(key))
    // Whether the write succeeds is its caller's business; the index tells us below.
    if (writing !== undefined) await Promise.allSettled([writing])
    const known = this.#index.get(key)
    if (known === undefined) throw this.#unknown(key)
    const storedBefore = this.#storedCount
    try {
      return await this.#reader.read(this.#folderOf(key.id), known)
    } catch (error) {
      if (!isDamage(error)) throw this.#counted(error)
      // Found damaged by another reader meanwhile, forgotten and perhaps stored again: look again.
      if (this.#storedCount !== storedBefore) return this.#readAgain(key)
      throw this.#damaged(key, error)
    }
  }

  async #readAgain(key: BlockKey): Promise<BlockCopy> {
    const known = this.#index.get(key)
    if (known === undefined) throw this.#unknown(key)
    try {
      return await this.#reader.read(this.#folderOf(key.id), known)
    } catch (error) {
      throw isDamage(error) ? this.#damaged(key, error) : this.#counted(error)
    }
  }

  #counted(error: unknown): unknown {
    if (isUnosysError(error, VaultCode.Busy)) this.#metrics.count('vault.reads_refused_total')
    return error
  }

  /** Count and forget a damaged copy, once. */
  #damaged(key: BlockKey, error: VaultError & { readonly code: DamageCode }): VaultError {
    if (!this.#index.delete(key)) return error
    this.#damage[error.code] += 1
    this.#metrics.count(damageMetric[error.code])
    this.#log.warn('a block is damaged on this disk', { code: error.code, what: error.detail.what })
    return error
  }

  /** Not in the index: never stored, or its name was found changed at start. */
  #unknown(key: BlockKey): VaultError {
    if (this.#strayNames.length === 0) return missing()
    const expected = this.#names.nameOf({ ...key, keyEpoch: this.#seal.keyEpoch, pageCount: 0 })
    const stray = this.#strayNames.find((name) => resembles(name, expected))
    return stray === undefined ? missing() : nameChanged(stray)
  }

  #folderOf(id: BlockId): string {
    return folderOf(this.#partitionOf(id))
  }
}

function isDamage(error: unknown): error is VaultError & { readonly code: DamageCode } {
  return error instanceof VaultError && Object.hasOwn(damageMetric, error.code)
}
