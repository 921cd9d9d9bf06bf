/**
 * A world of real Processors on this machine, in a temporary folder and on free ports: each a
 * process of its own, started and killed by its id. They end with the test that started them.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createWorld } from '../../src/main/create-world.ts'
import { freePorts } from '../../src/main/free-ports.ts'
import { pollStatus } from '../../src/main/poll-status.ts'
import {
  ProcessorError,
  type ProcessorProcess,
  spawnProcessor,
} from '../../src/main/processor-process.ts'
import { UnosysClient } from '../../src/sdk/index.ts'
import type { StatusBody } from '../../src/wire/schemas.ts'
import { type Cleanup, temporaryFolder } from './folders.ts'
import { waitFor } from './wait.ts'

export type WorldProcessor = {
  readonly n: number
  /** Stays the same over restarts. */
  readonly api: string
  /** Data folder. */
  readonly data: string
  /** Undefined while it is down. */
  readonly pid: number | undefined
}

export type TestWorld = {
  readonly folder: string
  readonly token: string
  readonly tokenFile: string
  readonly processors: readonly WorldProcessor[]
  /** `http://127.0.0.1:PORT` of Processor `n`, counted from 1. */
  readonly api: (n: number) => string
  readonly client: (n: number) => UnosysClient
  /** Undefined while it does not answer. */
  readonly status: (n: number) => Promise<StatusBody | undefined>
  /** SIGKILL; resolves when the process is gone. */
  readonly kill: (n: number) => Promise<void>
  /** SIGTERM; resolves with the exit code. */
  readonly stopOne: (n: number) => Promise<number | null>
  /** Start it again on the same data and port; resolves when it serves. */
  readonly restart: (n: number) => Promise<void>
  /** Resolves when those that run are all ready. */
  readonly ready: () => Promise<void>
  readonly stop: () => Promise<void>
}

export type StartWorldOptions = {
  readonly nodes?: number
  /** Stops the world and removes its folder: `t.after`, or `after` of the file. */
  readonly cleanup: Cleanup
  readonly logLevel?: string
  /** Do not wait until all are ready. */
  readonly unready?: boolean
  /** In the place of `src/main/processor.ts`. */
  readonly program?: string
}

const pollTimeoutMs = 5_000
const stopGraceMs = 15_000
const attemptsMax = 3

/** Below the range that systems give to outgoing connections, and different in each test. */
const randomPort = (): number => 12_000 + Math.floor(Math.random() * 18_000)

export async function startWorld(options: StartWorldOptions): Promise<TestWorld> {
  const folder = join(await temporaryFolder(options.cleanup), 'world')
  for (let attempt = 1; ; attempt++) {
    const world = new World(attempt === 1 ? folder : `${folder}${attempt}`, options)
    // Registered before anything runs: a start that fails leaves nothing behind.
    options.cleanup(() => world.stop())
    try {
      await world.start()
      return world
    } catch (error) {
      await world.stop()
      // Between being found free and being used, a port may go to another program.
      const isTaken = error instanceof ProcessorError && error.code === 'transport/address-in-use'
      if (!isTaken || attempt === attemptsMax) throw error
    }
  }
}

type Slot = {
  readonly n: number
  readonly data: string
  api: string
  process: ProcessorProcess | undefined
}

class World implements TestWorld {
  readonly folder: string
  token = ''
  readonly #options: StartWorldOptions
  #slots: Slot[] = []

  constructor(folder: string, options: StartWorldOptions) {
    this.folder = folder
    this.#options = options
  }

  get tokenFile(): string {
    return join(this.folder, 'token')
  }

  get processors(): readonly WorldProcessor[] {
    return this.#slots.map(({ n, api, data, process }) => ({ n, api, data, pid: process?.pid }))
  }

  readonly api = (n: number): string => this.#slot(n).api

  readonly client = (n: number): UnosysClient =>
    new UnosysClient({ api: this.api(n), token: this.token })

  readonly status = (n: number): Promise<StatusBody | undefined> =>
    pollStatus(this.api(n), { token: this.token, timeoutMs: pollTimeoutMs })

  async start(): Promise<void> {
    const { nodes = 4, unready = false } = this.#options
    const ports = await freePorts(nodes, randomPort(), [])
    await createWorld({
      outFolder: this.folder,
      nodeCount: nodes,
      httpPorts: ports.map(() => 0),
      linkAddresses: ports.map((port) => `127.0.0.1:${port}`),
    })
    this.token = (await readFile(this.tokenFile, 'utf8')).trim()
    this.#slots = ports.map((_, index) => ({
      n: index + 1,
      data: join(this.folder, String(index + 1)),
      api: '',
      process: undefined,
    }))
    await Promise.all(this.#slots.map((slot) => this.#launch(slot)))
    if (!unready) await this.ready()
  }

  readonly ready = async (): Promise<void> => {
    await waitFor('all running Processors are ready', async () => {
      const running = this.#slots.filter(({ process }) => process !== undefined)
      const all = await Promise.all(running.map(({ n }) => this.status(n)))
      return all.every((status) => status?.ready === true)
    })
  }

  readonly kill = async (n: number): Promise<void> => {
    const slot = this.#slot(n)
    const { process } = slot
    slot.process = undefined
    await process?.kill()
  }

  readonly stopOne = async (n: number): Promise<number | null> => {
    const slot = this.#slot(n)
    const { process } = slot
    slot.process = undefined
    const exit = await process?.stop(stopGraceMs)
    return exit?.code ?? null
  }

  readonly restart = async (n: number): Promise<void> => {
    await this.kill(n)
    await this.#launch(this.#slot(n))
  }

  readonly stop = async (): Promise<void> => {
    await Promise.all(this.#slots.map(({ n }) => this.stopOne(n)))
  }

  #slot(n: number): Slot {
    const slot = this.#slots[n - 1]
    if (slot === undefined) throw new RangeError(`no Processor ${n}`)
    return slot
  }

  async #launch(slot: Slot): Promise<void> {
    const { logLevel, program } = this.#options
    const process = spawnProcessor({
      dataFolder: slot.data,
      httpPort: slot.api === '' ? 0 : Number(new URL(slot.api).port),
      ...(logLevel === undefined ? {} : { logLevel }),
      ...(program === undefined ? {} : { program }),
    })
    slot.process = process
    slot.api = (await process.ready).api
  }
}
