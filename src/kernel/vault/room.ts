import type { Disk } from '../../ports/disk.ts'
import { VaultCode, VaultError } from './errors.ts'
import type { VaultLimits } from './limits.ts'

/**
 * Keeps the vault from filling the disk that the consensus journal needs too. The disk is asked for
 * its free room only now and then; in between, what the vault itself writes is counted.
 */
export class Room {
  readonly #disk: Disk
  readonly #limits: VaultLimits
  #freeBytes = 0
  /** Taken since the disk was asked. Infinite: never asked. */
  #takenBytes = Number.POSITIVE_INFINITY
  /** Of that, taken by files still being written, which the disk may not count yet. */
  #openBytes = 0
  #asking: Promise<void> | undefined

  constructor(disk: Disk, limits: VaultLimits) {
    this.#disk = disk
    this.#limits = limits
  }

  /** Run `write` if `bytes` fit above the reserve. @throws VaultError `vault/full` */
  async use(bytes: number, write: () => Promise<void>): Promise<void> {
    if (this.#takenBytes + bytes > this.#limits.roomCheckBytes || !this.#fits(bytes)) {
      this.#asking ??= this.#ask()
      await this.#asking
    }
    if (!this.#fits(bytes)) {
      const { reserveBytes } = this.#limits
      const what = `${this.#freeBytes} bytes free, ${reserveBytes} are kept for the rest`
      throw new VaultError(VaultCode.Full, `no room for another block: ${what}`, { what })
    }
    this.#takenBytes += bytes
    this.#openBytes += bytes
    try {
      await write()
    } finally {
      this.#openBytes -= bytes
    }
  }

  #fits(bytes: number): boolean {
    return this.#freeBytes - this.#takenBytes - bytes >= this.#limits.reserveBytes
  }

  async #ask(): Promise<void> {
    try {
      this.#freeBytes = await this.#disk.freeBytes()
      this.#takenBytes = this.#openBytes
    } finally {
      this.#asking = undefined
    }
  }
}
