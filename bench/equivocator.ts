/**
 * A member that says one thing to one half of the group and the contrary to the other, well signed:
 * of its own views each half gets another block, and of every vote of it one half gets another
 * vote. Real links and disks; the simulator's own (`src/simulator/byzantine`) draws more at random.
 */
import type { NodeId } from '../src/base/ids.ts'
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
} from '../src/kernel/consensus/index.ts'
import type { Alterations } from '../src/kernel/kernel.ts'
import { channels, type OutgoingMessage } from '../src/kernel/links/index.ts'
import { consensusConfigOf, type Genesis } from '../src/kernel/section/index.ts'
import type { Crypto } from '../src/ports/crypto.ts'
import { tamperedLinks } from '../src/simulator/byzantine/altered.ts'
import { isEpochHead } from '../src/simulator/wire-epoch.ts'

/** @param self.consensusSeed the member's own: what it signs is held to be its word. */
export function equivocator(
  crypto: Crypto,
  genesis: Genesis,
  self: { readonly node: NodeId; readonly consensusSeed: Uint8Array },
): Alterations {
  const config = consensusConfigOf(crypto, genesis)
  const wire = { crypto, context: contextOf(config), limits: consensusLimitsOf() }
  const indexOf = (wanted: NodeId): number =>
    config.members.findIndex(({ node }) => node === wanted)
  const signer = indexOf(self.node)
  const { secretKey } = crypto.signKeyPair(self.consensusSeed)
  let digest: Vote['digest']

  const signed = (vote: Pick<Vote, 'kind' | 'view' | 'digest'>): Message => ({
    kind: 'vote',
    vote: { ...vote, signer, signature: crypto.sign(secretKey, voteBytes(wire.context, vote)) },
  })
  const contraryOf = (message: Message): readonly Message[] => {
    if (message.kind === 'vote' && message.vote.signer === signer) {
      const { kind, view } = message.vote
      if (kind !== 'nullify') return [signed({ kind: 'nullify', view, digest: undefined })]
      return digest === undefined ? [] : [signed({ kind: 'notarize', view, digest })]
    }
    if (message.kind !== 'propose') return [message]
    const { header } = message.block
    const payload = payloadOf(crypto, [])
    const made = { header: { ...header, payloadHash: payloadHashOf(crypto, payload) }, payload }
    const block = blockOf(crypto, wire.context, made)
    const vote = signed({ kind: 'notarize', view: header.view, digest: block.digest })
    return [{ ...message, block }, vote]
  }
  const outgoing = (peer: NodeId, sent: OutgoingMessage): readonly OutgoingMessage[] => {
    if (sent.channel !== channels.consensus || isEpochHead(sent.head)) return [sent]
    const message = decodeMessage(sent, signer, wire)
    if (message.kind === 'vote') digest = message.vote.digest ?? digest
    if (indexOf(peer) % 2 === 0 || !['vote', 'propose'].includes(message.kind)) return [sent]
    return contraryOf(message).map((one) => ({
      channel: channels.consensus,
      ...encodeMessage(one, wire),
    }))
  }
  return { links: (links) => tamperedLinks(links, { outgoing }) }
}
