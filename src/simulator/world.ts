/**
 * A whole world in one process: N Processors, each with every production layer of the kernel over
 * simulated ports, in virtual time, from one seed. The same seed gives the same run to the last
 * event; `traceHash` says so in 32 digits.
 *
 * Crypto and handshake are handed in: the simulator itself imports nothing but the kernel. Most
 * seeds take `quickCrypto`.
 */
import { type Executed, type MemberLimits, memberLimits } from '../kernel/group/index.ts'
import { blockBytesDefault, encodeAttributes } from '../kernel/objects/index.ts'
import { type DrawnWorld, drawWorld } from '../kernel/users/index.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { Handshake } from '../ports/handshake.ts'
import { type RunEnd, Scheduler } from './scheduler.ts'
import { worldStartWallMs } from './sim-clock.ts'
import { SimNetwork } from './sim-network.ts'
import { SimRandom } from './sim-random.ts'
import { type TraceListener, TraceRecorder } from './trace.ts'
import type { Weather } from './weather.ts'
import { WorldAgreement } from './world-agreement.ts'
import { exchange, type SimCall, type SimRequest, type SimResponse } from './world-http.ts'
import {
  addressOf,
  nameOf,
  type ProcessorStopped,
  SimProcessor,
  type WorldParts,
} from './world-processor.ts'
import { WorldSecrets } from './world-secrets.ts'

export type SimWorldOptions = {
  readonly seed: number | string
  /** Processors; the group is the largest 3f + 1 of them. */
  readonly nodeCount: number
  /** Default: 3, or as many as there are. */
  readonly defaultReplicas?: number
  readonly crypto: Crypto
  readonly handshake: Handshake
  /** One turn of the host's event loop; see `Scheduler`. */
  readonly settle: () => Promise<void>
  readonly weather?: Weather
  readonly onTrace?: TraceListener
  /** Default: those of production. */
  readonly memberLimits?: MemberLimits
}

/** More events than any healthy test needs: a storm ends a run instead of running for ever. */
const eventCountMaxDefault = 2_000_000
const shownLines = 30

export class SimWorld {
  readonly scheduler: Scheduler
  readonly network: SimNetwork
  /** The world's own dice, for troubles and workloads. */
  readonly random: SimRandom
  readonly crypto: Crypto
  /** All keys and the genesis document: whoever tests may look into everything. */
  readonly drawn: DrawnWorld
  /** In the order of their numbers: `processors[0]` is Processor 1. */
  readonly processors: readonly SimProcessor[]
  readonly #seed: number | string
  readonly #recorder: TraceRecorder
  /** Processors that stopped by themselves, or could not start. */
  readonly failures: Error[] = []
  /** Words that applications may write and name, and nobody else may see. */
  readonly secrets: WorldSecrets
  /** What the members that execute the log come to. */
  readonly agreement: WorldAgreement
  /** Processors that do not keep to the protocol, by number: nothing they say counts. */
  readonly liars = new Set<number>()
  /** Told when a member is about to write a snapshot; see `WorldChaos`. */
  onSnapshot: (processor: SimProcessor) => void = () => undefined
  /** Told of each Processor that stops by itself: true when that is as it should be. */
  explainsStop: (processor: SimProcessor, error: ProcessorStopped) => boolean = () => false
  /** Which parts of a Processor's kernel are others; asked at each start. See `byzantine/`. */
  alterationsOf: WorldParts['alterationsOf'] = () => undefined
  /** Failures that a test provoked are its own business. */
  toleratesStops = false

  private constructor(
    options: SimWorldOptions,
    parts: {
      readonly drawn: DrawnWorld
      readonly random: SimRandom
      readonly recorder: TraceRecorder
    },
  ) {
    const { crypto, handshake, settle, onTrace } = options
    const { drawn, random, recorder } = parts
    this.#seed = options.seed
    this.agreement = new WorldAgreement(crypto)
    this.crypto = crypto
    this.#recorder = recorder
    this.random = random
    this.drawn = drawn
    this.scheduler = new Scheduler({
      settle,
      onTrace: (event) => {
        recorder.listen(event)
        onTrace?.(event)
      },
    })
    this.secrets = new WorldSecrets(random.fork('secrets'))
    const weather = options.weather === undefined ? {} : { weather: options.weather }
    this.network = new SimNetwork({ scheduler: this.scheduler, random, ...weather })
    this.network.watchWith((bytes) => this.secrets.look('on the network', [bytes]))
    const shared: WorldParts = {
      scheduler: this.scheduler,
      network: this.network,
      crypto,
      handshake,
      genesis: drawn.genesis,
      peers: drawn.nodes.map(({ node }, index) => ({ node, address: addressOf(index + 1) })),
      memberOptions: (n) => ({
        limits: options.memberLimits ?? memberLimits,
        onExecuted: (executed) => this.#executed(n, executed),
      }),
      onFailure: (processor, error) => {
        if (!this.explainsStop(processor, error)) this.failures.push(error)
      },
      onBytes: (where, parts) => this.secrets.look(where, parts),
      onName: (where, name) => this.secrets.lookAtText(where, name),
      alterationsOf: (processor, process) => this.alterationsOf(processor, process),
    }
    this.processors = drawn.nodes.map(({ node, keys }, index) => {
      const n = index + 1
      return new SimProcessor(shared, { n, node, keys, random: random.fork(`processor ${n}`) })
    })
  }

