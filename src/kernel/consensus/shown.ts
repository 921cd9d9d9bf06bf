/**
 * Which heights the application may show: those that are durable, up to the newest of them whose
 * finality can be proved. A block that was finalized by a later one has no certificate of its own;
 * it waits for that later one, which a returning member may get a moment after it.
 */
import { encodeFinality } from './finality.ts'
import type { Application, ConsensusConfig } from './interface.ts'
import type { Certificate } from './types.ts'

export class Shown {
  readonly #config: ConsensusConfig
  readonly #application: Pick<Application, 'onDurable'>
  /** Of executed heights that were not shown yet. */
  readonly #certificates = new Map<number, Certificate>()
  #durable: number[] = []

  constructor(config: ConsensusConfig, application: Pick<Application, 'onDurable'>) {
    this.#config = config
    this.#application = application
  }

  executed(height: number, certificate: Certificate | undefined): void {
    if (certificate !== undefined) this.#certificates.set(height, certificate)
  }

  /** These heights, in order, have become durable. */
  durable(heights: readonly number[]): void {
    for (const height of heights) this.#durable.push(height)
    const last = this.#durable.findLastIndex((height) => this.#certificates.has(height))
    const shown = this.#durable.slice(0, last + 1)
    this.#durable = this.#durable.slice(last + 1)
    for (const height of shown) {
      const certificate = this.#certificates.get(height)
      this.#certificates.delete(height)
      if (certificate === undefined) this.#application.onDurable(height)
      else this.#application.onDurable(height, encodeFinality(this.#config, certificate))
    }
  }
}
