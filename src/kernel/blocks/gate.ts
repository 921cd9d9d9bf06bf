/** A weighted gate: callers wait their turn while more than the limit is inside. */
export class Gate {
  readonly #limit: number
  #inside = 0
  readonly #waiting: { readonly weight: number; readonly enter: () => void }[] = []

  constructor(limit: number) {
    this.#limit = limit
  }

  get inside(): number {
    return this.#inside
  }

  /**
   * Resolves once `weight` fits (or nothing else is inside); first come, first served.
   * @throws the signal's reason if it fires before.
   */
  enter(weight: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    if (this.#waiting.length === 0 && this.#fits(weight)) {
      this.#inside += weight
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const entry = {
        weight,
        enter: (): void => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      const onAbort = (): void => {
        const index = this.#waiting.indexOf(entry)
        if (index >= 0) this.#waiting.splice(index, 1)
        reject(signal?.reason)
        this.#admit()
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(entry)
    })
  }

  leave(weight: number): void {
    this.#inside -= weight
    this.#admit()
  }

  #fits(weight: number): boolean {
    return this.#inside === 0 || this.#inside + weight <= this.#limit
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#fits(next.weight)) return
      this.#waiting.shift()
      this.#inside += next.weight
      next.enter()
    }
  }
}
