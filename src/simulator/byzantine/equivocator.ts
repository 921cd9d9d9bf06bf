/**
 * A member that says one thing to some and the contrary to the others, always well formed and well
 * justified: two blocks in each view that it leads, one vote for each half; for the proposals of
 * others a notarization to one half and a nullification to the other; and finalizations of what it
 * nullified.
 */
import type { Block, Certificate, Message } from '../../kernel/consensus/index.ts'
import { HandmadeLiar } from './handmade.ts'

export class Equivocator extends HandmadeLiar {
  #ledView = 0

  protected override begin(): void {
    this.every({ min: 30, max: 150 }, () => this.#lead())
  }

  protected override heard(_from: number, message: Message): void {
    if (message.kind === 'propose') this.#split(message.block)
  }

  protected override learnt({ digest, kind, view }: Certificate): void {
    if (kind === 'notarize') {
      const [first, second] = this.halves()
      this.vote('finalize', view, { digest, to: first })
      this.vote('nullify', view, { to: second })
    }
    this.#lead()
  }

  #split(block: Block): void {
    const { view } = block.header
    const [first, second] = this.halves()
    this.vote('notarize', view, { digest: block.digest, to: first })
    this.vote('nullify', view, { to: second })
    if (this.dice.happens(0.5)) this.vote('finalize', view, { digest: block.digest, to: second })
  }

  /** Two children of the right parent: each half sees a correct leader. */
  #lead(): void {
    const { dice, view } = this
    if (!this.leads(view) || (this.#ledView === view && dice.happens(0.7))) return
    this.#ledView = view
    const parent = this.newestParent(view)
    const justification = this.justify(view, parent)
    for (const to of this.halves()) {
      const block = this.makeBlock(view, parent, [this.someItem()])
      this.tell({ kind: 'propose', block, justification }, to)
      this.vote('notarize', view, { digest: block.digest, to })
      if (dice.happens(0.3)) this.vote('finalize', view, { digest: block.digest, to })
    }
    // And both votes to somebody, so that evidence exists.
    if (dice.happens(0.2)) this.vote('nullify', view, {})
  }
}
