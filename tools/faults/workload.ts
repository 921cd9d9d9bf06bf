/**
 * A workload of files and directories: applications at several Processors at once, on the same
 * things. It goes on whatever happens to the world, and is judged when the world is whole again.
 */
import { UnosysClient } from '../../src/sdk/index.ts'
import { SimRandom } from '../../src/simulator/sim-random.ts'
import { until } from '../tour/until.ts'
import type { TourWorld } from '../tour/world.ts'
import { Application } from './application.ts'
import { History } from './history.ts'
import { Place } from './place.ts'
import { readEverything } from './reading.ts'

export type WorkloadOptions = {
  readonly world: TourWorld
  readonly seed: number
  /** Whether applications use this Processor; it must run, too. The default is all. */
  readonly through?: (n: number) => boolean
  readonly applicationCount?: number
  /** Mean pause of an application between calls. */
  readonly pauseMs?: number
  /** How long a call may wait for other Processors. */
  readonly deadlineMs?: number
  /** Ends all waiting. */
  readonly signal?: AbortSignal
  /** Everything lies below: a workload of its own for each. */
  readonly root?: string
}

const registerCount = 4
/** A directory or log is left behind after so many calls, so that judging it stays quick. */
const directoryCallsMax = 40
const logCallsMax = 300
/** Marks are sizes, from here on, so that a content can say which it is. */
const firstMark = 32
const markStep = 7
const largeMark = 70_000
const deadlineMsDefault = 5_000
const makeMsMax = 60_000

export class Workload {
  readonly history = new History()
  readonly #options: WorkloadOptions
  readonly #random: SimRandom
  readonly #clients: ReadonlyMap<number, UnosysClient>
  readonly #registers: readonly string[]
  readonly #logs: Place
  readonly #directories: Place
  #applications: readonly Application[] = []
  #running: Promise<unknown> = Promise.resolve()
  #startedAtMs = 0
  #stoppedAtMs: number | undefined

  constructor(options: WorkloadOptions) {
    const { world, seed, deadlineMs = deadlineMsDefault, root = '/public/work' } = options
    this.#options = options
    this.#random = new SimRandom(seed, 'workload')
    const clientOf = ({ api, token }: { readonly api: string; readonly token: string }) =>
      new UnosysClient({ api, token, deadlineMs })
    this.#clients = new Map(world.processors.map((one) => [one.n, clientOf(one)]))
    this.#registers = Array.from({ length: registerCount }, (_, at) => `${root}/file-${at}`)
    this.#logs = new Place({
      pathOf: (index) => `${root}/log-${index}`,
      callsMax: logCallsMax,
      make: async (path) => {
        await this.#anyClient().write(path, '', { parents: true })
      },
    })
    this.#directories = new Place({
      pathOf: (index) => `${root}/directory-${index}`,
      callsMax: directoryCallsMax,
      make: async (path) => {
        await this.#anyClient().mkdir(path, { parents: true })
      },
    })
  }

  /** Changes that were acknowledged so far. */
  get acknowledgedCount(): number {
    return this.history.acknowledgedAtMs.length
  }

  /** Resolves when the applications are at work. */
  async start(): Promise<void> {
    const { applicationCount = 4, pauseMs = 20, deadlineMs = deadlineMsDefault } = this.#options
    const { signal } = this.#options
    for (const place of [this.#logs, this.#directories]) {
      await until('the workload has its places', { deadlineMs: makeMsMax, signal }, async () => {
        await place.next()
        return true
      })
    }
    this.#startedAtMs = performance.now()
    this.#applications = Array.from({ length: applicationCount }, (_, index) => {
      return new Application({
        name: `app-${index}`,
        history: this.history,
        random: this.#random.fork(`app-${index}`),
        ground: {
          registers: this.#registers,
          log: () => this.#logs.take().path,
          directory: () => {
            const { path, callCount } = this.#directories.take()
            const large = callCount % 8 === 0 ? largeMark : 0
            return { path, mark: firstMark + callCount * markStep + large }
          },
        },
        through: () => this.#processorFor(index),
        pauseMs,
        deadlineMs,
      })
    })
    this.#running = Promise.all(this.#applications.map((application) => application.run()))
  }

  /** Resolves when so many more changes were acknowledged. @throws Error after `deadlineMs` */
  async progress(count: number, deadlineMs = 90_000): Promise<void> {
    const wanted = this.acknowledgedCount + count
    const limit = { deadlineMs, signal: this.#options.signal }
    await until(`${count} more changes are acknowledged`, limit, () => {
      return this.acknowledgedCount >= wanted
    })
  }

  /** Resolves when no call is under way. */
  async stop(): Promise<void> {
    for (const application of this.#applications) application.stop()
    this.#stoppedAtMs ??= performance.now()
    await this.#running
    await Promise.all([this.#logs.settled(), this.#directories.settled()])
  }

  /**
   * What is wrong, in words. All that was made is read through each Processor that is to be used:
   * what was acknowledged must be there, and the whole history one that one computer could give.
   */
  async verdict(): Promise<string[]> {
    const { world, through = () => true, signal } = this.#options
    const readers = world.running.filter(({ n }) => through(n))
    await readEverything({
      processors: readers.map(({ n }) => ({ n, client: this.#clientOf(n) })),
      history: this.history,
      registers: this.#registers,
      logs: this.#logs.paths,
      directories: this.#directories.paths,
      signal,
    })
    return this.history.verdict()
  }

  /** In one line, for people. */
  summary(): string {
    const { history, acknowledgedCount } = this
    const { readCount, openCount, refusedCount } = history
    const endMs = this.#stoppedAtMs ?? performance.now()
    const pauseMs = history.longestPauseMs(this.#startedAtMs, endMs)
    return (
      `${acknowledgedCount} changes acknowledged, ${openCount} open, ${refusedCount} refused, ` +
      `${readCount} reads; longest time without a change ${Math.round(pauseMs)} ms`
    )
  }

  #clientOf(n: number): UnosysClient {
    const client = this.#clients.get(n)
    if (client === undefined) throw new RangeError(`no Processor ${n}`)
    return client
  }

  /** Each application has a Processor of its own, and another one while that is not to be used. */
  #processorFor(index: number): { readonly n: number; readonly client: UnosysClient } | undefined {
    const { world, through = () => true } = this.#options
    const usable = world.running.filter(({ n }) => through(n))
    const own = (index % world.processors.length) + 1
    const { n } = usable.find((one) => one.n === own) ?? usable[index % usable.length] ?? { n: 0 }
    return n === 0 ? undefined : { n, client: this.#clientOf(n) }
  }

  #anyClient(): UnosysClient {
    const found = this.#processorFor(this.#random.below(this.#options.world.processors.length))
    if (found === undefined) throw new Error('no Processor is to be used')
    return found.client
  }
}
