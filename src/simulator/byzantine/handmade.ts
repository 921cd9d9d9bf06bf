/**
 * What liars share that speak the protocol by hand: a link to everybody, a key, a memory of
 * certificates and blocks, and ways to say whatever they like to whomever they like.
 */
import type { Digest, NodeId } from '../../base/ids.ts'
import {
  type Block,
  blockOf,
  type Certificate,
  consensusLimitsOf,
  contextOf,
  decodeMessage,
  encodeMessage,
  leaderOrder,
  type Message,
  payloadHashOf,
  payloadOf,
  type Vote,
  type VoteKind,
  voteBytes,
  type WireContext,
} from '../../kernel/consensus/index.ts'
import { channels, type IncomingMessage, type Links } from '../../kernel/links/index.ts'
import { makeItem } from '../consensus-application.ts'
import { worldStartWallMs } from '../sim-clock.ts'
import { SimProcess } from '../sim-process.ts'
import type { Range, SimRandom } from '../sim-random.ts'
import { epochOfHead } from '../wire-epoch.ts'
import type { LiarParts, LyingMember } from './parts.ts'

const memoryMax = 64
const justificationMax = 60

export type Parent = { readonly view: number; readonly digest: Digest }

/** Members by place; everybody but the liar itself. */
export type Recipients = readonly number[]

export abstract class HandmadeLiar implements LyingMember {
  protected readonly parts: LiarParts
  protected readonly dice: SimRandom
  /** Of the epoch that the others are in. */
  protected wire: WireContext
  /** The others. */
  protected readonly others: Recipients
  /** The newest view that certificates allow. */
  protected view = 1
  /** `kind view` → the last one heard. */
  protected readonly certificates = new Map<string, Certificate>()
  /** Certified blocks and the genesis, oldest first. */
  protected parents: Parent[]
  #order: readonly number[]
  #process: SimProcess | undefined
  #links: Links | undefined

  constructor(parts: LiarParts) {
    this.parts = parts
    this.dice = parts.random
    const { config, crypto, limits } = parts.world
    this.wire = { crypto, context: contextOf(config), limits: consensusLimitsOf(limits) }
    this.#order = leaderOrder(config, crypto)
    this.parents = [{ view: 0, digest: config.genesis }]
    this.others = config.members.map((_, index) => index).filter((one) => one !== parts.index)
  }

  start(): void {
    const { index, world } = this.parts
    const process = new SimProcess(world.scheduler, `liar${index}`)
    this.#process = process
    const links = world.net.linksOf(this.#nodeOf(index), process)
    links.handle(channels.consensus, { onMessage: (message) => this.#hear(message) })
    this.#links = links
    // The links of the simulator start within the call.
    links.start().then(
      () => this.begin(),
      (error: unknown) => world.onFailure(index, error),
    )
  }

  stop(): void {
    this.#process?.kill()
  }

  /** Linked; plan what to do. */
  protected begin(): void {}

  /** A message that decodes; its certificates are learnt already. */
  protected heard(_from: number, _message: Message): void {}

  /** A certificate that was not known. */
  protected learnt(_certificate: Certificate): void {}

  /** Act at such intervals until the end. */
  protected every(range: Range, act: () => void): void {
    const again = (): void => {
      act()
      this.#process?.after(this.dice.between(range), again, 'nag')
    }
    this.#process?.after(this.dice.between(range), again, 'nag')
  }

  #nodeOf(index: number): NodeId {
    return this.parts.world.config.members[index]?.node ?? ('' as NodeId)
  }

  #hear(incoming: IncomingMessage): void {
    const { members } = this.parts.world.config
    const from = members.findIndex((member) => member.node === incoming.from)
    this.#follow(epochOfHead(incoming.head))
    let message: Message
    try {
      message = decodeMessage(incoming, from, this.wire)
    } catch {
      return // another liar's nonsense: nothing to learn from it
    }
    if (message.kind === 'certificates') for (const one of message.certificates) this.#learn(one)
    if (message.kind === 'propose') for (const one of message.justification) this.#learn(one)
    this.heard(from, message)
  }

  /** A new epoch: what was known is of no use in it. */
  #follow(epoch: number): void {
    if (epoch <= this.wire.context.epoch) return
    const facts = this.parts.world.checks.epochs.of(epoch)
    if (facts === undefined) return
    this.wire = { ...this.wire, context: contextOf(facts.config) }
    this.#order = facts.order
    this.view = 1
    this.certificates.clear()
    this.parents = [{ view: 0, digest: facts.config.genesis }]
  }

