/**
 * A member that lies in every way that needs no other member's key: it votes for everything, in
 * both directions, to some and not to others; when it leads it proposes several blocks at once, on
 * whatever parents it knows, however old, also on such that no certificate names, with whatever
 * part of the justification it likes, and one header with different payloads; it says that it is
 * where it is not, and answers those who fetch with blocks that nobody agreed on.
 *
 * Twins, which run honest code twice, would never build on a stale parent: an active liar is what
 * finds a missing check of proposals (PROTOCOL 2.11).
 */
import { toHex } from '../../base/bytes.ts'
import { type Digest, digestOf } from '../../base/ids.ts'
import {
  type Block,
  type Certificate,
  type FetchRequest,
  type Message,
  payloadOf,
} from '../../kernel/consensus/index.ts'
import { HandmadeLiar, type Parent, type Recipients } from './handmade.ts'

export class Liar extends HandmadeLiar {
  /** Blocks that were proposed, certified or not: what a wrong parent may be. */
  #seen: Parent[] = []

  protected override begin(): void {
    this.every({ min: 20, max: 400 }, () => {
      const { dice, view } = this
      if (dice.happens(0.5)) this.#voteSome('nullify', view, undefined)
      if (dice.happens(0.3))
        this.tell({
          kind: 'status',
          view: dice.below(2 * view + 2),
          finalView: dice.below(2 * view + 2),
          height: dice.below(100),
          stableHeight: dice.below(100),
        })
      if (dice.happens(0.3)) this.#lead()
    })
  }

  protected override heard(from: number, message: Message): void {
    if (message.kind === 'propose') this.#voteForAll(message.block)
    if (message.kind === 'fetch') this.#answer(from, message)
  }

  protected override learnt({ digest, view }: Certificate): void {
    if (digest !== undefined && this.dice.happens(0.5)) this.#voteSome('finalize', view, digest)
    this.#lead()
  }

  #voteForAll(block: Block): void {
    const { dice } = this
    const { view } = block.header
    this.#seen = [...this.#seen.slice(-15), { view, digest: block.digest }]
    if (dice.happens(0.8)) this.#voteSome('notarize', view, block.digest)
    if (dice.happens(0.5)) this.#voteSome('nullify', view, undefined)
    if (dice.happens(0.5)) this.#voteSome('finalize', view, block.digest)
  }

  /** To some; now and then with a signature that nobody accepts, if somebody accepts it at all. */
  #voteSome(
    kind: 'notarize' | 'nullify' | 'finalize',
    view: number,
    digest: Digest | undefined,
  ): void {
    const vote = this.sign(kind, view, digest)
    if (this.dice.happens(0.1)) vote.signature.fill(0, 0, 8)
    this.tell({ kind: 'vote', vote }, this.someOthers())
  }

  /** In its own view: up to three blocks, each to some of the others. */
  #lead(): void {
    if (!this.leads(this.view)) return
    const count = 1 + this.dice.below(3)
    for (let place = 0; place < count; place++) this.#propose()
  }

  #parent(): Parent {
    const { dice, view } = this
    const below = this.parents.filter((parent) => parent.view < view)
    const parent = (dice.happens(0.5) ? below.at(-1) : undefined) ?? dice.pick(below)
    // The view of a certified block, and a block that never was, or another one of that view.
    if (dice.happens(0.05)) return { ...parent, digest: digestOf(toHex(dice.bytes(32))) }
    const others = this.#seen.filter(
      (one) => one.view === parent.view && one.digest !== parent.digest,
    )
    return others.length > 0 && dice.happens(0.3) ? dice.pick(others) : parent
  }

  #propose(): void {
    const { dice, view } = this
    const parent = this.#parent()
    const block = this.makeBlock(view, parent, dice.happens(0.5) ? [] : [this.someItem()])
    const justification = this.justify(view, parent, 0.1)
    const [first, second] = this.halves()
    this.tell({ kind: 'propose', block, justification }, this.someOthers())
    if (dice.happens(0.3)) {
      this.tell({ kind: 'propose', block, justification }, first)
      this.tell({ kind: 'propose', block: this.#otherPayload(block), justification }, second)
    }
    this.#voteForAll(block)
  }

  /** The same header and so the same digest, with items that it does not name. */
  #otherPayload(block: Block): Block {
    const items = [this.someItem(), this.someItem()]
    return { ...block, payload: payloadOf(this.wire.crypto, items) }
  }

  /** Blocks made up on the spot, behind a certificate that is real but not theirs. */
  #answer(from: number, request: FetchRequest): void {
    const { dice } = this
    const to: Recipients = [from]
    const certificate = [...this.certificates.values()]
      .filter((one) => one.kind === 'finalize' && one.view >= request.view)
      .at(-1)
    const below = this.parts.world.checks.executedAt(request.fromHeight - 1)
    if (certificate === undefined || below === undefined || certificate.view <= below.view + 1)
      return
    const block = this.makeBlock(below.view + 1, below, [this.someItem()])
    const { fromHeight } = request
    if (dice.happens(0.5))
      this.tell({ kind: 'range', fromHeight, blocks: [block], tail: [], certificate }, to)
    else this.tell({ kind: 'block', block }, to)
  }
}