  #executed(n: number, { state, isSnapshot }: Executed): void {
    if (!this.liars.has(n)) this.agreement.executed(n, state)
    if (isSnapshot) this.onSnapshot(this.processor(n))
  }

  /** Draw a world from the seed. No Processor runs yet. */
  static async create(options: SimWorldOptions): Promise<SimWorld> {
    const { crypto, nodeCount } = options
    const random = new SimRandom(options.seed, 'world')
    const attributes = encodeAttributes({ volume: false, blockBytes: blockBytesDefault })
    const drawn = await drawWorld(
      { crypto, random: random.fork('genesis') },
      {
        nodeCount,
        defaultReplicas: options.defaultReplicas ?? Math.min(3, nodeCount),
        createdMs: worldStartWallMs,
        attributesOf: () => attributes,
      },
    )
    return new SimWorld(options, { drawn, random, recorder: new TraceRecorder() })
  }

  /** Processor `n`, from 1. */
  processor(n: number): SimProcessor {
    const found = this.processors[n - 1]
    if (found === undefined) throw new RangeError(`there is no Processor ${n}`)
    return found
  }

  /** Start those named, all by default, and wait until they are ready and a quorum is linked. */
  async start(...numbers: readonly number[]): Promise<void> {
    const started = numbers.length === 0 ? this.processors : numbers.map((n) => this.processor(n))
    for (const processor of started) processor.start()
    await this.until(() => started.every((one) => one.isReady && one.kernel.status().ready))
  }

  /** The network falls into groups of Processors, named by number. */
  partition(...groups: readonly (readonly number[])[]): void {
    this.network.partition(groups.map((group) => group.map(nameOf)))
  }

  heal(): void {
    this.network.heal()
  }

  /** Begin an exchange with Processor `n` as an application with the owner's token. */
  request(n: number, request: SimRequest): SimCall {
    const { process, kernel } = this.processor(n)
    return exchange({ process, handler: kernel.handler, token: this.drawn.token }, request)
  }

  /** An exchange to its end. */
  call(n: number, request: SimRequest): Promise<SimResponse> {
    return this.finish(this.request(n, request).done)
  }

  /** Run until `work` settles. @throws what it throws, or when the run ends before. */
  async finish<Value>(work: Promise<Value>): Promise<Value> {
    let isSettled = false
    const settled = (): void => {
      isSettled = true
    }
    work.then(settled, settled)
    await this.until(() => isSettled)
    return work
  }

  /** Run until `reached` holds. @throws with the last events when it does not come to that. */
  async until(
    reached: () => boolean,
    budget: { readonly eventCountMax?: number; readonly timeMsMax?: number } = {},
  ): Promise<void> {
    const eventCountMax = budget.eventCountMax ?? eventCountMaxDefault
    const end = await this.#run({ ...budget, eventCountMax, until: reached })
    if (end !== 'reached') throw this.#stuck(end)
  }

  /** Let virtual time pass. */
  async pass(timeMs: number): Promise<void> {
    const end = await this.#run({ timeMsMax: timeMs, eventCountMax: eventCountMaxDefault })
    if (end === 'events') throw this.#stuck(end)
  }

  async #run(options: {
    readonly until?: () => boolean
    readonly eventCountMax: number
    readonly timeMsMax?: number
  }): Promise<RunEnd> {
    const hasFailed = (): boolean => this.failures.length > 0 && !this.toleratesStops
    const { agreement, secrets } = this
    const fault = (): string | undefined => agreement.fault ?? secrets.fault
    const end = await this.scheduler.run({
      ...options,
      until: () => hasFailed() || fault() !== undefined || options.until?.() === true,
    })
    if (fault() !== undefined) throw new Error(`${this.#whichRun}: ${fault()}`)
    if (hasFailed()) throw this.failures[0]
    return end
  }

  #stuck(end: RunEnd): Error {
    const why = {
      reached: 'reached',
      idle: 'nothing more happens',
      events: 'too many events',
      time: 'too much time',
    }[end]
    const lines = this.lastLines(shownLines).join('\n')
    return new Error(`${this.#whichRun}: the run does not get there: ${why}\n${lines}`)
  }

  get #whichRun(): string {
    return `seed ${this.#seed} with ${this.processors.length} Processors`
  }

  /** Over everything that happened so far. */
  get traceHash(): string {
    return this.#recorder.hash
  }

  /** The last events as lines, oldest first. */
  lastLines(countMax: number): string[] {
    return this.#recorder.lastLines(countMax)
  }
}
