/**
 * One batch of sealed blocks on its way to its holders. Each holder gets its blocks and, right
 * behind them on the same FIFO link, one request for a receipt over all of them. The batch counts
 * when each block has w receipts; a holder that is away is tried again until then, and is left to
 * repair itself afterwards, as is one that is late (`patience.ts`).
 *
 * A receipt is checked here as the section will check it: one that the section would refuse must
 * not count, or a single holder could make every write fail.
 */
import { assert } from '../../base/assert.ts'
import { fromHex } from '../../base/bytes.ts'
import { encode } from '../../base/codec.ts'
import { isUnosysError, messageOf } from '../../base/error.ts'
import type { NodeId, WorldId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Log } from '../../ports/log.ts'
import type { Metrics } from '../../ports/metrics.ts'
import {
  channels,
  type IncomingMessage,
  type Links,
  type RequestOptions,
  writeSignedMessage,
} from '../links/index.ts'
import { type Placement, receiptsNeeded } from '../placement/index.ts'
import {
  type Added,
  type AddedBlock,
  type Receipt,
  receiptBytesToSign,
  receiptLeafOf,
} from '../section/index.ts'
import { FaultKind, type Trust } from '../trust/index.ts'
import { BlockCode, BlockError } from './errors.ts'
import { type Holder, peerCodeOf } from './holder.ts'
import type { WriteOptions } from './interface.ts'
import {
  holderRetryFirstMs,
  holderRetryLongestMs,
  holderWaitMs,
  putDeadlineMs,
  receiptSkewMsMax,
} from './limits.ts'
import { Patience, type Share } from './patience.ts'
import type { Watch } from './watch.ts'
import { decodeReceiptReply, encodeRequest, type ReceiptReply } from './wire.ts'

export type BatchOptions = {
  readonly self: NodeId
  readonly world: WorldId
  readonly crypto: Crypto
  readonly clock: Clock
  readonly links: Links
  readonly placement: Placement
  readonly holder: Holder
  readonly trust: Trust
  readonly log: Log
  readonly metrics: Metrics
  /** Which holders were late. */
  readonly watch: Watch
}

export type SealedBlock = { readonly added: AddedBlock; readonly sealed: Uint8Array }

/** A holder's answer; `from` is the message that proves it, absent for this node itself. */
type Answered = {
  readonly reply: ReceiptReply
  readonly from: IncomingMessage | undefined
  readonly puts: readonly PromiseSettledResult<unknown>[]
}

/** Codes of a holder that nothing has reached: worth another attempt. */
const awayCodes: ReadonlySet<string> = new Set(['link/down', 'link/overloaded'])

export class Batch {
  /** Settles once: when each block has its receipts, or when that is not to be. */
  readonly acknowledged: Promise<Added>
  readonly #blocks: readonly SealedBlock[]
  readonly #call: WriteOptions
  readonly #options: BatchOptions
  readonly #needed: number
  readonly #receipts: Receipt[] = []
  readonly #receiptCounts: number[]
  readonly #failures: { readonly holder: NodeId; readonly code: string }[] = []
  /** A batch that counts is finished in the background, within this. */
  readonly #patience: Patience
  readonly #wakers = new Set<() => void>()
  readonly #resolve: (added: Added) => void
  readonly #reject: (error: unknown) => void
  #isSettled = false

