/**
 * A simulated connection: two ends and a pipe in each direction. It ends in one of three ways:
 * one side closes it (or its process is killed, which the operating system answers in the same
 * way), the line breaks (both sides hear of it later), or a host goes down without a word, and
 * then the other side hears nothing until that host is up again and the other side sends.
 *
 * However it ends, a random suffix of what was under way is lost: nobody may rely on the last
 * messages before an end.
 */
import type { TransportOptions } from '../ports/transport.ts'
import { Mixer } from './mix.ts'
import type { Scheduler } from './scheduler.ts'
import { SimEnd } from './sim-end.ts'
import { type PipeItem, SimPipe } from './sim-pipe.ts'
import type { SimProcess } from './sim-process.ts'
import type { SimRandom } from './sim-random.ts'
import type { Weather } from './weather.ts'

/** What a connection asks of the network that it runs through. */
export type ConnectionWays = {
  readonly scheduler: Scheduler
  readonly random: SimRandom
  weather(from: string, to: string): Weather
  isBlocked(from: string, to: string): boolean
  isHostUp(name: string): boolean
  /** What arrives in the place of a message: a man in the middle. */
  intercept(frame: { from: string; to: string; bytes: Uint8Array }): readonly Uint8Array[]
  /** Sees what is put on the line. */
  watch(bytes: Uint8Array): void
  onEnd(connection: SimConnection): void
}

/** First and last bytes of each message that go into the trace; the length does always. */
const tracedBytes = 64

function digestOf(bytes: Uint8Array): number {
  const mixer = new Mixer().bytes(bytes.subarray(0, tracedBytes))
  return mixer.bytes(bytes.subarray(-tracedBytes)).digest()[0]
}

export class SimConnection {
  readonly id: number
  readonly dialler: SimEnd
  readonly listener: SimEnd
  readonly listenerAddress: string
  readonly #ways: ConnectionWays
  readonly #toListener: SimPipe
  readonly #toDialler: SimPipe

  constructor(
    ways: ConnectionWays,
    options: {
      readonly id: number
      readonly dialler: SimProcess
      readonly diallerAddress: string
      readonly diallerOptions: TransportOptions
      readonly listener: SimProcess
      readonly listenerAddress: string
      readonly listenerOptions: TransportOptions
    },
  ) {
    this.#ways = ways
    this.id = options.id
    this.listenerAddress = options.listenerAddress
    this.dialler = new SimEnd(this, {
      process: options.dialler,
      initiator: true,
      remoteAddress: options.listenerAddress,
      messageBytesMax: options.diallerOptions.messageBytesMax,
    })
    this.listener = new SimEnd(this, {
      process: options.listener,
      initiator: false,
      remoteAddress: options.diallerAddress,
      messageBytesMax: options.listenerOptions.messageBytesMax,
    })
    this.#toListener = this.#pipe(this.dialler, this.listener)
    this.#toDialler = this.#pipe(this.listener, this.dialler)
    this.#trace('open', [this.dialler, this.listener])
  }

