/**
 * A simulated network between simulated processes, and all that can be wrong with it. Every choice
 * is drawn from the seed; nothing happens outside the scheduler.
 *
 * Nodes are told apart by the name of their process; addresses are any `host:port`. Troubles:
 * weather (delay, stalls, broken connections, refused dials) everywhere or from one node to
 * another; ways blocked in one direction or both; partitions; connections cut now; processes
 * killed; whole hosts gone without a word; a man in the middle.
 */
import { assert } from '../base/assert.ts'
import type { Transport, TransportOptions } from '../ports/transport.ts'
import type { Scheduler } from './scheduler.ts'
import { type ConnectionWays, SimConnection } from './sim-connection.ts'
import type { SimProcess } from './sim-process.ts'
import type { SimRandom } from './sim-random.ts'
import { SimTransport } from './sim-transport.ts'
import { calmWeather, type Weather } from './weather.ts'

/** Someone who listens. */
export type SimListening = {
  readonly address: string
  readonly process: SimProcess
  readonly options: TransportOptions
  readonly onConnection: (connection: SimConnection) => void
}

type Interceptor = ConnectionWays['intercept']

const firstFreePort = 49_152

const way = (from: string, to: string): string => `${from} > ${to}`

export class SimNetwork {
  readonly scheduler: Scheduler
  readonly #random: SimRandom
  readonly #processes = new Map<string, SimProcess>()
  readonly #listening = new Map<string, SimListening>()
  /** Which process last had an address: a dead host is silent, a dead process refuses. */
  readonly #lastOwners = new Map<string, string>()
  readonly #connections = new Set<SimConnection>()
  readonly #blockedWays = new Set<string>()
  readonly #silentHosts = new Set<string>()
  readonly #wayWeather = new Map<string, Weather>()
  #groupOf: ReadonlyMap<string, number> | undefined
  #weather: Weather
  #interceptor: Interceptor | undefined
  #watch: ((bytes: Uint8Array) => void) | undefined
  #connectionId = 0
  #nextPort = firstFreePort

  constructor(options: {
    readonly scheduler: Scheduler
    readonly random: SimRandom
    readonly weather?: Weather
  }) {
    this.scheduler = options.scheduler
    this.#random = options.random.fork('network')
    this.#weather = options.weather ?? calmWeather
  }

