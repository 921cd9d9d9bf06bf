/**
 * A world of real Processors for the tour and its tests: real processes started by the code that
 * `npm start` uses, in a folder of their own, each of which can be killed, stopped, frozen and
 * started again by itself.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createWorld } from '../../src/main/create-world.ts'
import { freePorts } from '../../src/main/free-ports.ts'
import {
  type ProcessorError,
  type ProcessorExit,
  type ProcessorProcess,
  spawnProcessor,
} from '../../src/main/processor-process.ts'
import { type Status, UnosysClient } from '../../src/sdk/index.ts'
import { until } from './until.ts'

const stopGraceMs = 15_000
const readyMsMax = 60_000

/** Below the range that systems give to outgoing connections, and different for each world. */
const randomPort = (): number => 12_000 + Math.floor(Math.random() * 18_000)

export type TourWorldOptions = {
  /** Made if it is not there; must be empty. */
  readonly folder: string
  readonly nodeCount: number
  readonly defaultReplicas?: number
}

/** One Processor of the world: its folder, its process while it runs, its API. */
export class TourProcessor {
  readonly n: number
  readonly folder: string
  readonly api: string
  readonly linkAddress: string
  readonly client: UnosysClient
  readonly token: string
  #process: ProcessorProcess | undefined
  #failure: ProcessorError | undefined

  constructor(fixed: {
    readonly n: number
    readonly folder: string
    readonly httpPort: number
    readonly linkAddress: string
    readonly token: string
  }) {
    this.n = fixed.n
    this.folder = fixed.folder
    this.api = `http://127.0.0.1:${fixed.httpPort}`
    this.linkAddress = fixed.linkAddress
    this.token = fixed.token
    this.client = new UnosysClient({ api: this.api, token: fixed.token })
  }

  get isRunning(): boolean {
    return this.#process !== undefined
  }

  /** Why its last process ended, as far as it said. */
  get failure(): ProcessorError | undefined {
    return this.#failure
  }

  /** Process id. @throws Error when it does not run. */
  get pid(): number {
    return this.#running().pid
  }

  /**
   * Start its process; resolves when its API answers.
   *
   * @param options.program in the place of the Processor's own, for tests.
   * @throws ProcessorError
   */
  async start(options: { readonly program?: string } = {}): Promise<void> {
    if (this.#process !== undefined) throw new Error(`Processor ${this.n} runs already`)
    const started = spawnProcessor({ dataFolder: this.folder, ...options })
    this.#process = started
    void started.exited.then(() => {
      if (this.#process !== started) return
      this.#process = undefined
      this.#failure = started.failure()
    })
    await started.ready
  }

  /** `SIGKILL`; resolves when the process is gone. */
  async kill(): Promise<ProcessorExit> {
    return this.#running().kill()
  }

  /** Ask it to stop; resolves when the process is gone. */
  async stop(): Promise<ProcessorExit> {
    return this.#running().stop(stopGraceMs)
  }

  /** `SIGSTOP`: the process stays, and does nothing. */
  freeze(): void {
    process.kill(this.pid, 'SIGSTOP')
  }

  /** `SIGCONT` */
  thaw(): void {
    process.kill(this.pid, 'SIGCONT')
  }

  status(): Promise<Status> {
    return this.client.status()
  }

  #running(): ProcessorProcess {
    if (this.#process === undefined) throw new Error(`Processor ${this.n} does not run`)
    return this.#process
  }
}

export class TourWorld {
  readonly folder: string
  readonly processors: readonly TourProcessor[]
  readonly token: string

  constructor(folder: string, processors: readonly TourProcessor[], token: string) {
    this.folder = folder
    this.processors = processors
    this.token = token
  }

  /** Processor `n`, counted from 1. */
  at(n: number): TourProcessor {
    const processor = this.processors[n - 1]
    if (processor === undefined) throw new RangeError(`the world has no Processor ${n}`)
    return processor
  }

  get running(): readonly TourProcessor[] {
    return this.processors.filter((processor) => processor.isRunning)
  }

  /** Start all that do not run; resolves when each answers and sees every other. */
  async start(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    await Promise.all(
      this.processors.filter(({ isRunning }) => !isRunning).map((one) => one.start()),
    )
    await this.allMeet(options)
  }

  /** Resolves when every running Processor has a link to every other running one. */
  async allMeet({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const wanted = this.running.length
    const limit = { deadlineMs: readyMsMax, signal }
    await until('all Processors see each other', limit, async () => {
      const all = await Promise.all(this.running.map((processor) => processor.status()))
      return all.every(
        (status) => status.ready && status.processors.filter(({ up }) => up).length >= wanted,
      )
    })
  }

  /** Stop all that run, and wait for the ends of their processes. */
  stop(): Promise<readonly ProcessorExit[]> {
    return Promise.all(this.running.map((processor) => processor.stop()))
  }

  /** End everything at once, whatever it is doing. For the end of a test that failed. */
  async killAll(): Promise<void> {
    await Promise.all(this.running.map((processor) => processor.kill()))
  }
}

/** Draw a world and write its folders; nothing runs yet. */
export async function makeTourWorld(options: TourWorldOptions): Promise<TourWorld> {
  const { folder, nodeCount } = options
  const ports = await freePorts(nodeCount * 2, randomPort(), [])
  const httpPorts = ports.slice(0, nodeCount)
  const linkAddresses = ports.slice(nodeCount).map((port) => `127.0.0.1:${port}`)
  const replicas =
    options.defaultReplicas === undefined ? {} : { defaultReplicas: options.defaultReplicas }
  const created = await createWorld({
    outFolder: folder,
    nodeCount,
    httpPorts,
    linkAddresses,
    ...replicas,
  })
  const token = readFileSync(created.tokenFile, 'utf8').trim()
  const processors = created.config.processors.map(({ n, httpPort, linkAddress }) => {
    return new TourProcessor({ n, folder: join(folder, String(n)), httpPort, linkAddress, token })
  })
  return new TourWorld(folder, processors, token)
}
