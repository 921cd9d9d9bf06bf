/**
 * Counts what a storage key has sealed, over all runs, and stops before it is too much: with random
 * nonces of 96 bits a key must be replaced before 2^32 sealings, since two equal nonces would give
 * away both files and let others be forged.
 *
 * The names on the disk are no count: files are replaced and, one day, removed. A count written
 * with each file would cost a sync each. So a file says how many sealings were taken at most. It is
 * moved on in steps, before they are used, and a run begins where it stands: a run wastes a step at
 * most, and a hundred thousand runs a tenth of the key.
 */
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import { isUnosysError } from '../../base/error.ts'
import { type Disk, DiskCode } from '../../ports/disk.ts'
import type { Log } from '../../ports/log.ts'
import { VaultCode, VaultError } from './errors.ts'
import { unfinishedSuffix, vaultFolder } from './layout.ts'
import { sealingsMax, sealingsStep } from './limits.ts'

const path = `${vaultFolder}/sealings.txt`
const textOf = (epoch: number, bound: number): string =>
  `UnoSys sealings, format 1\nstorage key ${epoch}: at most ${bound}\n`
const textShape = /^UnoSys sealings, format 1\nstorage key (\d{1,10}): at most (\d{1,10})\n$/

export class Sealings {
  readonly #disk: Disk
  readonly #epoch: number
  #takenCount: number
  /** As the file says. */
  #bound: number
  #extending: Promise<void> | undefined

  constructor(
    disk: Disk,
    start: { readonly epoch: number; readonly takenCount: number; readonly bound: number },
  ) {
    this.#disk = disk
    this.#epoch = start.epoch
    this.#takenCount = start.takenCount
    this.#bound = start.bound
  }

  /** One more under the key. @throws VaultError `vault/unusable` at the limit; DiskError. */
  async take(): Promise<void> {
    while (this.#takenCount >= this.#bound) {
      if (this.#takenCount >= sealingsMax) throw usedUp(this.#epoch)
      this.#extending ??= this.#extend().finally(() => {
        this.#extending = undefined
      })
      await this.#extending
    }
    this.#takenCount += 1
  }

  /** Beside it and then over it, as all that must be whole. */
  async #extend(): Promise<void> {
    const bound = Math.min(this.#takenCount + sealingsStep, sealingsMax)
    const fresh = `${path}${unfinishedSuffix}`
    await this.#disk.remove(fresh)
    await this.#disk.writeSynced(fresh, [utf8(textOf(this.#epoch, bound))])
    await this.#disk.rename(fresh, path)
    await this.#disk.syncFolder(vaultFolder)
    this.#bound = bound
  }
}

/**
 * Go on where the former run may have been.
 *
 * @param names files that were found sealed under this key: no fewer sealings were there, also when
 *   the count is missing (an older vault) or says nothing.
 */
export async function openSealings(
  parts: { readonly disk: Disk; readonly log: Log },
  key: { readonly epoch: number; readonly names: number },
): Promise<Sealings> {
  const { epoch, names } = key
  const takenCount = Math.max(names, await countedFor(epoch, parts))
  return new Sealings(parts.disk, { epoch, takenCount, bound: takenCount })
}

async function countedFor(
  epoch: number,
  { disk, log }: { readonly disk: Disk; readonly log: Log },
): Promise<number> {
  const text = await readCount(disk)
  if (text === undefined) return 0
  const [, keyEpoch, bound] = textShape.exec(text) ?? []
  if (bound === undefined)
    log.warn('the count of sealings says nothing; files are counted', { path })
  return Number(keyEpoch) === epoch ? Number(bound) : 0
}

/** Undefined when there is none; empty for what is no text. */
async function readCount(disk: Disk): Promise<string | undefined> {
  try {
    return fromUtf8(await disk.read(path)) ?? ''
  } catch (error) {
    if (isUnosysError(error, DiskCode.NotFound)) return undefined
    if (isUnosysError(error, DiskCode.Unreadable)) return ''
    throw error
  }
}

function usedUp(epoch: number): VaultError {
  const what = `storage key ${epoch} has sealed ${sealingsMax} files: this node needs a new one`
  return new VaultError(VaultCode.Unusable, what, { what })
}
