/**
 * The composition root of a Processor: reads its folder, makes the ports real, builds the kernel
 * on them and serves its API on 127.0.0.1.
 */
import { closeSync, existsSync, openSync, renameSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createFileKeyring } from '../adapters/file-keyring.ts'
import { createHonoHttpServer } from '../adapters/hono-http.ts'
import { MemoryMetrics } from '../adapters/memory-metrics.ts'
import { nodeClock } from '../adapters/node-clock.ts'
import { createNodeCrypto } from '../adapters/node-crypto.ts'
import { createNodeDisk } from '../adapters/node-disk.ts'
import { nodeRandom } from '../adapters/node-random.ts'
import { noiseHandshake } from '../adapters/noise-handshake.ts'
import { createPinoLog, type LogLevel } from '../adapters/pino-log.ts'
import { createSqliteJournals } from '../adapters/sqlite-journal.ts'
import { systemReason } from '../adapters/system-reason.ts'
import { createWsTransport } from '../adapters/ws-transport.ts'
import { messageOf } from '../base/error.ts'
import { refusalOf } from '../kernel/api/index.ts'
import { createKernel, type Kernel, survivesForgetting } from '../kernel/kernel.ts'
import type { HttpLimits } from '../ports/http.ts'
import type { Log } from '../ports/log.ts'
import { deadlineMsMax } from '../wire/limits.ts'
import {
  isJournalDamage,
  isJournalMarked,
  markJournal,
  setJournalAside,
} from './damaged-journal.ts'
import { lockFolder } from './data-lock.ts'
import { StartCode, StartError } from './exit-codes.ts'
import { type ProcessorFiles, readProcessor } from './read-world.ts'
import { version } from './version.ts'
import { syncFolder } from './world-files.ts'
import { processorPaths } from './world-layout.ts'

export type StartProcessorOptions = {
  /** With `processor.json`, `genesis` and `keyring`; vault, journal and log come beside them. */
  readonly dataFolder: string
  /** Of the API on 127.0.0.1; 0: any that is free. In the place of that in `processor.json`. */
  readonly httpPort?: number
  /** `host:port` to listen on for links. In the place of that in `processor.json`. */
  readonly linkAddress?: string
  readonly logLevel?: LogLevel
  /** To standard error in the place of `<data>/log`. */
  readonly logToStderr?: boolean
  /** The Processor cannot go on: it is to be stopped, and the process to end. Called once. */
  readonly onFatal: (error: Error) => void
}

export type RunningProcessor = {
  readonly n: number
  readonly role: 'member' | 'storage'
  readonly world: string
  /** `http://127.0.0.1:PORT` */
  readonly api: string
  /** One sentence on where the keys rest. */
  readonly notice: string
  /** Let requests end, then close everything. Idempotent. */
  stop(): Promise<void>
}

/** Connections and headers: an application keeps few open; sizes as in other HTTP servers. */
const httpLimits: HttpLimits = {
  headerBytesMax: 32 * 1024,
  connectionCountMax: 1_024,
  // Longer than the longest deadline: a request that waits is answered, not cut.
  idleTimeoutMs: deadlineMsMax + 60_000,
}

/** Requests under way when the Processor is told to stop. */
const requestGraceMs = 2_000
const logBytesMax = 32 * 1024 * 1024

/**
 * Start the Processor of a folder. Resolves when its API answers.
 *
 * @throws StartError, WorldError, KeyringError, KernelError and the errors of ports
 *   (`http/address-in-use`, `transport/address-in-use`, `journal/…`, `disk/…`): each message is a
 *   sentence for the operator. Nothing is left running then.
 */
export async function startProcessor(options: StartProcessorOptions): Promise<RunningProcessor> {
  const folder = resolve(options.dataFolder)
  const files = await readProcessor(folder)
  try {
    return await startOn({ folder, files, options })
  } catch (error) {
    if (!isJournalDamage(error) || !mayForget(files)) throw error
    return startOn({ folder, files, options, journalDamage: messageOf(error) })
  }
}

