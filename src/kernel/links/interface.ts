/** What other layers see of the links: one signed, encrypted FIFO link per pair of Processors. */
import type { NodeId } from '../../base/ids.ts'

/**
 * What a message is about. The number is on the wire; retired ones stay listed and unused.
 * Within a link, messages of one channel keep their order; `consensus` and liveness pass queued
 * bulk data of `blocks`.
 */
export const channels = { consensus: 1, group: 2, blocks: 3 } as const
export type Channel = (typeof channels)[keyof typeof channels]

export type OutgoingMessage = {
  readonly channel: Channel
  /** Small structured part, at most `headBytesMax`. */
  readonly head: Uint8Array
  /**
   * One block's sealed bytes, at most `bodyBytesMax`. Not copied: the caller must not change it.
   * Counts in the envelope's signature by its hash, which the sender passes along because it is
   * the block's content hash and known already.
   */
  readonly body?: { readonly bytes: Uint8Array; readonly hash: Uint8Array }
}

/**
 * A received message. The envelope's signature was checked before anybody sees it, and the hash of
 * the body was computed from the bytes as they arrived: receivers need not hash it again.
 */
export type IncomingMessage = {
  readonly from: NodeId
  readonly channel: Channel
  readonly head: Uint8Array
  readonly body?: { readonly bytes: Uint8Array; readonly hash: Uint8Array }
  /** The message with its envelope's signature: proves to anybody that `from` said it. */
  proof(): SignedMessage
}

/** Portable proof of authorship; `verifySignedMessage` checks it without the link. */
export type SignedMessage = {
  readonly signer: NodeId
  /** Hash of the link's handshake. */
  readonly transcript: Uint8Array
  /** Number of the envelope on its link and in its direction, from 0. */
  readonly sequence: number
  /** Hashes of all messages of the envelope, in order; `index` is this one's place. */
  readonly messageHashes: readonly Uint8Array[]
  readonly index: number
  /** Everything of the message that its hash covers. */
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

export type RequestOptions = {
  /** From now; the request fails with `link/deadline` when no reply came. */
  readonly deadlineMs: number
  /** Gives up at once; the peer is told and may stop its work. */
  readonly signal?: AbortSignal
}

export type ChannelHandler = {
  /** A one-way message. Must not throw; what it does with hostile content is its own matter. */
  readonly onMessage?: (message: IncomingMessage) => void
  /**
   * A request; the result is the reply. `signal` fires when the requester gave up, the deadline has
   * passed or the link ended: settle soon after, until then the request counts against the peer.
   * A thrown UnosysError reaches the requester as `link/refused` with its code; anything else
   * thrown becomes code `internal`.
   */
  readonly onRequest?: (
    message: IncomingMessage,
    signal: AbortSignal,
    room: Room,
  ) => Promise<Omit<OutgoingMessage, 'channel'>> | Omit<OutgoingMessage, 'channel'>
  /**
   * True: `onRequest` begins at once, and itself waits for `room` before it makes a reply of more
   * than `smallReplyBytes`. Else it begins when there is room: then few run at once.
   */
  readonly asksForRoom?: boolean
}

/**
 * Resolves when there is room for a reply of any size, which is kept until the handler settles:
 * from here on it waits for nothing that others do. To ask again is harmless. Rejects when the
 * signal fires, and with `link/overloaded` when requests that carry too much wait already.
 */
export type Room = () => Promise<void>

export type PeerLink = {
  readonly peer: NodeId
  readonly up: boolean
  /** Round trip of the last ping; undefined until one came back. */
  readonly roundTripMs: number | undefined
  readonly queuedBytes: number
}

export interface Links {
  readonly self: NodeId
  /** Listen and start dialling. @throws UnosysError of the transport when the port is taken. */
  start(): Promise<void>
  /** Close all links; requests in flight fail with `link/down`. */
  stop(): Promise<void>
  peers(): readonly PeerLink[]
  isUp(peer: NodeId): boolean
  /** A listener hears each change of a peer's link, after `isUp` changed. The result removes it. */
  onChange(listener: (peer: NodeId, up: boolean) => void): () => void
  /**
   * Queue a one-way message. False when the link is down or its queue is full: the message is
   * dropped, and protocols above must live with that (they do: links lose messages anyway).
   */
  send(peer: NodeId, message: OutgoingMessage): boolean
  /**
   * Ask `peer`; resolves with its reply. While the peer's queue is full the call waits (bounded,
   * within the deadline): back-pressure for streams of blocks.
   *
   * @throws LinkError `link/down`, `link/deadline`, `link/cancelled`, `link/overloaded`,
   *   `link/refused` (the peer answered with an error: `detail.peerCode`).
   */
  request(peer: NodeId, message: OutgoingMessage, options: RequestOptions): Promise<IncomingMessage>
  /** Answer a channel. Once per channel, before `start`. */
  handle(channel: Channel, handler: ChannelHandler): void
}
