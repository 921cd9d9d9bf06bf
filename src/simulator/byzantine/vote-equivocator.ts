import type { NodeId } from '../../base/ids.ts'
import {
  blockOf,
  consensusLimitsOf,
  contextOf,
  decodeMessage,
  encodeMessage,
  type Message,
  payloadHashOf,
  payloadOf,
  type Vote,
  voteBytes,
  type WireContext,
} from '../../kernel/consensus/index.ts'
import { channels, type OutgoingMessage } from '../../kernel/links/index.ts'
import { consensusConfigOf } from '../../kernel/section/index.ts'
import { epochOfHead, isEpochHead } from '../wire-epoch.ts'
import { tamperedLinks, type WorldLiar } from './altered.ts'

/**
 * Votes with some for one thing and with others for another, under its own good signature; and in
 * its own views it proposes one block to some and another, equally well made, to others.
 */
export const voteEquivocator: WorldLiar = ({ world, processor, random, lied }) => {
  const { crypto, drawn } = world
  const config = consensusConfigOf(crypto, drawn.genesis)
  const limits = consensusLimitsOf()
  let wire: WireContext = { crypto, context: contextOf(config), limits }
  const index = config.members.findIndex(({ node }) => node === processor.node)
  const { secretKey } = crypto.signKeyPair(
    drawn.nodes[processor.n - 1]?.keys.consensusSeed ?? new Uint8Array(32),
  )
  const signed = (voted: Pick<Vote, 'kind' | 'view' | 'digest'>): Message => {
    const signature = crypto.sign(secretKey, voteBytes(wire.context, voted))
    return { kind: 'vote', vote: { ...voted, signer: index, signature } }
  }
  let digests: Vote['digest'][] = []
  const others = (message: Message): Message[] => {
    if (message.kind === 'vote' && message.vote.signer === index) {
      const { kind, view, digest } = message.vote
      digests = [...digests, digest].slice(-8)
      const other = random.pick(digests)
      const lies = [signed({ kind: 'nullify', view, digest: undefined })]
      if (other !== undefined) lies.push(signed({ kind: 'notarize', view, digest: other }))
      if (digest !== undefined) lies.push(signed({ kind: 'finalize', view, digest }))
      return kind === 'nullify' ? [message, ...lies] : lies
    }
    if (message.kind !== 'propose') return [message]
    const payload = payloadOf(crypto, [])
    const { header } = message.block
    const payloadHash = payloadHashOf(crypto, payload)
    const block = blockOf(crypto, wire.context, { header: { ...header, payloadHash }, payload })
    return [
      { ...message, block },
      signed({ kind: 'notarize', view: header.view, digest: block.digest }),
    ]
  }
  const outgoing = (_: NodeId, sent: OutgoingMessage): readonly OutgoingMessage[] => {
    if (sent.channel !== channels.consensus || random.happens(0.5)) return [sent]
    // Of an epoch it says what is so: that is no message of the machine.
    if (isEpochHead(sent.head)) return [sent]
    wire = { ...wire, context: { ...wire.context, epoch: epochOfHead(sent.head) } }
    const message = decodeMessage(sent, index, wire)
    if (message.kind !== 'vote' && message.kind !== 'propose') return [sent]
    lied()
    return others(message).map((one) => ({
      channel: channels.consensus,
      ...encodeMessage(one, wire),
    }))
  }
  return { links: (links) => tamperedLinks(links, { outgoing }) }
}
