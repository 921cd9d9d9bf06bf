/**
 * A member that says everything again: it follows every rule, keeps what it hears of everybody and
 * what it said itself, and sends old messages to random members, out of order, as often as it
 * likes.
 */
import type { NodeId } from '../../base/ids.ts'
import type { IncomingMessage, OutgoingMessage } from '../../kernel/links/index.ts'
import type { BentAddress } from './bent-links.ts'
import type { LiarParts } from './parts.ts'
import { PuppetMaster } from './puppet.ts'

const memoryMax = 400

export class Replayer extends PuppetMaster {
  readonly #old: OutgoingMessage[] = []

  constructor(parts: LiarParts) {
    super(parts, 1)
  }

  protected override begin(address: BentAddress): void {
    for (const end of address.ends)
      end.swallows = (_peer: NodeId, message) => {
        this.#keep(message)
        return false
      }
    this.every({ min: 2, max: 60 }, () => {
      if (this.#old.length === 0) return
      address.send(this.dice.pick(this.peers), this.dice.pick(this.#old))
    })
  }

  protected override heard({ body, channel, head }: IncomingMessage): void {
    this.#keep({ channel, head, ...(body === undefined ? {} : { body }) })
  }

  /** The first ones are kept for good; later ones take each other's places. */
  #keep(message: OutgoingMessage): void {
    if (this.#old.length < memoryMax) this.#old.push(message)
    else this.#old[memoryMax / 2 + this.dice.below(memoryMax / 2)] = message
  }
}
