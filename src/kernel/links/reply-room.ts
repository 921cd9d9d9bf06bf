/**
 * Room for the replies to one peer. A reply of more than `smallReplyBytes` is made when few others
 * are being made and the peer has read most of those before it; until then its request waits in
 * line, in the order in which room was asked for.
 *
 * Whoever has room does what ends by itself (it reads a disk), so the line moves on as the peer
 * reads, and only it is hurt when it does not.
 */
import type { Room } from './interface.ts'
import type { LinkLimits } from './limits.ts'

/** For who answers this node itself. */
export const roomHere: Room = () => Promise.resolve()

type Turn = () => void

export class ReplyRoom {
  readonly #limits: Pick<LinkLimits, 'repliesMadeMax' | 'replyBytesMax'>
  readonly #line = new Set<Turn>()
  #makingCount = 0
  #queuedBytes = 0
  #admitting = false

  constructor(limits: Pick<LinkLimits, 'repliesMadeMax' | 'replyBytesMax'>) {
    this.#limits = limits
  }

  /** True: who enters now has its turn at once. */
  get isFree(): boolean {
    return this.#line.size === 0 && this.#hasRoom
  }

  get #hasRoom(): boolean {
    const { repliesMadeMax, replyBytesMax } = this.#limits
    return this.#makingCount < repliesMadeMax && this.#queuedBytes <= replyBytesMax
  }

  /** `turn` is called, perhaps at once, when its reply can be made; `made` must follow. */
  enter(turn: Turn): void {
    this.#line.add(turn)
    this.#admit()
  }

  /** Out of the line, without a turn. */
  leave(turn: Turn): void {
    this.#line.delete(turn)
  }

  /** A reply for which there was room is there, or never will be. */
  made(): void {
    this.#makingCount--
    this.#admit()
  }

  queued(bytes: number): void {
    this.#queuedBytes += bytes
  }

  /** The socket took a reply, or nobody wants it any more. */
  taken(bytes: number): void {
    this.#queuedBytes -= bytes
    this.#admit()
  }

  close(): void {
    this.#line.clear()
  }

  #admit(): void {
    // A handler that answers at once comes here again: it goes on in the loop, not deeper.
    if (this.#admitting) return
    this.#admitting = true
    for (const turn of this.#line) {
      if (!this.#hasRoom) break
      this.#line.delete(turn)
      this.#makingCount++
      turn()
    }
    this.#admitting = false
  }
}
