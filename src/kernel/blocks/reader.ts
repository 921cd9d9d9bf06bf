/**
 * The reader's side: one message to one holder, checked against the hash that the object's log
 * gives, opened. Anything but the right bytes in time sends the same question to the next holder
 * at once; the late one may still answer and win. What was wrong is reported with the holder's
 * signature on it. Where nobody gave the block and somebody could not be asked, an application's
 * read asks all again for a while: links that broke come back within a second.
 */
import { discard, equalBytes, fromHex } from '../../base/bytes.ts'
import { encode } from '../../base/codec.ts'
import { isUnosysError } from '../../base/error.ts'
import type { NodeId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Metrics } from '../../ports/metrics.ts'
import { openBlock } from '../keys/index.ts'
import {
  channels,
  type IncomingMessage,
  type Links,
  type SignedMessage,
  writeSignedMessage,
} from '../links/index.ts'
import type { Placement } from '../placement/index.ts'
import type { BlockRef } from '../section/interface.ts'
import { FaultKind, type Trust } from '../trust/index.ts'
import type { BlockCopy, BlockKey } from '../vault/interface.ts'
import { BlockCode, BlockError } from './errors.ts'
import { fallOver, type Outcome } from './fall-over.ts'
import type { Gate } from './gate.ts'
import { type Holder, peerCodeOf } from './holder.ts'
import type { ReadOptions } from './interface.ts'
import { LateHolders } from './late-holders.ts'
import { holderLateMs, holderRetryFirstMs, holderRetryLongestMs, holderWaitMs } from './limits.ts'
import { decodeGetReply, encodeRequest, type GetReply, GetStatus } from './wire.ts'

export type ReaderOptions = {
  readonly self: NodeId
  readonly crypto: Crypto
  readonly clock: Clock
  readonly links: Links
  readonly placement: Placement
  readonly holder: Holder
  readonly trust: Trust
  readonly metrics: Metrics
  readonly inFlight: Gate
}

export type FetchOptions = Omit<ReadOptions, 'keys'> & {
  readonly skipSelf?: boolean
  /** False: holders that say they have no good copy are not reported for it. */
  readonly accuses?: boolean
  /** What holders were reported for by this read; one that asks again passes it on. */
  readonly reported?: Set<string>
}

type Asked = {
  readonly holder: NodeId
  readonly key: BlockKey
  readonly accuses: boolean
  readonly reported: Set<string>
}

const reportOfStatus = {
  [GetStatus.Missing]: { code: 'vault/missing', fault: FaultKind.Missing },
  [GetStatus.NameChanged]: { code: 'vault/name-changed', fault: FaultKind.NameChanged },
  [GetStatus.ContentChanged]: { code: 'vault/content-changed', fault: FaultKind.ContentChanged },
} as const

/** Answers that say that the holder's copy is gone; others say nothing about it. */
const lostCodes: ReadonlySet<string> = new Set([
  'vault/missing',
  'vault/name-changed',
  'vault/content-changed',
  'blocks/absent',
  'blocks/wrong-block',
])

export class BlockReader {
  readonly #options: ReaderOptions
  /** Asked last. */
  readonly #late: LateHolders

  constructor(options: ReaderOptions) {
    this.#options = options
    this.#late = new LateHolders(options.clock)
  }