  constructor(blocks: readonly SealedBlock[], call: WriteOptions, options: BatchOptions) {
    this.#blocks = blocks
    this.#call = call
    this.#options = options
    this.#needed = receiptsNeeded(call.replicas)
    this.#receiptCounts = blocks.map(() => 0)
    this.#patience = new Patience(options.watch)
    const { promise, resolve, reject } = Promise.withResolvers<Added>()
    this.acknowledged = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Send to all holders; resolves when each has answered or was given up. Never rejects. */
  async start(): Promise<void> {
    const { signal, deadlineMs } = this.#call
    const onAbort = (): void =>
      this.#fail(new BlockError(BlockCode.Cancelled, 'the caller gave up', {}))
    const stopTimer = this.#options.clock.after(deadlineMs, () => this.#fail(this.#failure(true)))
    if (signal?.aborted === true) onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#wakers.add(() => {
      stopTimer()
      signal?.removeEventListener('abort', onAbort)
    })
    const shares = this.#shares()
    this.#patience.plan(shares, this.#needed)
    await Promise.all(shares.map((share) => this.#sendShare(share)))
    this.#patience.end()
    this.#fail(this.#failure(false))
  }

  /** After `start` has resolved: every holder took its whole share. */
  get isTaken(): boolean {
    return this.#failures.length === 0
  }

  #settle(): boolean {
    if (this.#isSettled) return false
    this.#isSettled = true
    for (const wake of this.#wakers) wake()
    this.#wakers.clear()
    return true
  }

  #fail(error: BlockError): void {
    if (!this.#settle()) return
    this.#patience.end()
    this.#reject(error)
  }

  #shares(): Share[] {
    const shares = new Map<NodeId, { readonly holder: NodeId; readonly indexes: number[] }>()
    for (const [index, block] of this.#blocks.entries()) {
      const holders = this.#options.placement.holdersOf(block.added.id, this.#call.replicas)
      for (const holder of holders) {
        const share = shares.get(holder)
        if (share === undefined) shares.set(holder, { holder, indexes: [index] })
        else share.indexes.push(index)
      }
    }
    return [...shares.values()]
  }

  async #sendShare(share: Share): Promise<void> {
    const { clock, self } = this.#options
    if (this.#patience.isHeldBack(share.holder)) {
      await this.#patience.needed
      if (this.#isSettled) return this.#failed(share, 'blocks/late', 'late, and not needed')
    }
    const waitUntilMs = clock.monotonicMs() + holderWaitMs
    for (let pauseMs = holderRetryFirstMs; ; pauseMs *= 2) {
      try {
        const isLocal = share.holder === self
        const answered = isLocal ? await this.#storeHere(share) : await this.#storeThere(share)
        this.#accept(share, answered)
        return
      } catch (error) {
        const code = isUnosysError(error) ? peerCodeOf(error) : 'internal'
        this.#patience.release()
        const isWorthIt = awayCodes.has(code) && clock.monotonicMs() < waitUntilMs
        if (isWorthIt && !this.#isSettled)
          await this.#pause(Math.min(pauseMs, holderRetryLongestMs))
        if (isWorthIt && !this.#isSettled) continue
        this.#failed(share, code, messageOf(error))
        return
      }
    }
  }

  /** Resolves after a while, or at once when the batch is settled. */
  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel()
        this.#wakers.delete(wake)
        resolve()
      }
      const cancel = this.#options.clock.after(delayMs, wake)
      this.#wakers.add(wake)
    })
  }

  #failed(share: Share, code: string, why: string): void {
    const { log, metrics } = this.#options
    this.#failures.push({ holder: share.holder, code })
    this.#patience.release()
    metrics.count('blocks.put_failed_count', share.indexes.length)
    log.debug('a holder did not take its blocks', {
      holder: share.holder,
      count: share.indexes.length,
      code,
      why,
    })
  }

  #blockAt(index: number): SealedBlock {
    const block = this.#blocks[index]
    assert(block !== undefined, 'a share names blocks of its batch')
    return block
  }

  async #storeHere(share: Share): Promise<Answered> {
    const { holder } = this.#options
    const blocks = share.indexes.map((index) => this.#blockAt(index))
    const { replicas } = this.#call
    const puts = blocks.map(({ added, sealed }) =>
      holder.store({ kind: 'put', block: added, replicas }, sealed),
    )
    const receipt = holder.receipt({
      kind: 'receipt',
      replicas,
      blocks: blocks.map(({ added }) => added),
    })
    const [results, reply] = await Promise.all([Promise.allSettled(puts), settled(receipt)])
    if (reply.status === 'rejected') throw reply.reason
    return { reply: reply.value, from: undefined, puts: results }
  }

  async #storeThere(share: Share): Promise<Answered> {
    const { links, metrics } = this.#options
    const { replicas } = this.#call
    const blocks = share.indexes.map((index) => this.#blockAt(index))
    metrics.count('blocks.put_sent_count', blocks.length)
    const signal = this.#patience.open(share.holder)
    const call: RequestOptions = { deadlineMs: putDeadlineMs, signal }
    const ask = (head: Uint8Array, sealed?: SealedBlock): Promise<IncomingMessage> => {
      const body = sealed && { bytes: sealed.sealed, hash: fromHex(sealed.added.hash) }
      const message = { channel: channels.blocks, head, ...(body && { body }) }
      return links.request(share.holder, message, call)
    }
    const puts = blocks.map((block) =>
      ask(encodeRequest({ kind: 'put', block: block.added, replicas }), block),
    )
    const added = blocks.map((block) => block.added)
    const receipt = ask(encodeRequest({ kind: 'receipt', replicas, blocks: added }))
    const [results, reply] = await Promise.all([Promise.allSettled(puts), settled(receipt)])
    this.#patience.closed(share.holder, reply)
    if (reply.status === 'rejected') throw reply.reason
    return { reply: decodeReceiptReply(reply.value.head), from: reply.value, puts: results }
  }

  /** Check a holder's receipt and count it. @throws BlockError for one that must not count. */
  #accept(share: Share, answered: Answered): void {
    const { reply } = answered
    const refused = answered.puts.find((put) => put.status === 'rejected')
    if (refused !== undefined && reply.taken.length === 0) throw refused.reason
    const leaves = reply.taken.map((place) => share.indexes[place])
    if (!areAll(leaves) || !this.#isGood(share.holder, reply, leaves)) {
      this.#accuse(share.holder, answered.from)
      throw new BlockError(BlockCode.Unconfirmed, 'a receipt that proves nothing', {})
    }
    const { placementEpoch, putMs, signature } = reply
    if (leaves.length > 0) {
      this.#receipts.push({ node: share.holder, placementEpoch, putMs, leaves, signature })
    }
    for (const index of leaves) {
      this.#receiptCounts[index] = (this.#receiptCounts[index] ?? 0) + 1
    }
    if (leaves.length < share.indexes.length) {
      const reason: unknown = refused?.reason
      const code = isUnosysError(reason) ? peerCodeOf(reason) : 'blocks/no-receipt'
      this.#failed(share, code, 'not all blocks were taken')
    }
    if (this.#isSettled || !this.#receiptCounts.every((count) => count >= this.#needed)) return
    this.#settle()
    this.#patience.enough()
    this.#resolve({
      blocks: this.#blocks.map(({ added }) => added),
      receipts: [...this.#receipts],
    })
  }

  #isGood(holder: NodeId, reply: ReceiptReply, leaves: readonly number[]): boolean {
    const { crypto, world, clock, placement } = this.#options
    if (reply.placementEpoch !== placement.epoch) return false
    if (Math.abs(reply.putMs - clock.wallMs()) > receiptSkewMsMax) return false
    const bytes = receiptBytesToSign(crypto, {
      world,
      placementEpoch: reply.placementEpoch,
      node: holder,
      putMs: reply.putMs,
      leaves: leaves.map((index) => fromHex(receiptLeafOf(crypto, this.#blockAt(index).added))),
    })
    return crypto.verify(fromHex(holder), bytes, reply.signature)
  }

  #accuse(peer: NodeId, from: IncomingMessage | undefined): void {
    const evidence =
      from === undefined
        ? {}
        : { evidence: encode((writer) => writeSignedMessage(writer, from.proof())) }
    this.#options.trust.report({ peer, kind: FaultKind.Malformed, about: 'a receipt', ...evidence })
  }

  #failure(isLate: boolean): BlockError {
    const reachable = Math.min(...this.#receiptCounts)
    const detail = { needed: this.#needed, reachable, reports: this.#failures }
    if (this.#failures.some(({ code }) => code === 'vault/full')) {
      return new BlockError(BlockCode.Full, 'holders have no room for the block', detail)
    }
    const isUnknown = isLate || this.#failures.some(({ code }) => code === 'link/deadline')
    const code = isUnknown ? BlockCode.Unconfirmed : BlockCode.TooFewHolders
    const message = `only ${reachable} of ${this.#needed} needed holders stored the block`
    return new BlockError(code, message, detail)
  }
}

const areAll = (indexes: readonly (number | undefined)[]): indexes is readonly number[] =>
  indexes.every((index) => index !== undefined)

async function settled<Value>(promise: Promise<Value>): Promise<PromiseSettledResult<Value>> {
  const [result] = await Promise.allSettled([promise])
  return result
}
