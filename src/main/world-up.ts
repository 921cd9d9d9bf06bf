/** Brings a world up, creating it first if there is none, and keeps it up until told to stop. */
import { join, resolve } from 'node:path'
import { keyringNotice } from '../adapters/file-keyring.ts'
import { isUnosysError, UnosysError } from '../base/error.ts'
import { createWorld } from './create-world.ts'
import { type DataLock, lockFolder } from './data-lock.ts'
import { ExitCode, StartCode, StartError } from './exit-codes.ts'
import { freePorts } from './free-ports.ts'
import { exitCodeOfStart } from './processor-process.ts'
import { readLine, readWorld } from './read-world.ts'
import { RunningProcessors } from './running-processors.ts'
import { removeRunning, writeCurlConfig, writeRunning } from './running-world.ts'
import { sentenceOf } from './sentences.ts'
import type { ProcessorState, WorldEvent } from './world-events.ts'
import type { WorldConfig } from './world-format.ts'
import { httpPortDefault, nodesMax, portMax, processorPaths, worldPaths } from './world-layout.ts'

export type WorldUpOptions = {
  /** The world's folder; created with its world if there is none. */
  readonly folder: string
  /** Of a new world, 4 by default; of one that is there, it must be the number that it has. */
  readonly nodeCount?: number
  /** Of the first Processor's API, the others count up; 0: any that are free. */
  readonly httpPort?: number
  readonly logLevel?: string
  /** Start a Processor again that died. */
  readonly restarts: boolean
  /** Stops the world. */
  readonly signal: AbortSignal
  /** Fires when stopping takes too long for the user. */
  readonly hurry: AbortSignal
}

/** Shows a world that is up: as a table, as lines, or as JSON. */
export type WorldView = {
  event(event: WorldEvent): void
  /** Called about once a second with fresh states, when `refreshes` says so. */
  refresh(states: readonly ProcessorState[]): void
  readonly refreshes: boolean
}

const nodeCountDefault = 4
/** Ports of links are looked for this far above those of the API. */
const linkPortDistance = 1_000
/** Below the range that systems give to outgoing connections. */
const anyPortFrom = 12_000
const anyPortSpan = 18_000
const refreshMs = 1_000

/** Resolves with the exit code when the world is down again. Never throws for what can be told. */
export async function worldUp(options: WorldUpOptions, view: WorldView): Promise<number> {
  let lock: DataLock | undefined
  try {
    const folder = resolve(options.folder)
    const config = await unlessHurried(openOrCreate(folder, options, view), options.hurry)
    lock = lockFolder(folder, 'a world')
    return await run(folder, { options, view, config })
  } catch (error) {
    const isTold = [options.signal, options.hurry].some(
      (told) => told.aborted && error === told.reason,
    )
    if (isTold) return stoppedEarly(view)
    if (!(error instanceof UnosysError)) throw error
    const exitCode = exitCodeOfStart(error)
    view.event({ event: 'failed', code: error.code, message: sentenceOf(error), exitCode })
    return exitCode
  } finally {
    lock?.release()
  }
}

/** What `work` gives, unless the user will not wait for it. @throws the signal's reason. */
async function unlessHurried<Value>(work: Promise<Value>, hurry: AbortSignal): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>()
  const onHurry = (): void => reject(hurry.reason)
  hurry.addEventListener('abort', onHurry, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    hurry.removeEventListener('abort', onHurry)
  }
}

/** Told to stop before there was a world: nothing is running. */
function stoppedEarly(view: WorldView): number {
  view.event({ event: 'stopping' })
  view.event({ event: 'stopped' })
  return ExitCode.Ok
}