  /** @see Blocks.read */
  async read(ref: BlockRef, options: ReadOptions): Promise<Uint8Array> {
    const content = options.keys.content.find(({ epoch }) => epoch === ref.keyEpoch)
    if (content === undefined) {
      throw new BlockError(BlockCode.Lost, 'the key that sealed the block is not there', {})
    }
    const { sealed } = await this.#fetchPatiently(ref, options)
    const { id, version } = ref
    const plain = openBlock(this.#options.crypto, {
      key: content.key,
      id,
      version,
      keyEpoch: ref.keyEpoch,
      sealed,
    })
    discard(sealed)
    if (plain === undefined) {
      throw new BlockError(
        BlockCode.Lost,
        'the block does not open: its writer sealed it wrong',
        {},
      )
    }
    return plain
  }

  async #fetchPatiently(ref: BlockRef, options: ReadOptions): Promise<BlockCopy> {
    const { clock } = this.#options
    const startMs = clock.monotonicMs()
    const leftMs = (limitMs: number): number => startMs + limitMs - clock.monotonicMs()
    const waitMs = Math.min(options.deadlineMs, holderWaitMs)
    const reported = new Set<string>()
    let deadlineMs = options.deadlineMs
    for (let pauseMs = holderRetryFirstMs; ; pauseMs *= 2) {
      try {
        return await this.fetch(ref, { ...options, deadlineMs, reported })
      } catch (error) {
        const pausedMs = Math.min(pauseMs, holderRetryLongestMs)
        const isHopeful = isUnosysError(error, BlockCode.Unreachable) && leftMs(waitMs) > pausedMs
        if (!isHopeful) throw error
        await pause(clock, pausedMs, options.signal)
      }
      // The timer may have been late.
      deadlineMs = Math.max(1, leftMs(options.deadlineMs))
    }
  }

  /** A copy with the right hash, from whichever holder has one. */
  async fetch(key: BlockKey, options: FetchOptions): Promise<BlockCopy> {
    const { inFlight } = this.#options
    try {
      await inFlight.enter(1, options.signal)
    } catch {
      throw new BlockError(BlockCode.Cancelled, 'the caller gave up', {})
    }
    try {
      return await this.#race(key, options)
    } finally {
      inFlight.leave(1)
    }
  }

  async #race(key: BlockKey, options: FetchOptions): Promise<BlockCopy> {
    const { clock } = this.#options
    const { deadlineMs, signal } = options
    const { accuses = true, reported = new Set<string>() } = options
    const result = await fallOver<BlockCopy>({
      holders: this.#order(key, options),
      clock,
      lateMs: holderLateMs,
      deadlineMs,
      signal,
      ask: (holder, gone) =>
        this.#ask({ holder, key, accuses, reported }, { deadlineMs, signal: gone }),
      onLate: (holder) => this.#markLate({ holder, key, accuses, reported }),
    })
    if (result.kind === 'found') return result.value
    const detail = { needed: 1, reports: result.reports }
    if (result.kind === 'cancelled') {
      throw new BlockError(BlockCode.Cancelled, 'the caller gave up', detail)
    }
    const isLost = result.kind === 'all' && result.reports.every(({ code }) => lostCodes.has(code))
    if (isLost) throw new BlockError(BlockCode.Lost, 'no holder has the block intact', detail)
    const when = result.kind === 'deadline' ? ' in time' : ''
    throw new BlockError(BlockCode.Unreachable, `no holder gave the block${when}`, detail)
  }

  /**
   * This node first, then holders that are up and prompt, then late ones, then those that are down.
   */
  #order(key: BlockKey, options: { replicas: number; skipSelf?: boolean }): readonly NodeId[] {
    const { placement, links, self } = this.#options
    const rank = (holder: NodeId): number => {
      if (holder === self) return 0
      if (!links.isUp(holder)) return 3
      return this.#late.isLate(holder) ? 2 : 1
    }
    return placement
      .holdersOf(key.id, options.replicas)
      .filter((holder) => options.skipSelf !== true || holder !== self)
      .map((holder, index) => ({ holder, order: rank(holder) * 1_000 + index }))
      .sort((a, b) => a.order - b.order)
      .map(({ holder }) => holder)
  }

  #markLate(asked: Asked): void {
    const { metrics, self } = this.#options
    const { holder } = asked
    if (holder === self) return
    this.#late.mark(holder)
    metrics.count('blocks.read_late_count')
    this.#accuse(asked, FaultKind.Late, undefined)
  }

  async #ask(
    asked: Asked,
    call: { readonly deadlineMs: number; readonly signal: AbortSignal },
  ): Promise<Outcome<BlockCopy>> {
    const { self, links, metrics } = this.#options
    const { holder, key } = asked
    try {
      if (holder === self) {
        const { status, copy } = await this.#options.holder.fetch(key)
        if (copy !== undefined) return { value: copy }
        return this.#reported(asked, status, undefined)
      }
      metrics.count('blocks.get_sent_count')
      const head = encodeRequest({ kind: 'get', key })
      const reply = await links.request(holder, { channel: channels.blocks, head }, call)
      return this.#judge(asked, reply)
    } catch (error) {
      const code = isUnosysError(error) ? peerCodeOf(error) : 'internal'
      return { report: { holder, code } }
    }
  }

  #judge(asked: Asked, reply: IncomingMessage): Outcome<BlockCopy> {
    const { holder, key } = asked
    const answer = parseReply(reply.head)
    if (answer === undefined || !sameKey(answer.key, key)) {
      this.#accuse(asked, FaultKind.Malformed, reply)
      return { report: { holder, code: 'blocks/malformed' } }
    }
    if (answer.status !== GetStatus.Intact) return this.#reported(asked, answer.status, reply)
    if (reply.body === undefined || !equalBytes(reply.body.hash, fromHex(key.hash))) {
      this.#accuse(asked, FaultKind.WrongBlock, reply)
      return { report: { holder, code: 'blocks/wrong-block' } }
    }
    return { value: { sealed: reply.body.bytes, releaseTag: answer.releaseTag } }
  }

  #reported(
    asked: Asked,
    status: GetStatus,
    reply: IncomingMessage | undefined,
  ): Outcome<BlockCopy> {
    const { holder, accuses } = asked
    if (status === GetStatus.Absent) {
      this.#options.metrics.count('blocks.read_absent_count')
      return { report: { holder, code: 'blocks/absent' } }
    }
    if (status === GetStatus.Intact || status === GetStatus.Busy) {
      return { report: { holder, code: 'blocks/busy' } }
    }
    const { code, fault } = reportOfStatus[status]
    if (accuses) this.#accuse(asked, fault, reply)
    return { report: { holder, code } }
  }

  /** Once for a kind of fault and a read, however often it asks. */
  #accuse(asked: Asked, kind: FaultKind, reply: IncomingMessage | undefined): void {
    const { holder, key, reported } = asked
    const fault = `${holder} ${kind}`
    if (reported.has(fault)) return
    reported.add(fault)
    const evidence = reply === undefined ? {} : { evidence: encodeProof(reply.proof()) }
    this.#options.trust.report({ peer: holder, kind, about: `block ${key.id}`, ...evidence })
  }
}

/** Ends early when the caller gives up. */
function pause(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel()
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const cancel = clock.after(ms, end)
    if (signal?.aborted === true) end()
    signal?.addEventListener('abort', end, { once: true })
  })
}

const encodeProof = (proof: SignedMessage): Uint8Array =>
  encode((writer) => writeSignedMessage(writer, proof))

function parseReply(head: Uint8Array): GetReply | undefined {
  try {
    return decodeGetReply(head)
  } catch (error) {
    if (isUnosysError(error, 'base/malformed')) return undefined
    throw error
  }
}

const sameKey = (a: BlockKey, b: BlockKey): boolean =>
  a.id === b.id && a.version === b.version && a.hash === b.hash
