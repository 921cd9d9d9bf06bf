/**
 * Links of a Processor that lies. Every message that leaves is well-formed, sealed and signed with
 * its own keys, so no link refuses it; what it says is wrong: results and states that never were,
 * old answers, altered blocks, blocks that it says it has not, blocks that it says it took. What it
 * should say to all it says to some.
 */
import { discard } from '../../../src/base/bytes.ts'
import { decodeRequest, encodeGetReply, GetStatus } from '../../../src/kernel/blocks/wire.ts'
import { pack, unpack } from '../../../src/kernel/group/packing.ts'
import {
  decodeGroupRequest,
  decodeReadReply,
  encodeAddedReply,
  encodeReadReply,
} from '../../../src/kernel/group/wire.ts'
import {
  type ChannelHandler,
  channels,
  createLinks as createTrueLinks,
  type IncomingMessage,
  type LinkPorts,
  type Links,
  type LinksOptions,
  type OutgoingMessage,
} from '../../../src/kernel/links/index.ts'

export * from '../../../src/kernel/links/index.ts'

type Reply = Omit<OutgoingMessage, 'channel'>
type OnRequest = NonNullable<ChannelHandler['onRequest']>

const oldRepliesMax = 1_000
const oldMessagesMax = 64
const farHeights = 1_000

export const createLinks = (options: LinksOptions): Links =>
  lying(createTrueLinks(options), options.ports)

class Liar {
  readonly #ports: LinkPorts
  readonly #told = new Set<string>()
  readonly #oldReplies = new Map<string, Uint8Array>()
  readonly #oldMessages: OutgoingMessage[] = []
  #count = 0

  constructor(ports: LinkPorts) {
    this.#ports = ports
  }

  /** Each lie in its turn: the same over and over would be one lie. */
  #next(count: number): number {
    return this.#count++ % count
  }

  #tell(lie: string): void {
    if (this.#told.has(lie)) return
    this.#told.add(lie)
    this.#ports.log.for('liar').info(lie)
  }

  group(request: Uint8Array, answer: Uint8Array): Uint8Array {
    const { kind } = decodeGroupRequest(request)
    switch (kind) {
      case 'submit':
        this.#tell('a wrong result')
        return oneByteChanged(answer)
      case 'read':
        return this.#read(request, answer)
      case 'page':
        this.#tell('a wrong page')
        return oneByteChanged(answer)
      case 'added':
        this.#tell('no blocks were added')
        return encodeAddedReply({ lists: [], nextHeight: farHeights })
      case 'manifest':
      case 'chunk':
        this.#tell('a piece of a state that never was')
        return oneByteChanged(answer)
      case 'reads':
      case 'epoch':
        this.#tell('a wrong result')
        return oneByteChanged(answer)
      case 'readmit':
        return answer
    }
  }

  #read(request: Uint8Array, answer: Uint8Array): Uint8Array {
    const key = Buffer.from(request).toString('base64')
    const old = this.#oldReplies.get(key)
    if (old === undefined && this.#oldReplies.size < oldRepliesMax) {
      this.#oldReplies.set(key, answer.slice())
    }
    const reply = decodeReadReply(answer)
    const { answers, height } = reply
    const turn = this.#next(4)
    if (turn === 0) {
      this.#tell('a height that never was')
      return encodeReadReply({ ...reply, height: height + farHeights })
    }
    if (turn === 1) {
      this.#tell('a state that never was')
      return encodeReadReply({ ...reply, answers: oneByteChanged(answers) })
    }
    this.#tell('an old answer')
    return turn === 2 && old !== undefined
      ? encodeReadReply({ ...reply, answers: decodeReadReply(old).answers })
      : (old ?? answer)
  }

  blocks(message: IncomingMessage, reply: Reply): Reply {
    const request = decodeRequest(message.head)
    if (request.kind !== 'get' || reply.body === undefined) return reply
    const turn = this.#next(3)
    if (turn === 0) {
      this.#tell('an altered block')
      const bytes = oneByteChanged(reply.body.bytes)
      return { head: reply.head, body: { bytes, hash: this.#ports.crypto.sha256(bytes) } }
    }
    if (turn === 1) {
      this.#tell('a block that it does not have')
      discard(reply.body.bytes)
      const { key } = request
      const releaseTag = new Uint8Array(16)
      return { head: encodeGetReply({ key, status: GetStatus.Missing, releaseTag }) }
    }
    return reply
  }

  /** What goes out instead; undefined: nothing. */
  consensus(message: OutgoingMessage): OutgoingMessage | undefined {
    this.#oldMessages.push(message)
    if (this.#oldMessages.length > oldMessagesMax) this.#oldMessages.shift()
    const turn = this.#next(7)
    if (turn === 0) {
      this.#tell('silence towards some')
      return undefined
    }
    if (turn !== 1) return message
    this.#tell('an old vote')
    return this.#oldMessages[this.#count % this.#oldMessages.length]
  }
}

/** The length stays, and with it most of the form. */
function oneByteChanged(bytes: Uint8Array): Uint8Array {
  const changed = bytes.slice()
  const at = Math.floor(changed.length / 2)
  if (changed.length > 0) changed[at] = (changed[at] ?? 0) ^ 1
  return changed
}

function lying(links: Links, ports: LinkPorts): Links {
  const liar = new Liar(ports)
  const wrapped =
    (onRequest: OnRequest, lie: (message: IncomingMessage, reply: Reply) => Reply): OnRequest =>
    async (message, signal, room) => {
      const reply = lie(message, await onRequest(message, signal, room))
      await room()
      return reply
    }
  return {
    self: links.self,
    start: () => links.start(),
    stop: () => links.stop(),
    peers: () => links.peers(),
    isUp: (peer) => links.isUp(peer),
    onChange: (listener) => links.onChange(listener),
    request: (peer, message, options) => links.request(peer, message, options),
    send: (peer, message) => {
      const said = message.channel === channels.consensus ? liar.consensus(message) : message
      return said === undefined ? true : links.send(peer, said)
    },
    handle: (channel, handler) => {
      const { onRequest } = handler
      if (onRequest === undefined) return links.handle(channel, handler)
      const lie = (message: IncomingMessage, reply: Reply): Reply =>
        channel === channels.blocks
          ? liar.blocks(message, reply)
          : pack(ports.crypto, liar.group(unpack(message), unpack(reply as IncomingMessage)))
      return links.handle(channel, { ...handler, onRequest: wrapped(onRequest, lie) })
    },
  }
}
