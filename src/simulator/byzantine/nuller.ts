/**
 * A member that gives every view up: X, always, at once, also for views that nobody has reached
 * and for such that everybody has left; no proposal, no notarization, no finalization. The worst
 * that it can do is to be a silent member whose votes make others leave early.
 */
import type { Certificate, Message } from '../../kernel/consensus/index.ts'
import { HandmadeLiar } from './handmade.ts'

export class Nuller extends HandmadeLiar {
  protected override begin(): void {
    this.every({ min: 20, max: 300 }, () => {
      const ahead = this.dice.happens(0.3) ? this.dice.below(80) : 0
      this.vote('nullify', Math.max(1, this.view + ahead - this.dice.below(3)), {})
    })
  }

  protected override heard(_from: number, message: Message): void {
    if (message.kind === 'propose') this.vote('nullify', message.block.header.view, {})
  }

  protected override learnt(_certificate: Certificate): void {
    this.vote('nullify', this.view, {})
    this.vote('nullify', this.view + 1, {})
  }
}
