/** How many strangers may shake hands at once: from one address, and in all. */
export class Admission {
  readonly #perAddressMax: number
  readonly #totalMax: number
  readonly #countOf = new Map<string, number>()
  #total = 0

  constructor(options: { readonly perAddressMax: number; readonly totalMax: number }) {
    this.#perAddressMax = options.perAddressMax
    this.#totalMax = options.totalMax
  }

  get count(): number {
    return this.#total
  }

  /** Undefined when there is no room; else call the result once, when the handshake is over. */
  enter(address: string): (() => void) | undefined {
    const count = this.#countOf.get(address) ?? 0
    if (count >= this.#perAddressMax || this.#total >= this.#totalMax) return undefined
    this.#countOf.set(address, count + 1)
    this.#total++
    let left = false
    return () => {
      if (left) return
      left = true
      this.#leave(address)
    }
  }

  #leave(address: string): void {
    this.#total--
    const count = (this.#countOf.get(address) ?? 1) - 1
    if (count === 0) this.#countOf.delete(address)
    else this.#countOf.set(address, count)
  }
}
