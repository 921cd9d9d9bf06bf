/**
 * A member that sends as much as the links take, all of it well formed and hard to refuse: votes
 * for every view that is kept, statuses that ask for help, questions for certificates and blocks,
 * large proposals, certificates that everybody has. In bursts of virtual time, since a flood
 * without end would only make a slow run of a simulator without bandwidth.
 */
import type { Digest } from '../../base/ids.ts'
import type { Message } from '../../kernel/consensus/index.ts'
import { makeItem } from '../consensus-application.ts'
import { HandmadeLiar } from './handmade.ts'

/** In all bursts together, to each member. */
const messagesMax = 1_200
const perTick = 6
const largeItemBytes = 40_000

export class Flooder extends HandmadeLiar {
  #sentCount = 0
  #burstLeft = 0

  protected override begin(): void {
    this.every({ min: 100, max: 900 }, () => {
      this.#burstLeft = 5 + this.dice.below(25)
    })
    this.every({ min: 1, max: 4 }, () => {
      if (this.#burstLeft === 0 || this.#sentCount >= messagesMax) return
      this.#burstLeft--
      for (let count = 0; count < perTick; count++) this.#one()
    })
  }

  #one(): void {
    this.#sentCount++
    this.tell(this.#something())
  }

  #something(): Message {
    const { dice, view } = this
    const { checks, config } = this.parts.world
    const ahead = view + dice.below(200)
    switch (dice.below(7)) {
      case 0:
        return { kind: 'vote', vote: this.sign('nullify', ahead, undefined) }
      case 1:
        return { kind: 'vote', vote: this.sign('notarize', ahead, this.#anyDigest()) }
      case 2:
        return { kind: 'status', view: 1, finalView: 0, height: 0, stableHeight: 0 }
      case 3:
        return { kind: 'ask', fromView: 1, toView: ahead }
      case 4: {
        const fromHeight = 1 + dice.below(checks.height + 1)
        return { kind: 'fetch', fromHeight, view, digest: this.#anyDigest() }
      }
      case 5: {
        const certificates = [...this.certificates.values()].slice(-20)
        return { kind: 'certificates', certificates }
      }
      default: {
        const own = this.#ownViewFrom(view)
        const parent = { view: 0, digest: config.genesis }
        const block = this.makeBlock(own, parent, [makeItem(dice.below(30), largeItemBytes)])
        return { kind: 'propose', block, justification: [] }
      }
    }
  }

  #anyDigest(): Digest {
    return this.dice.pick(this.parents).digest
  }

  #ownViewFrom(view: number): number {
    let own = view + this.dice.below(30)
    while (!this.leads(own)) own++
    return own
  }
}
