/**
 * A member that is there for some and silent to others: it follows every rule, hears everything,
 * and swallows what it should send to a part of the members, or messages of some kinds, to change
 * its mind a moment later. The others see different members alive.
 */
import type { BentAddress } from './bent-links.ts'
import type { LiarParts } from './parts.ts'
import { PuppetMaster } from './puppet.ts'

/** Kinds of messages, by the number in their second byte. */
const kindsMax = 9

export class SelectiveSilent extends PuppetMaster {
  constructor(parts: LiarParts) {
    super(parts, 1)
  }

  protected override begin(address: BentAddress): void {
    this.every({ min: 100, max: 1_500 }, () => {
      const { dice } = this
      const deaf = new Set(this.peers.filter(() => dice.happens(0.5)))
      const kinds = new Set(
        Array.from({ length: kindsMax }, (_, index) => index + 1).filter(() => dice.happens(0.5)),
      )
      const allKinds = dice.happens(0.5)
      for (const end of address.ends)
        end.swallows = (peer, { head }) => deaf.has(peer) && (allKinds || kinds.has(head[1] ?? 0))
    })
  }
}
