/** A directory or file that calls go to until it has had enough of them, and then another one. */

export type PlaceOptions = {
  readonly pathOf: (index: number) => string
  readonly callsMax: number
  /** Resolves when it is there. One that fails is tried again at a later call. */
  readonly make: (path: string) => Promise<void>
}

export class Place {
  readonly #options: PlaceOptions
  readonly #paths: string[] = []
  #callCount = 0
  #making: Promise<void> | undefined

  constructor(options: PlaceOptions) {
    this.#options = options
  }

  /** All that there were. */
  get paths(): readonly string[] {
    return this.#paths
  }

  /** Make the first one, or the next. */
  async next(): Promise<void> {
    const { pathOf, make } = this.#options
    const path = pathOf(this.#paths.length)
    await make(path)
    this.#paths.push(path)
    this.#callCount = 0
  }

  /** Where the next call goes, and how many went there, this one included. */
  take(): { readonly path: string; readonly callCount: number } {
    const path = this.#paths.at(-1)
    if (path === undefined) throw new Error('the first place is not made yet')
    this.#callCount++
    if (this.#callCount > this.#options.callsMax && this.#making === undefined) {
      this.#making = Promise.allSettled([this.next()]).then(() => {
        this.#making = undefined
      })
    }
    return { path, callCount: this.#callCount }
  }

  /** Resolves when nothing is being made. */
  async settled(): Promise<void> {
    await this.#making
  }
}
