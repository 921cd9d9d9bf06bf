/** Counts equal answers of distinct members. */
import { toHex } from '../../base/bytes.ts'
import type { NodeId } from '../../base/ids.ts'
import type { Crypto } from '../../ports/crypto.ts'

export class Tally {
  readonly #sha256: Crypto['sha256']
  readonly #needed: number
  readonly #answers = new Map<NodeId, string>()
  readonly #counts = new Map<string, number>()

  constructor(crypto: Pick<Crypto, 'sha256'>, needed: number) {
    this.#sha256 = crypto.sha256
    this.#needed = needed
  }

  get answerCount(): number {
    return this.#answers.size
  }

  /** The largest number of equal answers so far. */
  get largest(): number {
    return Math.max(0, ...this.#counts.values())
  }

  /** True when this answer completes a quorum of equal ones. A member counts once, its first. */
  add(member: NodeId, answer: Uint8Array): boolean {
    if (this.#answers.has(member)) return false
    const hash = toHex(this.#sha256(answer))
    this.#answers.set(member, hash)
    const count = (this.#counts.get(hash) ?? 0) + 1
    this.#counts.set(hash, count)
    return count === this.#needed
  }
}
