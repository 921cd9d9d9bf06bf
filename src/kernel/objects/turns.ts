/**
 * Turns by name. Changes of one file usually do not touch each other and go in parallel; those that
 * met another writer once would meet him again and again, so from then on they take turns at this
 * Processor, and each attempt of many writers has one winner instead of one in many.
 */
export class Turns {
  readonly #last = new Map<string, Promise<void>>()

  /**
   * Resolves when all earlier turns of the name have ended, or when the caller gives up; either way
   * the result must be called when the turn is over.
   */
  async take(name: string, signal: AbortSignal): Promise<() => void> {
    const before = this.#last.get(name)
    const { promise: over, resolve: end } = Promise.withResolvers<void>()
    const last = Promise.all([before, over]).then(() => {
      if (this.#last.get(name) === last) this.#last.delete(name)
    })
    this.#last.set(name, last)
    if (before !== undefined) await eitherOf(before, signal)
    return end
  }

  /** Names with a turn under way. */
  get size(): number {
    return this.#last.size
  }
}

function eitherOf(before: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done, { once: true })
    void before.then(done)
  })
}