  #trace(what: string, ends: readonly [SimEnd, SimEnd], ...facts: (string | number)[]): void {
    const names = ends.map((end) => end.process.name)
    this.#ways.scheduler.trace(`network/${what}`, this.id, ...names, ...facts)
  }

  #pipe(from: SimEnd, to: SimEnd): SimPipe {
    const { scheduler, random } = this.#ways
    const weather = (): Weather => this.#ways.weather(from.process.name, to.process.name)
    return new SimPipe({
      nowMs: () => scheduler.nowMs,
      after: (delayMs, task) => scheduler.after(delayMs, task, `arrive ${this.id}`),
      weather,
      drawDelayMs: () => {
        const delayMs = random.skewed(weather().delayMs)
        const stallMs = random.between(weather().stallMs)
        return delayMs + (random.happens(weather().stallChance) ? stallMs : 0)
      },
      canDeliver: () => this.#canDeliver(from, to),
      deliver: (item) => this.#deliver(from, to, item),
      onTaken: (bytes) => {
        this.#trace('send', [from, to], bytes.length)
        this.#ways.watch(bytes)
        if (!random.happens(weather().cutChance)) return true
        this.cut()
        return false
      },
      onProgress: () => from.lookForDrain(),
    })
  }

  #canDeliver(from: SimEnd, to: SimEnd): boolean {
    if (this.#ways.isBlocked(from.process.name, to.process.name)) return false
    if (to.process.state === 'dead') return this.#ways.isHostUp(to.process.name)
    return to.canRead
  }

  #deliver(from: SimEnd, to: SimEnd, item: PipeItem): void {
    if (to.closed && to.process.state !== 'dead') return
    if (to.process.state === 'dead') {
      this.pipeTo(to).drop()
      // Nobody answers a reset: else two dead ends would go on answering each other.
      if (item.kind !== 'close') this.pipeFrom(to).answerReset('connection reset')
      return
    }
    if (item.kind !== 'message') {
      this.#trace(item.kind, [from, to])
      to.receive(item)
      return
    }
    const frame = { from: from.process.name, to: to.process.name, bytes: item.bytes }
    for (const bytes of this.#ways.intercept(frame)) {
      if (to.closed) return
      this.#trace('deliver', [from, to], bytes.length, digestOf(bytes))
      to.receive({ kind: 'message', bytes })
    }
  }

  pipeFrom(end: SimEnd): SimPipe {
    return end === this.dialler ? this.#toListener : this.#toDialler
  }

  pipeTo(end: SimEnd): SimPipe {
    return end === this.dialler ? this.#toDialler : this.#toListener
  }

  /** A random prefix of what is under way still arrives. */
  #endPipe(pipe: SimPipe, lastWord: PipeItem | undefined): void {
    pipe.end(this.#ways.random.below(pipe.underWayCount + 1), lastWord)
  }

  closeBy(end: SimEnd, reason: string): void {
    this.#trace('close-by', [end, end === this.dialler ? this.listener : this.dialler], reason)
    this.#endPipe(this.pipeFrom(end), { kind: 'close', reason: 'closed by the peer' })
    this.endedAt(end)
  }

  /** This end is over; when both are, the network forgets the connection. */
  endedAt(end: SimEnd): void {
    end.markClosed()
    this.pipeTo(end).drop()
    const other = end === this.dialler ? this.listener : this.dialler
    if (other.closed || other.process.state === 'dead') this.#ways.onEnd(this)
  }

  /** The line breaks: both ends hear of it once the rest of what they sent is through. */
  cut(): void {
    this.#trace('cut', [this.dialler, this.listener])
    this.#endPipe(this.#toListener, { kind: 'close', reason: 'connection reset' })
    this.#endPipe(this.#toDialler, { kind: 'close', reason: 'connection reset' })
  }

  /**
   * The process at one end is dead.
   *
   * @param silent the whole host went down: nobody tells the other end.
   */
  diedAt(process: SimProcess, silent: boolean): void {
    for (const end of [this.dialler, this.listener]) {
      if (end.process !== process || end.closed) continue
      end.markClosed()
      const lastWord: PipeItem = { kind: 'close', reason: 'connection reset' }
      this.#endPipe(this.pipeFrom(end), silent ? undefined : lastWord)
      if (!silent) this.pipeTo(end).drop()
    }
    if (this.dialler.closed && this.listener.closed) this.#ways.onEnd(this)
  }

  /** The way may be free again. */
  wake(delayMs: number): void {
    this.#toListener.wake(delayMs)
    this.#toDialler.wake(delayMs)
  }

  joins(from: string, to: string): boolean {
    const ends = [this.dialler.process.name, this.listener.process.name]
    return ends.includes(from) && ends.includes(to)
  }
}
