/**
 * A member that lies in every way that needs no other member's key: it votes for everything, in
 * both directions, to some and not to others; when it leads it proposes several blocks at once, on
 * whatever parents it knows, however old, with whatever part of the justification it likes; and it
 * says that it is where it is not.
 *
 * Twins, which run honest code twice, would never build on a stale parent: an active liar is what
 * finds a missing check of proposals (PROTOCOL 2.11).
 */
import type { Digest, NodeId } from '../base/ids.ts'
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
} from '../kernel/consensus/index.ts'
import { channels, type IncomingMessage, type Links } from '../kernel/links/index.ts'
import type { KeyPair } from '../ports/crypto.ts'
import { makeItem } from './consensus-application.ts'
import type { ConsensusWorld } from './consensus-node.ts'
import { worldStartWallMs } from './sim-clock.ts'
import { SimProcess } from './sim-process.ts'
import type { SimRandom } from './sim-random.ts'

const memoryMax = 64

type Parent = { readonly view: number; readonly digest: Digest }

export class ConsensusLiar {
  readonly #world: ConsensusWorld
  readonly #index: number
  readonly #keys: KeyPair
  readonly #random: SimRandom
  readonly #id: NodeId
  readonly #wire: WireContext
  readonly #order: readonly number[]
  readonly #certificates = new Map<string, Certificate>()
  #parents: Parent[]
  #view = 1
  #process: SimProcess | undefined
  #links: Links | undefined

  constructor(
    world: ConsensusWorld,
    own: { readonly index: number; readonly keys: KeyPair; readonly random: SimRandom },
  ) {
    this.#world = world
    this.#index = own.index
    this.#keys = own.keys
    this.#random = own.random
    const { config, crypto, limits } = world
    this.#id = config.members[own.index]?.node ?? ('' as NodeId)
    this.#wire = { crypto, context: contextOf(config), limits: consensusLimitsOf(limits) }
    this.#order = leaderOrder(config, crypto)
    this.#parents = [{ view: 0, digest: config.genesis }]
  }

