/**
 * A member that claims what others never said. It has no key but its own: certificates with its
 * own signature in everybody's place, with one signature too few, with one signer's in two places,
 * with bitmaps that name nobody; real certificates and votes of the same members with the same
 * keys from another epoch or another group; proposals in the views of others.
 */
import { toHex } from '../../base/bytes.ts'
import { Writer } from '../../base/codec.ts'
import { digestOf } from '../../base/ids.ts'
import type { Certificate, Message, VoteKind } from '../../kernel/consensus/index.ts'
import { encodeMessage, voteBytes } from '../../kernel/consensus/index.ts'
import { HandmadeLiar } from './handmade.ts'

const kinds = ['notarize', 'nullify', 'finalize'] as const

export class Forger extends HandmadeLiar {
  /** Real votes of others, by `kind view digest`. */
  readonly #votes = new Map<string, Map<number, Uint8Array>>()

  protected override begin(): void {
    this.every({ min: 20, max: 200 }, () => {
      const acts = [
        (): void => this.#ownInAllPlaces(),
        (): void => this.#oneTooFew(),
        (): void => this.#notCanonical(),
        (): void => this.#replayForeign(),
        (): void => this.#leadForOthers(),
        (): void => this.#madeUpState(),
      ]
      this.dice.pick(acts)()
    })
  }

  protected override heard(from: number, message: Message): void {
    if (message.kind !== 'vote') return
    const { digest, kind, signature, view } = message.vote
    const name = `${kind} ${view} ${digest ?? ''}`
    const signers = this.#votes.get(name) ?? new Map<number, Uint8Array>()
    this.#votes.set(name, signers.set(from, signature))
    if (this.#votes.size > 64)
      for (const oldest of [...this.#votes.keys()].slice(0, 16)) this.#votes.delete(oldest)
  }

  #something(): Pick<Certificate, 'kind' | 'view' | 'digest'> {
    const { dice } = this
    const kind: VoteKind = dice.pick(kinds)
    const view = Math.max(1, this.view + dice.below(4) - 1)
    return { kind, view, digest: kind === 'nullify' ? undefined : dice.pick(this.parents).digest }
  }

  #ownSignature(voted: Pick<Certificate, 'kind' | 'view' | 'digest'>): Uint8Array {
    const { crypto, context } = this.wire
    return crypto.sign(this.parts.keys.secretKey, voteBytes(context, voted))
  }

  #ownInAllPlaces(): void {
    const voted = this.#something()
    const signature = this.#ownSignature(voted)
    const signers = Array.from({ length: this.wire.context.quorum }, (_, index) => index)
    this.#show({ ...voted, signers, signatures: signers.map(() => signature) })
  }

  /** Real votes of all but one of a quorum, and that one's made up or taken from another. */
  #oneTooFew(): void {
    const { context } = this.wire
    const { dice } = this
    if (this.#votes.size === 0) return
    const [name, found] = dice.pick([...this.#votes])
    const [kind, view, digest] = name.split(' ') as [VoteKind, string, string]
    const voted = {
      kind,
      view: Number(view),
      digest: digest === '' ? undefined : (digest as NonNullable<Certificate['digest']>),
    }
    const own = this.#ownSignature(voted)
    const real = new Map(found).set(this.parts.index, own)
    if (real.size >= context.quorum) return
    const some = [...real.values()]
    for (const index of this.others) {
      if (real.size >= context.quorum) break
      if (!real.has(index)) real.set(index, dice.pick(some))
    }
    const signers = [...real.keys()].sort((a, b) => a - b)
    this.#show({ ...voted, signers, signatures: signers.map((one) => real.get(one) ?? own) })
  }

  /** As a proof in a proposal or by itself. */
  #show(certificate: Certificate): void {
    const { dice, view } = this
    if (dice.happens(0.3) && this.leads(view)) {
      const parent = { view: certificate.view, digest: certificate.digest }
      if (parent.digest !== undefined && parent.view < view) {
        const block = this.makeBlock(view, { view: parent.view, digest: parent.digest })
        this.tell({ kind: 'propose', block, justification: [certificate] })
        return
      }
    }
    this.tell({ kind: 'certificates', certificates: [certificate] }, this.someOthers())
  }

  /** Bytes that no encoder writes: too few bits with enough signatures, bits beyond the group. */
  #notCanonical(): void {
    const { context } = this.wire
    const voted = this.#something()
    const signature = this.#ownSignature(voted)
    const bitmap = new Uint8Array(Math.ceil(context.memberCount / 8))
    const isShort = this.dice.happens(0.5)
    if (isShort) bitmap[0] = 1
    else bitmap.fill(0xff)
    const writer = new Writer(256).u8(1).u8(3).hex(context.group).u64(context.epoch).u32(1)
    writer.u8(kinds.indexOf(voted.kind) + 1).u64(voted.view)
    if (voted.digest !== undefined) writer.hex(voted.digest)
    writer.fixed(bitmap)
    const count = isShort ? context.quorum : bitmap.length * 8
    for (let place = 0; place < count; place++) writer.fixed(signature)
    this.tellBytes({ head: writer.finish().slice() }, this.someOthers())
  }

  /** What was said elsewhere, with this epoch's address on it. */
  #replayForeign(): void {
    const { foreign } = this.parts
    if (foreign.length === 0) return
    this.tellBytes(encodeMessage(this.dice.pick(foreign), this.wire), this.someOthers())
  }

  /** A checkpoint of heights that are or will be, with a state of nobody. */
  #madeUpState(): void {
    const { crypto, context } = this.wire
    const { dice } = this
    const { keys, world } = this.parts
    const height = 1 + dice.below(world.checks.height + 20)
    const { digest, view } = dice.pick(this.parents)
    const state = digestOf(toHex(dice.bytes(32)))
    const own = crypto.sign(keys.secretKey, dice.bytes(32)).slice()
    const signers = Array.from({ length: context.quorum }, (_, index) => index)
    const signatures = signers.map(() => own)
    const checkpoint = { height, view, digest, state, signers, signatures }
    this.tell({ kind: 'checkpoint', checkpoint }, this.someOthers())
  }

  /** A good block, but it is somebody else's turn. */
  #leadForOthers(): void {
    const { view } = this
    if (this.leads(view)) return
    const parent = this.newestParent(view)
    const block = this.makeBlock(view, parent, [this.someItem()])
    this.tell({ kind: 'propose', block, justification: this.justify(view, parent) })
    this.vote('notarize', view, { digest: block.digest })
  }
}
