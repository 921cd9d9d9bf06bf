/**
 * What the tour says: numbered steps, what was seen, and each promise with whether it was kept.
 * The first broken one ends the tour.
 */

/** A promise that was not kept. */
export class BrokenPromise extends Error {}

export type PromiseResult = {
  readonly promise: string
  readonly kept: boolean
  /** What was measured. */
  readonly seen: string
}

export type StepResult = {
  readonly step: number
  readonly title: string
  readonly tookMs: number
  readonly promises: readonly PromiseResult[]
}

/** Where the tour's words go. */
export type Teller = {
  readonly step: (step: number, title: string) => void
  readonly seen: (line: string) => void
  readonly promised: (result: PromiseResult) => void
  readonly stepEnd: (result: StepResult) => void
}

/** Says nothing: for tests, which look at results. */
export const silentTeller: Teller = {
  step: () => {},
  seen: () => {},
  promised: () => {},
  stepEnd: () => {},
}

export class Walk {
  readonly #teller: Teller
  readonly #results: StepResult[] = []
  #promises: PromiseResult[] = []

  constructor(teller: Teller) {
    this.#teller = teller
  }

  get results(): readonly StepResult[] {
    return this.#results
  }

  get promises(): readonly PromiseResult[] {
    return [...this.#results.flatMap(({ promises }) => promises), ...this.#promises]
  }

  /** One numbered step. @throws BrokenPromise, or whatever the work failed with. */
  async step<Value>(title: string, work: () => Promise<Value>): Promise<Value> {
    const step = this.#results.length + 1
    this.#promises = []
    this.#teller.step(step, title)
    const startMs = performance.now()
    const value = await work()
    const tookMs = Math.round(performance.now() - startMs)
    const result = { step, title, tookMs, promises: this.#promises }
    this.#promises = []
    this.#results.push(result)
    this.#teller.stepEnd(result)
    return value
  }

  /** Something to look at. */
  seen(line: string): void {
    this.#teller.seen(line)
  }

  /** @throws BrokenPromise when it was not kept. */
  promise(promise: string, kept: boolean, seen: string): void {
    const result = { promise, kept, seen }
    this.#promises.push(result)
    this.#teller.promised(result)
    if (!kept) throw new BrokenPromise(`${promise}: ${seen}`)
  }
}