async function startOn(
  input: Pick<Starting, 'folder' | 'files' | 'options' | 'journalDamage'>,
): Promise<RunningProcessor> {
  const { folder, files } = input
  const closers: (() => void | Promise<void>)[] = []
  const closeAll = async (): Promise<void> => {
    const failures: unknown[] = []
    for (const close of closers.splice(0).reverse()) {
      try {
        await close()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
  try {
    const lock = lockFolder(folder, `Processor ${files.config.n}`)
    closers.push(() => lock.release())
    return await start({ ...input, closers, closeAll })
  } catch (error) {
    // Why it did not start matters more than what could not be closed then.
    await Promise.allSettled([closeAll()])
    throw error
  }
}

type Starting = {
  readonly folder: string
  readonly files: ProcessorFiles
  readonly options: StartProcessorOptions
  /** What was found wrong with the journal by a start that failed. */
  readonly journalDamage?: string
  /** Run from the last to the first. */
  readonly closers: (() => void | Promise<void>)[]
  readonly closeAll: () => Promise<void>
}

async function start(starting: Starting): Promise<RunningProcessor> {
  const { files, options, closers, closeAll } = starting
  const { config } = files
  const log = openLog(starting)
  const keyring = createFileKeyring(files.keyringPath)
  log.info('starting', { n: config.n, role: config.role, world: config.world, version })
  log.warn(keyring.notice)
  await leaveDamagedJournal(starting, log)
  const kernel = await buildKernel(starting, { log, keys: await keyring.load() })
  const server = createHonoHttpServer({
    onFault: (error) => log.error('a request failed', { why: messageOf(error) }),
    refusalOf,
  })
  const starter = deferred()
  // Before the kernel starts: a port in use is told before any other Processor hears of this one.
  const listener = await server.listen(
    { port: options.httpPort ?? config.httpPort, limits: httpLimits },
    async (request) => {
      await starter.promise
      return kernel.handler(request)
    },
  )
  closers.push(() => listener.close(requestGraceMs))
  await kernel.start()
  await forgetFirstStart(starting.folder)
  starter.resolve()
  log.info('ready', { api: listener.url })
  let stopped: Promise<void> | undefined
  return {
    n: config.n,
    role: config.role,
    world: config.world,
    api: listener.url,
    notice: keyring.notice,
    stop: () => {
      stopped ??= closeAll()
      return stopped
    },
  }
}

const mayForget = ({ genesis }: ProcessorFiles): boolean =>
  survivesForgetting(createNodeCrypto(), genesis)

/** A damaged journal is set aside before anything reads it. */
async function leaveDamagedJournal(starting: Starting, log: Log): Promise<void> {
  const { folder, journalDamage } = starting
  const isMarked = isJournalMarked(folder) && mayForget(starting.files)
  if (journalDamage === undefined && !isMarked) return
  const aside = await setJournalAside(folder)
  const what =
    'the journal is damaged and was set aside; the state comes from the others, and this ' +
    'Processor votes again when they have readmitted it'
  log.error(what, { aside, ...(journalDamage === undefined ? {} : { why: journalDamage }) })
}

/** From now on an empty journal is a lost one: the votes in it were given. */
async function forgetFirstStart(folder: string): Promise<void> {
  const { neverStarted } = processorPaths(folder)
  if (!existsSync(neverStarted)) return
  await rm(neverStarted)
  await syncFolder(folder)
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>((given) => {
    resolve = given
  })
  return { promise, resolve }
}

async function buildKernel(
  { folder, files, options, closers }: Starting,
  opened: { readonly log: Log; readonly keys: Parameters<typeof createKernel>[1]['keys'] },
): Promise<Kernel> {
  const { config, genesis } = files
  const { log, keys } = opened
  const self = { n: config.n, node: config.node, address: config.linkAddress }
  const peers = [...config.peers, self].sort((a, b) => a.n - b.n)
  const metrics = new MemoryMetrics()
  const kernel = await createKernel(
    {
      clock: nodeClock,
      random: nodeRandom,
      crypto: createNodeCrypto(),
      handshake: noiseHandshake,
      transport: createWsTransport(),
      disk: createNodeDisk(folder, { onSync: () => metrics.count('disk.syncs_total') }),
      journals: createSqliteJournals(processorPaths(folder).journal, {
        onSync: () => metrics.count('journal.syncs_total'),
      }),
      log,
      metrics,
    },
    {
      version,
      genesis,
      keys,
      linkAddress: options.linkAddress ?? config.linkAddress,
      peers,
      mayBeNew: existsSync(processorPaths(folder).neverStarted),
      onFatal: (error) => {
        try {
          if (isJournalDamage(error)) markJournal(folder, error)
        } finally {
          options.onFatal(error)
        }
      },
    },
  )
  closers.push(() => kernel.stop())
  return kernel
}

/** `<data>/log`; the one before it is kept as `log.1` once it is large. */
function openLog({ folder, options, closers }: Starting): Log {
  const level = options.logLevel ?? 'info'
  if (options.logToStderr === true) return createPinoLog({ level })
  const path = join(folder, 'log')
  try {
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
    if (size > logBytesMax) renameSync(path, `${path}.1`)
    const fd = openSync(path, 'a', 0o600)
    const log = createPinoLog({ level, fd })
    closers.push(() => {
      log.info('stopped')
      closeSync(fd)
    })
    return log
  } catch (error) {
    const message = `the log ${path} cannot be written: ${systemReason(error)}`
    throw new StartError(StartCode.Folder, message, { path }, { cause: error })
  }
}
