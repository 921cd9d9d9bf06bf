/**
 * The Processors of a world as processes: started at once, watched, started again when one dies,
 * stopped together.
 *
 * A Processor that fails while the world comes up ends the start, with its reason: a port in use
 * does not mend itself. One that dies later is reported and started again, after a pause that
 * doubles each time, because its data is the world's data and nothing else would bring it back.
 */
import { ExitCode } from './exit-codes.ts'
import { pollStatus } from './poll-status.ts'
import { ProcessorError, type ProcessorProcess, spawnProcessor } from './processor-process.ts'
import type { ProcessorState, ReadyProcessor, WorldEvent } from './world-events.ts'
import type { WorldConfig } from './world-format.ts'
import { processorFolder } from './world-layout.ts'

export type ProcessorsOptions = {
  readonly folder: string
  readonly config: WorldConfig
  readonly token: string
  /** Of the first Processor, the others count up; 0: any that are free. */
  readonly httpPort?: number
  readonly logLevel?: string
  readonly restarts: boolean
  readonly onEvent: (event: WorldEvent) => void
  /** A Processor has got its address, or lost it. */
  readonly onAddresses: () => void
}

const stopGraceMs = 10_000
const restartFirstMs = 1_000
const restartLongestMs = 30_000
/** One that ran this long starts with the first pause again. */
const stableMs = 60_000
const pollTimeoutMs = 2_000
const startPollMs = 50

type Slot = ProcessorState & {
  process: ProcessorProcess | undefined
  httpPort: number
  deaths: number
  startedMs: number
  timer: NodeJS.Timeout | undefined
}

export class RunningProcessors {
  readonly #options: ProcessorsOptions
  readonly #slots: readonly Slot[]
  #phase: 'starting' | 'up' | 'stopping' = 'starting'

  constructor(options: ProcessorsOptions) {
    this.#options = options
    const { config, folder, httpPort } = options
    this.#slots = config.processors.map((processor, index) => ({
      n: processor.n,
      role: processor.role,
      data: processorFolder(folder, processor.n),
      phase: 'starting',
      pid: undefined,
      api: undefined,
      status: undefined,
      process: undefined,
      httpPort: httpPort === undefined ? processor.httpPort : httpPort === 0 ? 0 : httpPort + index,
      deaths: 0,
      startedMs: 0,
      timer: undefined,
    }))
  }

  get states(): readonly ProcessorState[] {
    return this.#slots
  }

  /**
   * Start all at once. Resolves when each answers and a quorum agrees.
   *
   * @throws ProcessorError when one ends before; the others are stopped then.
   */
  async start(signal: AbortSignal): Promise<readonly ReadyProcessor[]> {
    try {
      const launched = Promise.all(this.#slots.map((slot) => this.#launch(slot)))
      await Promise.race([launched, aborted(signal)])
      await this.#awaitReady(signal)
    } catch (error) {
      await this.stop()
      throw error
    }
    this.#phase = 'up'
    return this.#slots.map(({ n, api = '', pid = 0, data, role }) => ({ n, api, pid, data, role }))
  }

  /** Ask each Processor how it is. */
  async poll(): Promise<void> {
    const { token } = this.#options
    await Promise.all(
      this.#slots.map(async (slot) => {
        const { api } = slot
        const options = { token, timeoutMs: pollTimeoutMs }
        slot.status = api === undefined ? undefined : await pollStatus(api, options)
      }),
    )
  }

  /** Stop all; what does not stop in time is killed. */
  async stop(): Promise<void> {
    this.#phase = 'stopping'
    await Promise.all(
      this.#slots.map(async (slot) => {
        clearTimeout(slot.timer)
        await slot.process?.stop(stopGraceMs)
        slot.phase = 'stopped'
        slot.api = undefined
        slot.status = undefined
      }),
    )
  }

  /** End all at once. */
  kill(): void {
    this.#phase = 'stopping'
    for (const { process } of this.#slots) void process?.kill()
  }

  /** Resolves when it serves. @throws ProcessorError */
  async #launch(slot: Slot): Promise<void> {
    const { logLevel, onEvent, onAddresses } = this.#options
    const { n, data, httpPort } = slot
    const process = spawnProcessor({
      dataFolder: data,
      httpPort,
      ...(logLevel === undefined ? {} : { logLevel }),
    })
    slot.process = process
    slot.pid = process.pid
    slot.phase = 'starting'
    slot.startedMs = performance.now()
    onEvent({ event: 'starting', n, pid: process.pid })
    void process.exited.then(() => this.#onExit(slot, process))
    const { api } = await process.ready.catch((error: unknown) => {
      throw error instanceof ProcessorError ? named(slot, error) : error
    })
    slot.phase = 'serving'
    slot.api = api
    // The next start takes the same port: applications know it.
    slot.httpPort = Number(new URL(api).port)
    onEvent({ event: 'serving', n, api, pid: process.pid })
    onAddresses()
  }

  async #onExit(slot: Slot, process: ProcessorProcess): Promise<void> {
    const { code, signal } = await process.exited
    slot.phase = 'down'
    slot.process = undefined
    slot.api = undefined
    slot.status = undefined
    // While the world starts, the end of one is the end of the start, which tells it.
    if (this.#phase !== 'up') return
    const { onEvent, onAddresses } = this.#options
    const how = signal === null ? `with code ${code}` : `by ${signal}`
    const message = process.failure()?.message ?? `its process ended ${how}`
    onEvent({ event: 'died', n: slot.n, pid: process.pid, code, signal, message })
    onAddresses()
    if (this.#options.restarts) this.#restartLater(slot)
  }

  #restartLater(slot: Slot): void {
    if (performance.now() - slot.startedMs > stableMs) slot.deaths = 0
    const inMs = Math.min(restartFirstMs * 2 ** slot.deaths, restartLongestMs)
    slot.deaths++
    this.#options.onEvent({ event: 'restarting', n: slot.n, inMs })
    slot.timer = setTimeout(() => {
      // A start that fails is an exit, which is reported there and tried again.
      void Promise.allSettled([this.#launch(slot)])
    }, inMs)
  }

  async #awaitReady(signal: AbortSignal): Promise<void> {
    for (;;) {
      if (signal.aborted) return
      await this.poll()
      if (this.#slots.every(({ status }) => status?.ready === true)) return
      const dead = this.#slots.find(({ phase }) => phase === 'down')
      if (dead !== undefined) throw endedEarly(dead)
      await new Promise((resolve) => setTimeout(resolve, startPollMs))
    }
  }
}

const named = ({ n }: Slot, { code, message, detail }: ProcessorError): ProcessorError =>
  new ProcessorError(code, `Processor ${n}: ${message}`, detail)

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

function endedEarly({ n, data }: Slot): ProcessorError {
  const message = `Processor ${n} ended while the world was starting; ${data}/log says why`
  return new ProcessorError('start/fault', message, { exitCode: ExitCode.Fault })
}