  /**
   * The transport of one process. When the process is killed, its connections and listeners end.
   *
   * @param host what listeners see as its address; by default the name of the process.
   */
  transport(process: SimProcess, host: string = process.name): Transport {
    const known = this.#processes.get(process.name)
    assert(known === undefined || known.state === 'dead', `${process.name} runs already`)
    this.#processes.set(process.name, process)
    this.#silentHosts.delete(process.name)
    process.onDeath(() => this.#died(process))
    process.onThaw(() => this.#wakeAll())
    this.#wakeAll()
    return new SimTransport(this, process, host)
  }

  /** Open connections, those that one side has not noticed to be broken included. */
  get connectionCount(): number {
    return this.#connections.size
  }

  // Troubles

  /** From now on and for everything not yet on its way. */
  setWeather(weather: Weather, only?: { readonly from: string; readonly to: string }): void {
    if (only === undefined) this.#weather = weather
    else this.#wayWeather.set(way(only.from, only.to), weather)
    this.scheduler.trace('network/weather', only?.from ?? '*', only?.to ?? '*')
  }

  /** Nothing arrives any more from one node at another; what is under way waits, as TCP has it. */
  block(only: { readonly from: string; readonly to: string }): void {
    this.#blockedWays.add(way(only.from, only.to))
    this.scheduler.trace('network/block', only.from, only.to)
  }

  unblock(only: { readonly from: string; readonly to: string }): void {
    this.#blockedWays.delete(way(only.from, only.to))
    this.scheduler.trace('network/unblock', only.from, only.to)
    this.#wakeAll()
  }

  /** Block one way for a while. */
  stall(only: { readonly from: string; readonly to: string; readonly forMs: number }): void {
    this.block(only)
    this.scheduler.after(only.forMs, () => this.unblock(only), 'stall ends')
  }

  /** Only members of the same group reach each other; whoever is in none forms one more group. */
  partition(groups: readonly (readonly string[])[]): void {
    const groupOf = new Map<string, number>()
    for (const [index, names] of groups.entries())
      for (const name of names) groupOf.set(name, index)
    this.#groupOf = groupOf
    this.scheduler.trace('network/partition', ...groups.map((names) => names.join('+')))
    this.#wakeAll()
  }

  /** No partition, no blocked ways, calm weather everywhere. Dead processes stay dead. */
  heal(): void {
    this.#groupOf = undefined
    this.#blockedWays.clear()
    this.#wayWeather.clear()
    this.#weather = calmWeather
    this.scheduler.trace('network/heal')
    this.#wakeAll()
  }

  /** Break every connection between two nodes; the ends hear of it as the weather lets them. */
  cut(a: string, b: string): void {
    for (const connection of [...this.#connections]) if (connection.joins(a, b)) connection.cut()
  }

  /**
   * Kill the process of that name.
   *
   * @param options.silent the whole host goes down: no peer is told. Peers that send to it hear of
   *   the end when a new process of that name has a transport.
   */
  crash(name: string, options: { readonly silent?: boolean } = {}): void {
    const process = this.#processes.get(name)
    assert(process !== undefined, `no process ${name}`)
    if (options.silent === true) this.#silentHosts.add(name)
    process.kill()
  }

  /** Sees all bytes that are put on a line, whether they arrive or not. */
  watchWith(watch: (bytes: Uint8Array) => void): void {
    this.#watch = watch
  }

  /**
   * Put a man in the middle: he is handed each message as it arrives and says what arrives in its
   * place (nothing, another, several). Undefined removes him.
   */
  interceptWith(interceptor: Interceptor | undefined): void {
    this.#interceptor = interceptor
  }

  // For SimTransport

  weatherOf(from: string, to: string): Weather {
    return this.#wayWeather.get(way(from, to)) ?? this.#weather
  }

  isBlocked(from: string, to: string): boolean {
    if (this.#blockedWays.has(way(from, to))) return true
    return this.#groupOf !== undefined && this.#groupOf.get(from) !== this.#groupOf.get(to)
  }

  drawDelayMs(from: string, to: string): number {
    return this.#random.skewed(this.weatherOf(from, to).delayMs)
  }

  drawDialFails(from: string, to: string): boolean {
    return this.#random.happens(this.weatherOf(from, to).dialFailChance)
  }

  listeningAt(address: string): SimListening | undefined {
    return this.#listening.get(address)
  }

  /** Name of the process that has or had this address. */
  ownerOf(address: string): string | undefined {
    return this.#lastOwners.get(address)
  }

  isHostUp(name: string): boolean {
    return !this.#silentHosts.has(name)
  }

  freePort(): number {
    return this.#nextPort++
  }

  addListening(listening: SimListening): void {
    this.#listening.set(listening.address, listening)
    this.#lastOwners.set(listening.address, listening.process.name)
    this.scheduler.trace('network/listen', listening.process.name, listening.address)
  }

  removeListening(listening: SimListening): void {
    if (this.#listening.get(listening.address) === listening)
      this.#listening.delete(listening.address)
  }

  /** Open connections that `listening` has accepted. */
  acceptedCount(listening: SimListening): number {
    let count = 0
    for (const connection of this.#connections)
      if (connection.listenerAddress === listening.address && !connection.listener.closed) count++
    return count
  }

  connect(options: {
    readonly dialler: SimProcess
    readonly diallerAddress: string
    readonly diallerOptions: TransportOptions
    readonly listening: SimListening
  }): SimConnection {
    const { listening } = options
    const id = this.#connectionId++
    const ways: ConnectionWays = {
      scheduler: this.scheduler,
      random: this.#random.fork(`connection ${options.dialler.name} ${listening.process.name}`),
      weather: (from, to) => this.weatherOf(from, to),
      isBlocked: (from, to) => this.isBlocked(from, to),
      isHostUp: (name) => this.isHostUp(name),
      intercept: (frame) => this.#interceptor?.(frame) ?? [frame.bytes],
      watch: (bytes) => this.#watch?.(bytes),
      onEnd: (ended) => this.#connections.delete(ended),
    }
    const connection = new SimConnection(ways, {
      id,
      dialler: options.dialler,
      diallerAddress: options.diallerAddress,
      diallerOptions: options.diallerOptions,
      listener: listening.process,
      listenerAddress: listening.address,
      listenerOptions: listening.options,
    })
    this.#connections.add(connection)
    return connection
  }

  #died(process: SimProcess): void {
    for (const listening of [...this.#listening.values()])
      if (listening.process === process) this.#listening.delete(listening.address)
    const silent = this.#silentHosts.has(process.name)
    for (const connection of [...this.#connections]) connection.diedAt(process, silent)
  }

  #wakeAll(): void {
    for (const connection of this.#connections) {
      const ends = [connection.dialler.process.name, connection.listener.process.name] as const
      connection.wake(this.drawDelayMs(...ends))
    }
  }
}
