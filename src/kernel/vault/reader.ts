/**
 * Reading a block file back. White paper 1.7.1: first the name, then the content; each failure has
 * its own code.
 *
 * The name is checked by opening the one name that id, version, hash and the world's block-name key
 * allow: its name hash is computed afresh for every read, so a file is found only if each character
 * of its name is right, and no folder is listed. Only when there is no such file, the folder is
 * looked through for what became of it.
 *
 * Damage is what was seen: a wrong name, length, seal or hash, or a medium that cannot give the
 * bytes back. Whatever else keeps the disk from answering (no open file left, rights taken away for
 * a moment) says nothing about the copy, and nobody may be accused of it.
 */
import { discard, toHex } from '../../base/bytes.ts'
import { isUnosysError, messageOf } from '../../base/error.ts'
import type { Crypto } from '../../ports/crypto.ts'
import { type Disk, DiskCode } from '../../ports/disk.ts'
import type { OuterSeal } from './block-file.ts'
import { type BlockNames, type NameFields, resembles } from './block-name.ts'
import { VaultCode, VaultError } from './errors.ts'
import { Gate } from './gate.ts'
import type { BlockCopy } from './interface.ts'
import { pageBytes } from './limits.ts'

export class BlockReader {
  readonly #disk: Disk
  readonly #crypto: Crypto
  readonly #names: BlockNames
  readonly #seal: OuterSeal
  readonly #gate: Gate

  constructor(options: {
    readonly disk: Disk
    readonly crypto: Crypto
    readonly names: BlockNames
    readonly seal: OuterSeal
    readonly readsInFlightMax: number
  }) {
    this.#disk = options.disk
    this.#crypto = options.crypto
    this.#names = options.names
    this.#seal = options.seal
    this.#gate = new Gate(options.readsInFlightMax)
  }

  /**
   * @throws VaultError `vault/missing`, `vault/name-changed`, `vault/content-changed`: the copy is
   *   lost. `vault/busy`: nothing is known about it.
   */
  read(folder: string, fields: NameFields): Promise<BlockCopy> {
    return this.#gate.run(async () => {
      const name = this.#names.nameOf(fields)
      let bytes: Uint8Array
      try {
        bytes = await this.#disk.read(`${folder}/${name}`)
      } catch (error) {
        if (isUnosysError(error, DiskCode.NotFound)) throw await this.#absence(folder, name)
        if (isUnosysError(error, DiskCode.Unreadable))
          throw contentChanged(fields, `the file cannot be read: ${messageOf(error)}`, error)
        throw notNow(error)
      }
      try {
        return this.#open(fields, bytes)
      } finally {
        discard(bytes)
      }
    })
  }

  #open(fields: NameFields, bytes: Uint8Array): BlockCopy {
    const length = fields.pageCount * pageBytes
    if (bytes.length !== length)
      throw contentChanged(fields, `the file has ${bytes.length} bytes instead of ${length}`)
    if (!this.#seal.knows(fields.keyEpoch))
      throw contentChanged(fields, `storage key ${fields.keyEpoch} is not on this node`)
    const opened = this.#seal.open(fields, bytes)
    if (opened === undefined)
      throw contentChanged(fields, 'the file does not open under the storage key')
    if (toHex(this.#crypto.sha256(opened.sealed)) !== fields.hash)
      throw contentChanged(fields, 'the sealed block does not have its content hash')
    return opened
  }

  /** Renamed or gone? */
  async #absence(folder: string, name: string): Promise<VaultError> {
    let there: readonly string[]
    try {
      there = await this.#disk.list(folder)
    } catch (error) {
      throw notNow(error)
    }
    const renamed = there.find(
      (other) => resembles(other, name) && this.#names.parse(other) === undefined,
    )
    return renamed === undefined ? missing() : nameChanged(renamed)
  }
}

/** Whatever else the disk said: it is no word about the copy. */
function notNow(error: unknown): unknown {
  if (!isUnosysError(error)) return error
  const what = `a block cannot be read now: ${messageOf(error)}`
  return new VaultError(VaultCode.Busy, what, { what }, { cause: error })
}

export function missing(): VaultError {
  const what = 'no file under the name of the block'
  return new VaultError(VaultCode.Missing, what, { what })
}

/** @param name as it was found. */
export function nameChanged(name: string): VaultError {
  const what = `a block file was renamed to ${name.slice(0, 255)}`
  return new VaultError(VaultCode.NameChanged, what, { what })
}

function contentChanged({ id, version }: NameFields, why: string, cause?: unknown): VaultError {
  const what = `block ${id} version ${version}: ${why}`
  return new VaultError(VaultCode.ContentChanged, what, { what }, { cause })
}
