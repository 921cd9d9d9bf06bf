/**
 * A key that was copied: two instances of the production member behind one address, each with its
 * own disk and its own part of the others, which changes from time to time. Each of them follows
 * every rule; together they vote twice in each view.
 */
import type { BentAddress } from './bent-links.ts'
import type { LiarParts } from './parts.ts'
import { PuppetMaster } from './puppet.ts'

export class Twins extends PuppetMaster {
  constructor(parts: LiarParts) {
    super(parts, 2)
  }

  protected override begin(address: BentAddress): void {
    const [first, second] = address.ends
    this.every({ min: 200, max: 2_500 }, () => {
      const isFirsts = new Set(this.peers.filter(() => this.dice.happens(0.5)))
      first?.reach(this.peers, (peer) => isFirsts.has(peer))
      second?.reach(this.peers, (peer) => !isFirsts.has(peer))
    })
  }
}
