/**
 * The holder's side: stores what it is sent if placement says that it should, signs one receipt
 * over a batch, and answers reads. A writer sends its puts and, right behind them on the same FIFO
 * link, one receipt request: the receipt waits for the puts that came before it, so that a batch
 * costs one round trip.
 */
import { discard, fromHex, toHex } from '../../base/bytes.ts'
import { isUnosysError, UnosysError } from '../../base/error.ts'
import type { NodeId, WorldId } from '../../base/ids.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Metrics } from '../../ports/metrics.ts'
import { roomHere } from '../links/index.ts'
import type { ChannelHandler, IncomingMessage, OutgoingMessage, Room } from '../links/interface.ts'
import type { Placement } from '../placement/index.ts'
import { type AddedBlock, receiptBytesToSign, receiptLeafOf } from '../section/index.ts'
import type { BlockCopy, BlockKey, StoredBlock, Vault } from '../vault/interface.ts'
import { storedFactsMax } from './limits.ts'
import {
  decodeRequest,
  encodeGetReply,
  encodeReceiptReply,
  GetStatus,
  noReleaseTag,
  type PutRequest,
  putDone,
  type ReceiptReply,
  type ReceiptRequest,
} from './wire.ts'

export type HolderOptions = {
  readonly self: NodeId
  readonly world: WorldId
  /** This node's Ed25519 secret key. */
  readonly nodeSecretKey: Uint8Array
  readonly crypto: Crypto
  readonly clock: Clock
  readonly vault: Vault
  readonly placement: Placement
  readonly metrics: Metrics
  /** A copy was found damaged or missing: it may be fetched again. */
  readonly onDamaged: (key: BlockKey) => void
  /** The disk failed: this node must stop. */
  readonly onFatal: (error: Error) => void
}

/** A holder refused a put; the writer sees it as `peerCode`. */
class PutRefused extends UnosysError<
  'blocks/not-holder' | 'blocks/wrong-body',
  Record<string, never>
> {}

type Facts = { readonly sealedBytes: number; readonly releaseTag: Uint8Array }

export const keyText = (key: BlockKey): string => `${key.id}.${key.version}.${key.hash}`

const statusOfCode: Readonly<Record<string, GetStatus>> = {
  'vault/missing': GetStatus.Missing,
  'vault/name-changed': GetStatus.NameChanged,
  'vault/content-changed': GetStatus.ContentChanged,
  'vault/busy': GetStatus.Busy,
}

/** A peer's own code where it sent one. */
export function peerCodeOf(error: { readonly code: string; readonly detail: unknown }): string {
  const detail = error.detail
  if (typeof detail === 'object' && detail !== null && 'peerCode' in detail) {
    if (typeof detail.peerCode === 'string') return detail.peerCode
  }
  return error.code
}

export class Holder {
  readonly #options: HolderOptions
  /** Puts that came and are not durable yet. */
  readonly #pending = new Map<string, Promise<void>>()
  /** What came with the newest blocks that this run stored: a receipt speaks of that too. */
  readonly #stored = new Map<string, Facts>()

  constructor(options: HolderOptions) {
    this.#options = options
  }

  /** Store one block; resolves when durable. @throws VaultError, and refusals by placement. */
  store(request: PutRequest, sealed: Uint8Array): Promise<void> {
    const { block, replicas } = request
    if (!this.#holds(block.id, replicas)) {
      return Promise.reject(
        new PutRefused('blocks/not-holder', 'this node is not a holder of the block', {}),
      )
    }
    const name = keyText(block)
    const stored = this.#put({ ...block, sealed })
    const tracked = stored.finally(() => {
      if (this.#pending.get(name) === tracked) this.#pending.delete(name)
    })
    this.#pending.set(name, tracked)
    return tracked
  }

  async #put(block: StoredBlock): Promise<void> {
    const { vault } = this.#options
    // Of two puts of one block the first one's facts are kept with it.
    const isNew = !vault.has(block) && !this.#pending.has(keyText(block))
    try {
      await vault.put(block)
      if (isNew) this.#remember(block)
    } catch (error) {
      // A failed sync is never retried as if nothing was lost: no receipt, and no further service.
      if (isUnosysError(error, 'vault/failed')) this.#options.onFatal(error)
      throw error
    }
  }

