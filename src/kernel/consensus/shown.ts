/**
 * Which heights the application may show: those that are durable, up to the newest of them whose
 * finality can be proved. A block that was finalized by a later one has no certificate of its own;
 * it waits for that later one, which a returning member may get a moment after it. The block that
 * ends an epoch has no later one in it, and is shown without.
 */
import { encodeFinality } from './finality.ts'
import type { Application, ConsensusConfig } from './interface.ts'
import type { Certificate } from './types.ts'

/** The epoch's configuration, and a finalization of exactly the block of a height. */
export type HeightProof = { readonly config: ConsensusConfig; readonly certificate: Certificate }

export class Shown {
  readonly #application: Pick<Application, 'onDurable'>
  /** Of executed heights that were not shown yet. */
  readonly #proofs = new Map<number, HeightProof | 'last of its epoch'>()
  #durable: number[] = []

  constructor(application: Pick<Application, 'onDurable'>) {
    this.#application = application
  }

  executed(height: number, proof: HeightProof | undefined): void {
    if (proof !== undefined) this.#proofs.set(height, proof)
  }

  /** No block of this height's epoch follows. */
  endsEpoch(height: number): void {
    if (!this.#proofs.has(height)) this.#proofs.set(height, 'last of its epoch')
  }

  /** The state was replaced by one of a later height: nothing that was executed is shown. */
  replaced(): void {
    this.#proofs.clear()
    this.#durable = []
  }

  /** These heights, in order, have become durable. */
  durable(heights: readonly number[]): void {
    for (const height of heights) this.#durable.push(height)
    const last = this.#durable.findLastIndex((height) => this.#proofs.has(height))
    const shown = this.#durable.slice(0, last + 1)
    this.#durable = this.#durable.slice(last + 1)
    for (const height of shown) {
      const proof = this.#proofs.get(height)
      this.#proofs.delete(height)
      if (proof === undefined || proof === 'last of its epoch') this.#application.onDurable(height)
      else this.#application.onDurable(height, encodeFinality(proof.config, proof.certificate))
    }
  }
}
