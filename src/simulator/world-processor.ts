/**
 * One Processor of a simulated world: what stays when its process goes (keys, disk, journals), and
 * the runs of its process over them. Each run is a whole kernel, made by the production code.
 */
import { UnosysError } from '../base/error.ts'
import type { NodeId } from '../base/ids.ts'
import {
  type Alterations,
  createAltered,
  type Kernel,
  type KernelOptions,
} from '../kernel/kernel.ts'
import type { Genesis } from '../kernel/section/index.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { Handshake } from '../ports/handshake.ts'
import type { NodeKeys } from '../ports/keyring.ts'
import type { Scheduler } from './scheduler.ts'
import { SimClock } from './sim-clock.ts'
import { simCrypto } from './sim-crypto.ts'
import { SimDisk } from './sim-disk.ts'
import { SimJournals } from './sim-journal.ts'
import { SimLog } from './sim-log.ts'
import type { SimNetwork } from './sim-network.ts'
import { SimProcess } from './sim-process.ts'
import type { SimRandom } from './sim-random.ts'
import { SimMetrics } from './world-metrics.ts'

/** What all Processors of a world share. */
export type WorldParts = {
  readonly scheduler: Scheduler
  readonly network: SimNetwork
  readonly crypto: Crypto
  readonly handshake: Handshake
  readonly genesis: Genesis
  readonly peers: readonly { readonly node: NodeId; readonly address: string }[]
  /** Of Processor `n`, where it is a member. */
  readonly memberOptions: (n: number) => NonNullable<KernelOptions['member']>
  /** A Processor stopped by itself, or could not start. */
  readonly onFailure: (processor: SimProcessor, error: ProcessorStopped) => void
  /** Parts of its kernel that are others, for one run of it. */
  readonly alterationsOf: (processor: SimProcessor, process: SimProcess) => Alterations | undefined
}

/** The end of a run that nobody asked for. */
export class ProcessorStopped extends UnosysError<'simulator/stopped', { readonly n: number }> {}

type Run = { readonly process: SimProcess; readonly metrics: SimMetrics; kernel?: Kernel }

export type Crash = {
  /** The power is cut: what was not synced is left to the dice. Otherwise the process is killed. */
  readonly power?: boolean
  /** Peers are told nothing: the whole host is gone. */
  readonly silent?: boolean
}

export class SimProcessor {
  /** Counts from 1. */
  readonly n: number
  readonly name: string
  readonly node: NodeId
  disk: SimDisk
  readonly journals: SimJournals
  readonly #parts: WorldParts
  readonly #keys: NodeKeys
  readonly #random: SimRandom
  #run: Run | undefined
  #ready = false
  #mayBeNew = true
  wallOffsetMs = 0

  constructor(
    parts: WorldParts,
    own: {
      readonly n: number
      readonly node: NodeId
      readonly keys: NodeKeys
      readonly random: SimRandom
    },
  ) {
    this.#parts = parts
    this.n = own.n
    this.name = nameOf(own.n)
    this.node = own.node
    this.#keys = own.keys
    this.#random = own.random
    this.disk = new SimDisk({ random: own.random })
    this.journals = new SimJournals({ random: own.random })
  }

  get isUp(): boolean {
    return this.#run !== undefined && this.#run.process.state !== 'dead'
  }

  /** Up, with all its layers started. */
  get isReady(): boolean {
    return this.isUp && this.#ready
  }

  /** The kernel of this run. @throws when there is none. */
  get kernel(): Kernel {
    const kernel = this.#run?.kernel
    if (kernel === undefined) throw this.#stopped('has no kernel')
    return kernel
  }

  get process(): SimProcess {
    if (this.#run === undefined) throw this.#stopped('was never started')
    return this.#run.process
  }

  /** Counters of this run. */
  get metrics(): SimMetrics {
    if (this.#run === undefined) throw this.#stopped('was never started')
    return this.#run.metrics
  }

  /** Start, or start again from what the disk holds. Events of the scheduler do the rest. */
  start(): void {
    if (this.isUp) return
    const process = new SimProcess(this.#parts.scheduler, this.name)
    const run: Run = { process, metrics: new SimMetrics() }
    this.#run = run
    this.#ready = false
    this.#live(run).catch((error: unknown) => this.#failed(run, error))
  }

  async #live(run: Run): Promise<void> {
    const { scheduler, network, crypto, handshake, genesis, peers } = this.#parts
    const { process, metrics } = run
    const clock = new SimClock(process, { wallOffsetMs: this.wallOffsetMs })
    const kernel = await createAltered(
      {
        clock,
        random: this.#random.fork('kernel'),
        crypto: simCrypto(scheduler, crypto),
        handshake,
        transport: network.transport(process),
        disk: this.disk.mount(clock),
        journals: this.journals.opener(clock),
        log: new SimLog(process),
        metrics,
      },
      {
        version: '0.0.0',
        genesis,
        keys: this.#keys,
        linkAddress: addressOf(this.n),
        peers,
        mayBeNew: this.#mayBeNew,
        onFatal: (error) => this.#failed(run, error),
        member: this.#parts.memberOptions(this.n),
      },
      this.#parts.alterationsOf(this, process) ?? {},
    )
    if (isOver(run)) return
    run.kernel = kernel
    await kernel.start()
    if (isOver(run)) return
    this.#ready = true
    this.#mayBeNew = false
  }

  #failed(run: Run, error: unknown): void {
    // Whatever a dead process still says is nobody's concern.
    if (isOver(run)) return
    this.crash()
    const cause = error instanceof Error ? error : new Error(String(error))
    this.#parts.onFailure(this, this.#stopped(`stopped: ${cause.message}`, cause))
  }

  /** Its process ends at once, without a chance to say or write anything more. */
  crash(crash: Crash = {}): void {
    const run = this.#run
    if (run === undefined || isOver(run)) return
    this.#ready = false
    this.#parts.network.crash(this.name, { silent: crash.silent === true })
    if (crash.power === true) this.disk.crash()
    else this.disk.detach()
    this.journals.crash()
  }

  /** Its process ends, and its disk is lost: journal and blocks are gone, the keyring is not. */
  wipe(): void {
    this.crash({ power: true })
    this.journals.wipe()
    this.disk = new SimDisk({ random: this.#random.fork('new disk') })
    this.#mayBeNew = false
  }

  /** Stop in order, as by SIGTERM; resolves when the process has ended. */
  async stop(): Promise<void> {
    const { kernel, process } = this
    await kernel.stop()
    if (process.state !== 'dead') this.crash()
  }

  #stopped(what: string, cause?: Error): ProcessorStopped {
    const because = cause === undefined ? {} : { cause }
    const message = `Processor ${this.n} ${what}`
    return new ProcessorStopped('simulator/stopped', message, { n: this.n }, because)
  }
}

const isOver = ({ process }: Run): boolean => process.state === 'dead'

export const nameOf = (n: number): string => `p${n}`
export const addressOf = (n: number): string => `${nameOf(n)}:7000`
