/**
 * A member that helps as little as it can: honest code, but for its answers to those who fetch.
 * Either it names the one true block that they ask for, at once, so that they walk backward block
 * by block; or it sends the first block of the range that they need, as late as it may. Nothing of
 * it is false, so nobody can accuse it.
 */
import { CodecError } from '../../base/codec.ts'
import type { Digest, NodeId } from '../../base/ids.ts'
import {
  type Block,
  type BlockRange,
  consensusLimitsOf,
  contextOf,
  decodeMessage,
  encodeMessage,
  type Message,
} from '../../kernel/consensus/index.ts'
import { channels, type IncomingMessage, type OutgoingMessage } from '../../kernel/links/index.ts'
import { epochOfHead, isEpochHead } from '../wire-epoch.ts'
import type { BentAddress } from './bent-links.ts'
import type { LiarParts } from './parts.ts'
import { PuppetMaster } from './puppet.ts'

const blocksMax = 1_000
/** Headers behind the blocks of a range (`rangeTailMax`). */
const tailMax = 1_024
/** Of Δ0, after which somebody else would be asked. */
const latest = 0.9

export class Dripper extends PuppetMaster {
  readonly #blocks = new Map<Digest, Block>()
  readonly #walks: boolean
  #address: BentAddress | undefined
  answerCount = 0

  constructor(parts: LiarParts, walks = parts.random.happens(0.5)) {
    super(parts, 1)
    this.#walks = walks
  }

  protected override begin(address: BentAddress): void {
    this.#address = address
    for (const end of address.ends) end.swallows = (peer, message) => this.#bend(peer, message)
  }

  protected override heard(message: IncomingMessage): void {
    const said = this.#read(message)
    if (said?.kind === 'propose') this.#keep(said.block)
    if (said?.kind !== 'fetch' || !this.#walks) return
    const block = this.#blocks.get(said.digest)
    if (block !== undefined) this.#answer(message.from, message.head, { kind: 'block', block })
  }

  /** True when what the honest code says is not to leave. */
  #bend(peer: NodeId, message: OutgoingMessage): boolean {
    const said = this.#read(message)
    if (said?.kind === 'propose') this.#keep(said.block)
    if (said?.kind !== 'range') return false
    for (const block of said.blocks) this.#keep(block)
    if (this.#walks) return true
    const delayMs = latest * this.parts.world.delta0Ms
    this.later(delayMs, () => this.#answer(peer, message.head, { kind: 'range', ...first(said) }))
    return true
  }

  #answer(peer: NodeId, head: Uint8Array, said: Message): void {
    this.answerCount++
    const wire = this.#wireOf(head)
    this.#address?.send(peer, { channel: channels.consensus, ...encodeMessage(said, wire) })
  }

  #keep(block: Block): void {
    if (this.#blocks.size < blocksMax) this.#blocks.set(block.digest, block)
  }

  #read(message: IncomingMessage | OutgoingMessage): Message | undefined {
    if (isEpochHead(message.head)) return undefined
    try {
      return decodeMessage(message, this.parts.index, this.#wireOf(message.head))
    } catch (error) {
      if (error instanceof CodecError) return undefined
      throw error
    }
  }

  #wireOf(head: Uint8Array): Parameters<typeof encodeMessage>[1] {
    const { config, crypto, limits } = this.parts.world
    const context = { ...contextOf(config), epoch: epochOfHead(head) }
    return { crypto, context, limits: consensusLimitsOf(limits) }
  }
}

/** The same range with one block, the others by their headers; as it is, if those are too many. */
function first(range: BlockRange): BlockRange {
  const tail = [...range.blocks.slice(1).map(({ header }) => header), ...range.tail]
  return tail.length > tailMax ? range : { ...range, blocks: range.blocks.slice(0, 1), tail }
}