  #learn(certificate: Certificate): void {
    const { digest, kind, view } = certificate
    const name = `${kind} ${view}`
    if (this.certificates.has(name)) return
    this.certificates.set(name, certificate)
    if (this.certificates.size > 3 * memoryMax) forgetOldest(this.certificates)
    if (digest !== undefined && !this.parents.some((parent) => parent.digest === digest)) {
      this.parents.push({ view, digest })
      if (this.parents.length > memoryMax) this.parents = this.parents.slice(-memoryMax)
    }
    if (view >= this.view) this.view = view + 1
    this.learnt(certificate)
  }

  protected leads(view: number): boolean {
    return this.#order[view % this.#order.length] === this.parts.index
  }

  /** The newest certified block below the view. */
  protected newestParent(view: number): Parent {
    const below = this.parents.filter((parent) => parent.view < view)
    return below.at(-1) ?? { view: 0, digest: this.parts.world.config.genesis }
  }

  protected makeBlock(
    view: number,
    parent: Parent,
    items: readonly Uint8Array[] = [this.someItem()],
  ): Block {
    const { context, crypto } = this.wire
    const payload = payloadOf(crypto, items)
    const header = {
      view,
      parentView: parent.view,
      parentDigest: parent.digest,
      payloadHash: payloadHashOf(crypto, payload),
      timeMs: Math.floor(worldStartWallMs + this.parts.world.scheduler.nowMs),
      flags: 0,
    }
    return blockOf(crypto, context, { header, payload })
  }

  /** One of the clients' items, which this member never got: executing it twice is the risk. */
  protected someItem(): Uint8Array {
    return makeItem(this.dice.below(30), 5)
  }

  /** Certificates for a proposal; each is left out with a chance. */
  protected justify(view: number, parent: Parent, leaveOut = 0): Certificate[] {
    const found: Certificate[] = []
    const add = (name: string): void => {
      const one = this.certificates.get(name)
      if (one !== undefined && !this.dice.happens(leaveOut) && found.length < justificationMax)
        found.push(one)
    }
    add(`notarize ${parent.view}`)
    add(`finalize ${parent.view}`)
    for (let skipped = parent.view + 1; skipped < view; skipped++) add(`nullify ${skipped}`)
    return found
  }

  /** Sign a vote, whatever was signed before. */
  protected sign(kind: VoteKind, view: number, digest: Digest | undefined): Vote {
    const { index, keys, world } = this.parts
    const bytes = voteBytes(this.wire.context, { kind, view, digest })
    const signature = this.wire.crypto.sign(keys.secretKey, bytes)
    const { publicKey } = keys
    world.checks.signed(index, bytes, { signature: signature.slice(), publicKey, votes: true })
    return { kind, view, digest, signer: index, signature }
  }

  protected vote(
    kind: VoteKind,
    view: number,
    of: { readonly digest?: Digest | undefined; readonly to?: Recipients },
  ): void {
    const vote = this.sign(kind, view, kind === 'nullify' ? undefined : of.digest)
    this.tell({ kind: 'vote', vote }, of.to)
  }

  protected tell(message: Message, to: Recipients = this.others): void {
    this.tellBytes(encodeMessage(message, this.wire), to)
  }

  protected tellBytes(
    encoded: { readonly head: Uint8Array; readonly body?: { bytes: Uint8Array; hash: Uint8Array } },
    to: Recipients,
  ): void {
    const outgoing = { channel: channels.consensus, ...encoded }
    for (const index of to) this.#links?.send(this.#nodeOf(index), outgoing)
  }

  /** Everybody now and then, else some. */
  protected someOthers(): Recipients {
    if (this.dice.happens(0.4)) return this.others
    return this.others.filter(() => this.dice.happens(0.5))
  }

  /** The others in two parts, neither empty if there are two. */
  protected halves(): readonly [Recipients, Recipients] {
    const mixed = this.dice.shuffled(this.others)
    const middle = 1 + this.dice.below(Math.max(1, mixed.length - 1))
    return [mixed.slice(0, middle), mixed.slice(middle)]
  }
}

function forgetOldest(map: Map<string, unknown>): void {
  for (const oldest of map.keys()) {
    map.delete(oldest)
    return
  }
}