async function run(
  folder: string,
  up: {
    readonly options: WorldUpOptions
    readonly view: WorldView
    readonly config: WorldConfig
  },
): Promise<number> {
  const { options, view, config } = up
  const tokenFile = worldPaths(folder).token
  const token = await readLine(tokenFile)
  await writeCurlConfig(folder, token)
  const startedMs = performance.now()
  let published = Promise.resolve()
  const publish = (): void => {
    published = published.then(() => writeAddresses(folder, processors.states))
  }
  const processors: RunningProcessors = new RunningProcessors({
    folder,
    config,
    token,
    restarts: options.restarts,
    ...(options.httpPort === undefined ? {} : { httpPort: options.httpPort }),
    ...(options.logLevel === undefined ? {} : { logLevel: options.logLevel }),
    onEvent: (event) => view.event(event),
    onAddresses: publish,
  })
  const onHurry = (): void => processors.kill()
  options.hurry.addEventListener('abort', onHurry, { once: true })
  try {
    const ready = await processors.start(options.signal)
    if (!options.signal.aborted) {
      await published
      const tookMs = Math.round(performance.now() - startedMs)
      const { keyring } = processorPaths(join(folder, 'N'))
      const notice = keyringNotice('each Processor N', keyring)
      view.event({ event: 'ready', processors: ready, tokenFile, tookMs, notice })
      await keepUp(processors, options.signal, view)
    }
    view.event({ event: 'stopping' })
    await processors.stop()
    view.event({ event: 'stopped' })
    return ExitCode.Ok
  } finally {
    options.hurry.removeEventListener('abort', onHurry)
    await Promise.allSettled([published])
    await removeRunning(folder)
  }
}

/** Until the signal fires. */
async function keepUp(
  processors: RunningProcessors,
  signal: AbortSignal,
  view: WorldView,
): Promise<void> {
  while (!signal.aborted) {
    if (view.refreshes) {
      await processors.poll()
      if (!signal.aborted) view.refresh(processors.states)
    }
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, refreshMs)
      signal.addEventListener('abort', done, { once: true })
    })
  }
}

const writeAddresses = (folder: string, states: readonly ProcessorState[]): Promise<void> =>
  writeRunning(folder, {
    pid: process.pid,
    processors: states.flatMap(({ n, api }) => (api === undefined ? [] : [{ n, api }])),
  })

/** @throws WorldError, StartError */
async function openOrCreate(
  folder: string,
  options: WorldUpOptions,
  view: WorldView,
): Promise<WorldConfig> {
  const { nodeCount } = options
  try {
    const config = await readWorld(folder)
    const count = config.processors.length
    checkPorts(options.httpPort, count)
    if (nodeCount === undefined || nodeCount === count) return config
    const message =
      `the world in ${folder} has ${count} Processors, and a world keeps its number; ` +
      `leave --nodes away, or give another folder with --data`
    throw new StartError(StartCode.OtherSize, message, { count, wanted: nodeCount })
  } catch (error) {
    if (!isUnosysError(error, 'world/missing')) throw error
  }
  return create(folder, options, view)
}

async function create(
  folder: string,
  options: WorldUpOptions,
  view: WorldView,
): Promise<WorldConfig> {
  const { nodeCount = nodeCountDefault, httpPort = httpPortDefault } = options
  view.event({ event: 'creating', nodes: nodeCount, data: folder })
  const created = await createWorld({
    outFolder: folder,
    nodeCount,
    signal: options.signal,
    ...(await chosenPorts({ nodeCount, httpPort })),
  })
  view.event({ event: 'created', world: created.world, tokenFile: created.tokenFile })
  return created.config
}

/** Ports of a new world: as asked for the API, free ones for links. */
export async function chosenPorts(input: {
  readonly nodeCount: number
  readonly httpPort: number
}): Promise<{ readonly httpPorts: readonly number[]; readonly linkAddresses: readonly string[] }> {
  const { nodeCount, httpPort } = input
  const count = Number.isInteger(nodeCount) && nodeCount >= 1 ? Math.min(nodeCount, nodesMax) : 1
  checkPorts(httpPort, count)
  const isAny = httpPort === 0
  const httpPorts = Array.from({ length: count }, (_, index) => (isAny ? 0 : httpPort + index))
  const wanted = httpPort + linkPortDistance
  const from =
    isAny || wanted + count > portMax
      ? anyPortFrom + Math.floor(Math.random() * anyPortSpan)
      : wanted
  const ports = await freePorts(count, from, httpPorts)
  if (ports.length < count) {
    const message = `no ${count} free ports for links from ${from} upwards; choose another --port`
    throw new StartError(StartCode.Usage, message, { from })
  }
  return { httpPorts, linkAddresses: ports.map((port) => `127.0.0.1:${port}`) }
}

/** @throws StartError `start/usage` */
function checkPorts(httpPort: number | undefined, count: number): void {
  if (httpPort === undefined || httpPort + count - 1 <= portMax) return
  const message = `--port ${httpPort}: the ports of ${count} Processors count up from it, to ${portMax} at most`
  throw new StartError(StartCode.Usage, message, { httpPort })
}
