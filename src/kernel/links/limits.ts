/**
 * Every bound of the links. The first group is part of the wire format: both ends must agree, and
 * a change needs a new protocol version. The second group is one node's own choice.
 */
import { assert } from '../../base/assert.ts'
import type { TransportOptions } from '../../ports/transport.ts'

/** In the prologue of the handshake, and in clear before its first message. */
export const linkProtocolVersion = 1

/** Bytes of one message's structured part: a proposal or a page of a listing, not a file. */
export const headBytesMax = 256 * 1024
/** Bytes of one body: the largest block (4 MiB) with what its seal adds. */
export const bodyBytesMax = 4 * 1024 * 1024 + 64 * 1024
/**
 * A body up to here stands inside the envelope; a longer one follows as its own transport message.
 * Measured (bench/links.ts, bodies of 1 to 32 KiB): a message of its own costs more up to 4 KiB,
 * which a sealed block of the smallest size is a little longer than, and less from 8 KiB.
 */
export const inlineBodyBytesMax = 5 * 1024
/** Messages under one signature: keeps a portable proof (32 bytes for each) under 8 KiB. */
export const envelopeMessagesMax = 256
/** An envelope that has this many bytes takes no further message. */
export const envelopeFillBytes = 256 * 1024
/** Length of the code text in a refusal. */
export const refusalCodeBytesMax = 64
/** Longest deadline of a request: one day. */
export const deadlineMsMax = 24 * 60 * 60 * 1000
/** AES-GCM frames under one traffic key; the receiver closes a link whose peer goes beyond. */
export const keyFramesMax = 2 ** 32

/**
 * A reply up to here needs no room of its own: as many as there may be requests are 4 MiB. This
 * node's own choice, and the same for all its handlers.
 */
export const smallReplyBytes = 8 * 1024

/** What the canonical form of a message adds to its head and the envelope to that, at most. */
export const messageOverheadBytes = 80
/** One envelope, sealed: filled to just below the mark, then one largest message. */
export const recordBytesMax =
  envelopeFillBytes +
  headBytesMax +
  inlineBodyBytesMax +
  envelopeMessagesMax * messageOverheadBytes +
  128
/** A handshake message: keys, tags, a node id and a signature. */
export const handshakeMessageBytesMax = 512

/** Bounds that each node chooses for itself; overridable, for tests above all. */
export type LinkLimits = {
  /** Connections of the listener, handshakes included. */
  readonly connectionCountMax: number
  /** Handshakes under way: from one address, and in all. Local worlds share one address. */
  readonly handshakesPerAddressMax: number
  readonly handshakesMax: number
  /** From the connection to the first envelope of the peer. */
  readonly handshakeTimeoutMs: number
  /** Waiting time before the n-th dial: min × 2^n, at most max, half of it drawn at random. */
  readonly redialMinMs: number
  readonly redialMaxMs: number
  /** The node with the larger id lets the other one dial first, for this long. */
  readonly dialGraceMs: number
  /** A link that held this long resets the waiting time. */
  readonly stableAfterMs: number
  readonly pingIntervalMs: number
  /** No sign of life for this long ends a link; noticed at most half a ping interval later. */
  readonly silenceMsMax: number
  /** Bulk data in the socket's buffer: sending stops above the first, goes on below the second. */
  readonly windowBytes: number
  readonly windowResumeBytes: number
  /** Consensus and liveness stop only here. */
  readonly urgentBufferBytesMax: number
  /** Bodies in one envelope, unless its only body is longer. */
  readonly envelopeBodyBytes: number
  /** One channel's queue towards one peer, for one-way messages; `send` is false beyond. */
  readonly queueCountMax: number
  readonly queueBytesMax: number
  /** Requests towards one peer without a reply, and the bytes that they carry. */
  readonly requestsInFlightMax: number
  readonly requestBytesInFlightMax: number
  /** Requests that wait for the two above; `link/overloaded` beyond. */
  readonly requestsWaitingMax: number
  readonly requestBytesWaitingMax: number
  /** Requests of one peer that are not answered; beyond, they are refused. */
  readonly servedMax: number
  /** Bytes of one peer's requests in handlers: above, reading stops until half is answered. */
  readonly servedBytesMax: number
  /** Replies waiting for one peer to read them: above, none that is not small is made. */
  readonly replyBytesMax: number
  /** Replies to one peer that are being made at once, unless they are small: each takes memory. */
  readonly repliesMadeMax: number
  /** A new traffic key after so many frames or so long. */
  readonly rekeyFrames: number
  readonly rekeyAfterMs: number
}

export const defaultLinkLimits: LinkLimits = {
  connectionCountMax: 256,
  handshakesPerAddressMax: 64,
  handshakesMax: 128,
  handshakeTimeoutMs: 5_000,
  redialMinMs: 50,
  redialMaxMs: 2_000,
  dialGraceMs: 300,
  stableAfterMs: 2_000,
  pingIntervalMs: 1_000,
  silenceMsMax: 2_000,
  windowBytes: 512 * 1024,
  windowResumeBytes: 256 * 1024,
  urgentBufferBytesMax: 8 * 1024 * 1024,
  envelopeBodyBytes: 256 * 1024,
  queueCountMax: 4_096,
  queueBytesMax: 8 * 1024 * 1024,
  requestsInFlightMax: 256,
  requestBytesInFlightMax: 6 * 1024 * 1024,
  requestsWaitingMax: 4_096,
  requestBytesWaitingMax: 64 * 1024 * 1024,
  servedMax: 512,
  servedBytesMax: 16 * 1024 * 1024,
  replyBytesMax: 6 * 1024 * 1024,
  repliesMadeMax: 8,
  rekeyFrames: keyFramesMax - 2 * envelopeMessagesMax,
  rekeyAfterMs: 24 * 60 * 60 * 1000,
}

/** What the transport must let through, and no more. */
export const transportOptionsOf = (limits: LinkLimits): TransportOptions => ({
  messageBytesMax: Math.max(bodyBytesMax, recordBytesMax),
  connectionCountMax: limits.connectionCountMax,
})

/** Own limits with overrides; relations that the layer relies on are asserted. */
export function linkLimitsOf(overrides: Partial<LinkLimits> = {}): LinkLimits {
  const limits = { ...defaultLinkLimits, ...overrides }
  assert(limits.windowResumeBytes < limits.windowBytes, 'the window resumes below its mark')
  assert(
    limits.windowBytes <= limits.urgentBufferBytesMax,
    'urgent messages reach further than bulk',
  )
  assert(
    limits.rekeyFrames <= keyFramesMax - 2 * envelopeMessagesMax,
    'a key changes before its last frame',
  )
  assert(limits.silenceMsMax > limits.pingIntervalMs, 'a ping has time to be answered')
  assert(limits.requestBytesInFlightMax <= limits.servedBytesMax, 'an honest peer is never paused')
  assert(limits.requestsInFlightMax <= limits.servedMax, 'an honest peer is never refused')
  return limits
}
