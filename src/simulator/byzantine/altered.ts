/**
 * What makes a simulated Processor a liar: a whole kernel of production code, with parts of it
 * replaced or something put between it and the world. So a liar has every key and all the manners
 * of a correct Processor, but for the one thing that it lies about.
 */
import type { NodeId } from '../../base/ids.ts'
import type { Alterations, KernelPorts } from '../../kernel/kernel.ts'
import type {
  ChannelHandler,
  IncomingMessage,
  Links,
  OutgoingMessage,
} from '../../kernel/links/interface.ts'
import type { SimProcess } from '../sim-process.ts'
import type { SimRandom } from '../sim-random.ts'
import type { SimWorld } from '../world.ts'
import type { SimProcessor } from '../world-processor.ts'

/** Parts of one run of a Processor that are others. */
export type AlteredRun = Alterations & {
  readonly ports?: (ports: KernelPorts) => KernelPorts
}

export type LiarRun = {
  readonly world: SimWorld
  readonly processor: SimProcessor
  readonly process: SimProcess
  /** The liar's own dice. */
  readonly random: SimRandom
  /** Told of each lie: a liar that tells none shows nothing. */
  readonly lied: () => void
  /** True when the world shall come to rest: who makes work for all has to stop. */
  readonly isOver: () => boolean
}

/** Asked at each start of the liar's process. */
export type WorldLiar = (run: LiarRun) => AlteredRun

export type Packed = Omit<OutgoingMessage, 'channel'>

export type Tampering = {
  /** What leaves in the place of a message or request, one after the other. */
  readonly outgoing?: (peer: NodeId, message: OutgoingMessage) => readonly OutgoingMessage[]
  /** False: a one-way message is not heard. */
  readonly hears?: (message: IncomingMessage) => boolean
  /** The answer to a request; `honest` is what the kernel would say. */
  readonly answer?: (
    asked: IncomingMessage,
    honest: () => Promise<Packed>,
    signal: AbortSignal,
  ) => Promise<Packed>
  /** The links have started. */
  readonly started?: (links: Links) => void
}

/** Never. Ends with the request. */
export const noAnswer = (signal: AbortSignal): Promise<Packed> =>
  new Promise((_, reject) => {
    const stop = (): void => reject(new Error('the asker gave up'))
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })

/** `links` with a liar in front of them. */
export function tamperedLinks(links: Links, tampering: Tampering): Links {
  const outgoing = (peer: NodeId, message: OutgoingMessage): readonly OutgoingMessage[] =>
    tampering.outgoing?.(peer, message) ?? [message]
  return {
    self: links.self,
    start: async () => {
      await links.start()
      tampering.started?.(links)
    },
    stop: () => links.stop(),
    peers: () => links.peers(),
    isUp: (peer) => links.isUp(peer),
    onChange: (listener) => links.onChange(listener),
    send: (peer, message) => {
      let isSent = true
      for (const one of outgoing(peer, message)) isSent = links.send(peer, one) && isSent
      return isSent
    },
    request: (peer, message, options) => {
      const [first, ...more] = outgoing(peer, message)
      for (const one of more) void Promise.allSettled([links.request(peer, one, options)])
      return links.request(peer, first ?? message, options)
    },
    handle: (channel, handler) => links.handle(channel, tamperedHandler(handler, tampering)),
  }
}

function tamperedHandler(handler: ChannelHandler, tampering: Tampering): ChannelHandler {
  const { asksForRoom, onMessage, onRequest } = handler
  return {
    ...(onMessage === undefined
      ? {}
      : {
          onMessage: (message: IncomingMessage): void => {
            if (tampering.hears?.(message) !== false) onMessage(message)
          },
        }),
    ...(onRequest === undefined
      ? {}
      : {
          asksForRoom: asksForRoom === true,
          onRequest: async (asked, signal, room): Promise<Packed> => {
            const honest = async (): Promise<Packed> => onRequest(asked, signal, room)
            const reply = await (tampering.answer?.(asked, honest, signal) ?? honest())
            await room()
            return reply
          },
        }),
  }
}
