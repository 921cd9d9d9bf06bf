/**
 * One direction of a simulated connection, as TCP gives it: first in, first out; nothing is lost
 * while it lasts; a window bounds what is under way, and what is beyond it waits at the sender.
 *
 * Only the head of the line has an event. When it arrives and cannot be handed over (the way is
 * blocked, the receiver is frozen, does not read, or does not listen yet), the pipe rests until
 * somebody wakes it: so order holds by construction, whatever happens in between.
 */
import type { Weather } from './weather.ts'

export type PipeItem =
  | { readonly kind: 'message'; readonly bytes: Uint8Array }
  | { readonly kind: 'ping' }
  | { readonly kind: 'pong' }
  | { readonly kind: 'close'; readonly reason: string }

/** What a pipe needs from the connection that it belongs to. */
export type PipeEnds = {
  nowMs(): number
  /** Schedule an event of the network itself (it outlives both nodes). */
  after(delayMs: number, task: () => void): () => void
  weather(): Weather
  /** Draws the time that one message spends under way. */
  drawDelayMs(): number
  /** Can the head be handed over now? */
  canDeliver(): boolean
  deliver(item: PipeItem): void
  /** The message was put on the line. False: the connection broke there. */
  onTaken(bytes: Uint8Array): boolean
  /** Fewer bytes wait at the sender. */
  onProgress(): void
}

type UnderWay = { readonly item: PipeItem; readonly arrivalMs: number }

const sizeOf = (item: PipeItem): number => (item.kind === 'message' ? item.bytes.length : 0)

export class SimPipe {
  readonly #ends: PipeEnds
  #unsent: PipeItem[] = []
  #unsentBytes = 0
  #line: UnderWay[] = []
  #lineBytes = 0
  #busyUntilMs = 0
  #lastArrivalMs = 0
  #cancelArrival: (() => void) | undefined
  #ended = false

  constructor(ends: PipeEnds) {
    this.#ends = ends
  }

  /** Bytes that the sender's operating system has not put on the line. */
  get waitingBytes(): number {
    const backlogMs = Math.max(0, this.#busyUntilMs - this.#ends.nowMs())
    return this.#unsentBytes + Math.floor(backlogMs * this.#ends.weather().bytesPerMs)
  }

  /** When `waitingBytes` will be down to `bytes` by itself; undefined while the window is full. */
  msUntilWaiting(bytes: number): number | undefined {
    if (this.#unsentBytes > 0) return undefined
    const { bytesPerMs } = this.#ends.weather()
    return Math.max(0, this.#busyUntilMs - this.#ends.nowMs() - bytes / bytesPerMs)
  }

  push(item: PipeItem): void {
    if (this.#ended) return
    this.#unsent.push(item)
    this.#unsentBytes += sizeOf(item)
    this.#pump()
  }

  #pump(): void {
    for (let item = this.#unsent[0]; item !== undefined; item = this.#unsent[0]) {
      const size = sizeOf(item)
      const { windowBytes, bytesPerMs } = this.#ends.weather()
      if (this.#lineBytes > 0 && this.#lineBytes + size > windowBytes) return
      this.#unsent.shift()
      this.#unsentBytes -= size
      this.#busyUntilMs = Math.max(this.#ends.nowMs(), this.#busyUntilMs) + size / bytesPerMs
      this.#append(item, this.#busyUntilMs + this.#ends.drawDelayMs())
      if (item.kind === 'message' && !this.#ends.onTaken(item.bytes)) return
    }
  }

  #append(item: PipeItem, arrivalMs: number): void {
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, arrivalMs)
    this.#line.push({ item, arrivalMs: this.#lastArrivalMs })
    this.#lineBytes += sizeOf(item)
    if (this.#line.length === 1) this.wake(0)
  }

  /** Something that kept the head from being handed over may be gone; try again in `delayMs`. */
  wake(delayMs: number): void {
    const head = this.#line[0]
    if (head === undefined || this.#cancelArrival !== undefined) return
    const waitMs = Math.max(delayMs, head.arrivalMs - this.#ends.nowMs())
    this.#cancelArrival = this.#ends.after(waitMs, () => this.#arrive())
  }

  #arrive(): void {
    this.#cancelArrival = undefined
    if (!this.#ends.canDeliver()) return
    const head = this.#line.shift()
    if (head === undefined) return
    this.#lineBytes -= sizeOf(head.item)
    this.#pump()
    this.wake(0)
    this.#ends.onProgress()
    this.#ends.deliver(head.item)
  }

  /**
   * The sender's end is gone: what waits there is lost, and all but the first `keptCount` under way
   * with it. A `lastWord` follows the rest; nothing else ever will.
   */
  end(keptCount: number, lastWord: PipeItem | undefined): void {
    if (this.#ended) return
    this.#ended = true
    this.#unsent = []
    this.#unsentBytes = 0
    const lost = this.#line.splice(keptCount)
    for (const { item } of lost) this.#lineBytes -= sizeOf(item)
    if (this.#line.length === 0) this.#stopArrival()
    this.#lastArrivalMs = this.#line.at(-1)?.arrivalMs ?? 0
    if (lastWord !== undefined)
      this.#append(lastWord, this.#ends.nowMs() + this.#ends.drawDelayMs())
  }

  /** A host that came up again answers for a connection that it knows nothing of. */
  answerReset(reason: string): void {
    this.#append({ kind: 'close', reason }, this.#ends.nowMs() + this.#ends.drawDelayMs())
  }

  /** The receiver's end is gone: nothing arrives any more. */
  drop(): void {
    this.end(0, undefined)
    this.#line = []
    this.#lineBytes = 0
    this.#stopArrival()
  }

  #stopArrival(): void {
    this.#cancelArrival?.()
    this.#cancelArrival = undefined
  }

  get underWayCount(): number {
    return this.#line.length
  }
}
