/**
 * A TCP proxy that makes faults: it stands between one Processor, which dials it, and another, to
 * which it leads. What it does can be changed at any time, and holds for connections that exist
 * too. Its owner closes it; nothing of it stays then.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { SimRandom } from '../../src/simulator/sim-random.ts'
import { ChunkCutter, type Cutter, FrameCutter } from './frames.ts'
import { Memory, Passage } from './passage.ts'
import { calm, type Door, type Rule, type WireFault } from './rule.ts'

/** `out`: from who dialled to the target. */
export type Direction = 'out' | 'back'

export type ProxyOptions = {
  readonly target: { readonly host: string; readonly port: number }
  readonly random: SimRandom
  /** Units are frames of WebSockets; else chunks as they are read. */
  readonly frames: boolean
  /** `connection` counts those of this proxy. */
  readonly onBytes?: (direction: Direction, bytes: Uint8Array, connection: number) => void
}

const host = '127.0.0.1'
const connectionsMax = 64

type Crossing = {
  /** Of who dialled, and of the target. */
  readonly near: Socket
  readonly far: Socket
  readonly out: Passage
  readonly back: Passage
  /** Cut at the near end: what is on its way out still arrives. */
  isGhost: boolean
}

export class FaultProxy {
  readonly #options: ProxyOptions
  readonly #server: Server
  readonly #crossings = new Set<Crossing>()
  /** Accepted and left alone. */
  readonly #silent = new Set<Socket>()
  readonly #rules: Record<Direction, Rule> = { out: calm, back: calm }
  readonly #memories: Record<Direction, Memory> = { out: new Memory(), back: new Memory() }
  readonly #faultCounts = new Map<WireFault, number>()
  #door: Door = 'open'
  #connectionNumber = 0

  private constructor(options: ProxyOptions) {
    this.#options = options
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      near.on('error', () => near.destroy())
      this.#onConnection(near)
    })
    this.#server.maxConnections = connectionsMax
  }

  /** Listens on a free port of this machine when the promise resolves. */
  static async open(options: ProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options)
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject)
      proxy.#server.listen({ host, port: 0 }, resolve)
    })
    return proxy
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy is closed')
    return address.port
  }

  get connectionCount(): number {
    return this.#crossings.size
  }

  /** How often each fault happened. */
  get faultCounts(): ReadonlyMap<WireFault, number> {
    return this.#faultCounts
  }

  /** From now on, for what is on its way too. */
  setRule(direction: Direction, rule: Rule): void {
    this.#rules[direction] = rule
    for (const crossing of this.#crossings) crossing[direction].wake()
  }

  /** For connections from now on. Those that were kept waiting end when it is no longer silent. */
  setDoor(door: Door): void {
    this.#door = door
    if (door === 'silent') return
    for (const socket of this.#silent) socket.destroy()
  }

  /** All connections break; what is on its way is lost. */
  cut(): void {
    for (const crossing of [...this.#crossings]) {
      this.#count('cut')
      this.#end(crossing)
    }
  }

  /**
   * All connections break for who dialled, and he may come again; but what he had sent is still on
   * its way, and meets the target beside or behind what the new connection brings.
   *
   * @param delayMs how much longer it takes.
   */
  overtake(delayMs: number): void {
    for (const crossing of [...this.#crossings]) {
      if (crossing.isGhost) continue
      crossing.isGhost = true
      this.#count('overtaken')
      crossing.back.close()
      crossing.near.destroy()
      const late = setTimeout(() => this.#end(crossing), delayMs)
      crossing.far.once('close', () => clearTimeout(late))
    }
  }

  /** One side vanishes without a word: the other's connections stay open, and nothing comes. */
  vanish(side: 'near' | 'far'): void {
    for (const crossing of this.#crossings) {
      if (crossing.isGhost) continue
      crossing.isGhost = true
      this.#count('vanished')
      crossing.out.close()
      crossing.back.close()
      const [gone, left] =
        side === 'near' ? [crossing.near, crossing.far] : [crossing.far, crossing.near]
      left.resume()
      left.once('end', () => this.#end(crossing))
      gone.destroy()
    }
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    this.cut()
    for (const socket of this.#silent) socket.destroy()
    await closed
  }

  #count(fault: WireFault): void {
    this.#faultCounts.set(fault, (this.#faultCounts.get(fault) ?? 0) + 1)
  }

  #onConnection(near: Socket): void {
    if (this.#door === 'refused') {
      this.#count('refused')
      near.resetAndDestroy()
      return
    }
    if (this.#door === 'silent') {
      this.#count('silent')
      this.#silent.add(near)
      near.once('close', () => this.#silent.delete(near))
      near.resume()
      return
    }
    const { target } = this.#options
    const far = connect({ ...target, allowHalfOpen: true, noDelay: true })
    // What the near end sends meanwhile waits in its socket.
    near.pause()
    const give = (): void => {
      far.destroy()
      near.destroy()
    }
    far.once('error', give)
    near.once('close', give)
    far.once('connect', () => {
      far.off('error', give)
      near.off('close', give)
      this.#join(near, far)
    })
  }

  #join(near: Socket, far: Socket): void {
    const { frames, random } = this.#options
    const connection = ++this.#connectionNumber
    const cutter = (): Cutter => (frames ? new FrameCutter() : new ChunkCutter())
    const passage = (direction: Direction, from: Socket, to: Socket): Passage =>
      new Passage({
        from,
        to,
        cutter: cutter(),
        random,
        memory: this.#memories[direction],
        rule: () => this.#rules[direction],
        onBytes: (bytes) => this.#options.onBytes?.(direction, bytes, connection),
        onFault: (fault) => this.#count(fault),
        onCut: () => this.#end(crossing),
      })
    const crossing: Crossing = {
      near,
      far,
      out: passage('out', near, far),
      back: passage('back', far, near),
      isGhost: false,
    }
    this.#crossings.add(crossing)
    for (const socket of [near, far]) {
      socket.on('error', () => socket.destroy())
      socket.once('close', () => this.#onClose(crossing, socket))
    }
    near.resume()
  }

  /** One end is gone: the other learns it, unless it is to believe that it is not. */
  #onClose(crossing: Crossing, socket: Socket): void {
    const isOver = crossing.near.destroyed && crossing.far.destroyed
    const isHeldOpen = crossing.isGhost && !isOver
    if (isHeldOpen) return
    // A close in order has been passed on as an end; the other end closes when it has read it.
    if (!isOver && socket.readableEnded && !socket.errored) return
    this.#end(crossing)
  }

  #end(crossing: Crossing): void {
    crossing.out.close()
    crossing.back.close()
    crossing.near.destroy()
    crossing.far.destroy()
    this.#crossings.delete(crossing)
  }
}