  start(): void {
    const process = new SimProcess(this.#world.scheduler, `liar${this.#index}`)
    this.#process = process
    const links = this.#world.net.linksOf(this.#id, process)
    links.handle(channels.consensus, { onMessage: (message) => this.#hear(message) })
    this.#links = links
    // The links of the simulator start within the call.
    links.start().then(
      () => this.#nag(process),
      (error: unknown) => this.#world.onFailure(this.#index, error),
    )
  }

  stop(): void {
    this.#process?.kill()
  }

  /** From time to time, whatever the others do. */
  #nag(process: SimProcess): void {
    const act = (): void => {
      const dice = this.#random
      if (dice.happens(0.5)) this.#vote('nullify', this.#view, undefined)
      if (dice.happens(0.3))
        this.#tell({
          kind: 'status',
          view: dice.below(2 * this.#view + 2),
          finalView: dice.below(2 * this.#view + 2),
          height: dice.below(100),
          stableHeight: dice.below(100),
        })
      if (dice.happens(0.3)) this.#lead()
      if (dice.happens(0.3)) this.#forge()
      process.after(dice.between({ min: 20, max: 400 }), act, 'nag')
    }
    act()
  }

  #hear(incoming: IncomingMessage): void {
    const from = this.#world.config.members.findIndex((member) => member.node === incoming.from)
    const message = decodeMessage(incoming, from, this.#wire)
    if (message.kind === 'certificates') for (const one of message.certificates) this.#learn(one)
    if (message.kind !== 'propose') return
    for (const one of message.justification) this.#learn(one)
    this.#voteForAll(message.block)
  }

  #voteForAll(block: Block): void {
    const { view } = block.header
    const dice = this.#random
    if (dice.happens(0.8)) this.#vote('notarize', view, block.digest)
    if (dice.happens(0.5)) this.#vote('nullify', view, undefined)
    if (dice.happens(0.5)) this.#vote('finalize', view, block.digest)
  }

  #learn(certificate: Certificate): void {
    const { digest, kind, view } = certificate
    this.#certificates.set(`${kind} ${view}`, certificate)
    if (this.#certificates.size > memoryMax * 3) {
      for (const oldest of this.#certificates.keys()) {
        this.#certificates.delete(oldest)
        break
      }
    }
    if (digest !== undefined && !this.#parents.some((parent) => parent.digest === digest)) {
      this.#parents.push({ view, digest })
      if (this.#parents.length > memoryMax) this.#parents = this.#parents.slice(-memoryMax)
    }
    if (digest !== undefined && this.#random.happens(0.5)) this.#vote('finalize', view, digest)
    if (view < this.#view) return
    this.#view = view + 1
    this.#lead()
  }

  /** In its own view: up to three blocks, each to some of the others. */
  #lead(): void {
    if (this.#order[this.#view % this.#order.length] !== this.#index) return
    const count = 1 + this.#random.below(3)
    for (let place = 0; place < count; place++) this.#propose()
  }

  #propose(): void {
    const dice = this.#random
    const { context, crypto } = this.#wire
    const below = this.#parents.filter((parent) => parent.view < this.#view)
    const parent = (dice.happens(0.5) ? below.at(-1) : undefined) ?? dice.pick(below)
    const payload = payloadOf(crypto, dice.happens(0.5) ? [] : [makeItem(dice.below(30), 5)])
    const block = blockOf(crypto, context, {
      header: {
        view: this.#view,
        parentView: parent.view,
        parentDigest: parent.digest,
        payloadHash: payloadHashOf(crypto, payload),
        timeMs: Math.floor(worldStartWallMs + this.#world.scheduler.nowMs),
        flags: 0,
      },
      payload,
    })
    const justification: Certificate[] = []
    const add = (name: string): void => {
      const found = this.#certificates.get(name)
      if (found !== undefined && dice.happens(0.9) && justification.length < 60)
        justification.push(found)
    }
    add(`notarize ${parent.view}`)
    add(`finalize ${parent.view}`)
    for (let view = parent.view + 1; view < this.#view; view++) add(`nullify ${view}`)
    this.#tell({ kind: 'propose', block, justification })
    this.#voteForAll(block)
  }

  /** A certificate with our own signature in everybody's place. */
  #forge(): void {
    const dice = this.#random
    const kind = dice.pick(['notarize', 'nullify', 'finalize'] as const)
    const view = this.#view + dice.below(3)
    const { digest } = dice.pick(this.#parents)
    const voted = { kind, view, digest: kind === 'nullify' ? undefined : digest }
    const { context, crypto } = this.#wire
    const signature = crypto.sign(this.#keys.secretKey, voteBytes(context, voted))
    const signers = Array.from({ length: context.quorum }, (_, index) => index)
    const signatures = signers.map(() => signature)
    this.#tell({ kind: 'certificates', certificates: [{ ...voted, signers, signatures }] })
  }

  #vote(kind: VoteKind, view: number, digest: Digest | undefined): void {
    const bytes = voteBytes(this.#wire.context, { kind, view, digest })
    const signature = this.#wire.crypto.sign(this.#keys.secretKey, bytes)
    this.#world.checks.signed(this.#index, bytes, signature.slice())
    // Now and then one that nobody else will accept, if somebody accepts it at all.
    if (this.#random.happens(0.1)) signature.fill(0, 0, 8)
    const vote: Vote = { kind, view, digest, signer: this.#index, signature }
    this.#tell({ kind: 'vote', vote })
  }

  /** To a random part of the others. */
  #tell(message: Message): void {
    const encoded = { channel: channels.consensus, ...encodeMessage(message, this.#wire) }
    const everybody = this.#random.happens(0.4)
    for (const { node } of this.#world.config.members) {
      if (node === this.#id) continue
      if (everybody || this.#random.happens(0.5)) this.#links?.send(node, encoded)
    }
  }
}