  #remember(block: StoredBlock): void {
    const { releaseTag, sealed } = block
    // Not the caller's array: that is a view into a whole frame.
    this.#stored.set(keyText(block), {
      releaseTag: releaseTag.slice(),
      sealedBytes: sealed.length,
    })
    if (this.#stored.size <= storedFactsMax) return
    const oldest = this.#stored.keys().next()
    if (oldest.done === false) this.#stored.delete(oldest.value)
  }

  /** Sign for all blocks of the request that are here durably, waiting for those on their way. */
  async receipt(request: ReceiptRequest, room: Room = roomHere): Promise<ReceiptReply> {
    const { placement, crypto, clock, self, world, nodeSecretKey } = this.#options
    const taken: number[] = []
    const leaves: Uint8Array[] = []
    for (const [index, block] of request.blocks.entries()) {
      if (!(await this.#isDurable(block, room))) continue
      taken.push(index)
      leaves.push(fromHex(receiptLeafOf(crypto, block)))
    }
    const putMs = clock.wallMs()
    const bytes = receiptBytesToSign(crypto, {
      world,
      placementEpoch: placement.epoch,
      node: self,
      putMs,
      leaves,
    })
    const signature = crypto.sign(nodeSecretKey, bytes)
    return { taken, placementEpoch: placement.epoch, putMs, signature }
  }

  /** Read a copy; one that was here and is damaged or gone is reported to `onDamaged`. */
  async fetch(key: BlockKey): Promise<{ status: GetStatus; copy?: BlockCopy }> {
    const wasHere = this.#options.vault.has(key)
    try {
      return { status: GetStatus.Intact, copy: await this.#options.vault.get(key) }
    } catch (error) {
      const status = isUnosysError(error) ? statusOfCode[error.code] : undefined
      if (status === undefined) throw error
      // Anybody may ask for anything: a block that was never here is nothing to look for.
      if (status === GetStatus.Missing && !wasHere) return { status: GetStatus.Absent }
      if (status === GetStatus.Busy) return { status }
      this.#options.onDamaged(key)
      return { status }
    }
  }

  handler(): ChannelHandler {
    return {
      asksForRoom: true,
      onRequest: (message, _signal, room) => this.#onRequest(message, room),
    }
  }

  async #onRequest(
    message: IncomingMessage,
    room: Room,
  ): Promise<Omit<OutgoingMessage, 'channel'>> {
    const request = decodeRequest(message.head)
    switch (request.kind) {
      case 'put': {
        const body = message.body
        const { block } = request
        if (
          body === undefined ||
          body.bytes.length !== block.sealedBytes ||
          toHex(body.hash) !== block.hash
        ) {
          throw new PutRefused('blocks/wrong-body', 'body is not the block that was announced', {})
        }
        try {
          await this.store(request, body.bytes)
        } finally {
          // On the disk, or refused: nobody but this request ever had it.
          discard(body.bytes)
        }
        return { head: putDone }
      }
      case 'receipt':
        return { head: encodeReceiptReply(await this.receipt(request, room)) }
      case 'get': {
        const { key } = request
        await room()
        this.#options.metrics.count('blocks.get_served_count')
        const { status, copy } = await this.fetch(key)
        const head = encodeGetReply({ key, status, releaseTag: copy?.releaseTag ?? noReleaseTag })
        if (copy === undefined) return { head }
        return { head, body: { bytes: copy.sealed, hash: fromHex(key.hash) } }
      }
    }
  }

  #holds(id: AddedBlock['id'], replicas: number): boolean {
    const { placement, self } = this.#options
    if (replicas > placement.members.length) return false
    return placement.holdersOf(id, replicas).includes(self)
  }

  /** Here, durable, and with the length and release tag that the receipt would confirm. */
  async #isDurable(block: AddedBlock, room: Room): Promise<boolean> {
    const name = keyText(block)
    try {
      await this.#pending.get(name)
    } catch {
      // The writer learns the reason from the put's own answer; here it only does not count.
      return false
    }
    const { vault, crypto } = this.#options
    if (!vault.has(block)) return false
    const facts = this.#stored.get(name) ?? (await this.#factsOf(block, room))
    if (facts === undefined) return false
    return (
      facts.sealedBytes === block.sealedBytes && crypto.equal(facts.releaseTag, block.releaseTag)
    )
  }

  /** Of a block that a former run stored, or that was stored long ago: from its file. */
  async #factsOf(key: BlockKey, room: Room): Promise<Facts | undefined> {
    // The receipt is small, and what is read for it is not.
    await room()
    const { copy } = await this.fetch(key)
    return copy && { sealedBytes: copy.sealed.length, releaseTag: copy.releaseTag }
  }
}
