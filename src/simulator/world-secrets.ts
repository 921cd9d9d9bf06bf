/**
 * Words that stand in everything that applications write and name, and must stand nowhere else: in
 * no byte on the network, on no disk, in no journal. Each is drawn anew for each world, so that
 * finding it is no accident.
 */
import { toHex, utf8 } from '../base/bytes.ts'
import type { SimRandom } from './sim-random.ts'

const canaryBytes = 16

export class WorldSecrets {
  /** As text, 32 characters: fits into a name and into a content. */
  readonly canary: string
  readonly #sought: Uint8Array
  #fault: string | undefined
  #searchedBytes = 0

  constructor(random: SimRandom) {
    this.canary = toHex(random.bytes(canaryBytes))
    this.#sought = utf8(this.canary)
  }

  /** Where it was found first, in words. */
  get fault(): string | undefined {
    return this.#fault
  }

  get searchedBytes(): number {
    return this.#searchedBytes
  }

  /** Look at bytes that leave a Processor's memory. */
  look(where: string, parts: readonly Uint8Array[]): void {
    for (const part of parts) {
      this.#searchedBytes += part.length
      if (this.#stands(part)) this.#fault ??= `a secret of an application stands ${where}`
    }
  }

  /** Look at a name, of a file for example. */
  lookAtText(where: string, text: string): void {
    if (text.includes(this.canary)) this.#fault ??= `a secret of an application stands ${where}`
  }

  #stands(bytes: Uint8Array): boolean {
    const [first = 0] = this.#sought
    const last = bytes.length - this.#sought.length
    for (let at = bytes.indexOf(first); at >= 0 && at <= last; at = bytes.indexOf(first, at + 1)) {
      if (this.#sought.every((byte, index) => bytes[at + index] === byte)) return true
    }
    return false
  }
}
