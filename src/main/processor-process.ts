/** A Processor as a child process: started, heard, and ended by its id. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { UnosysError } from '../base/error.ts'
import { ExitCode, exitCodeOf } from './exit-codes.ts'

/** Node's flags for every Processor: nothing of it can be changed from inside while it runs. */
export const processorFlags: readonly string[] = [
  '--disallow-code-generation-from-strings',
  '--disable-proto=delete',
  `--import=${new URL('../adapters/frozen-builtins.ts', import.meta.url).href}`,
  '--disable-sigusr1',
  // MiB. Bodies of blocks live as long as small objects do: a large young generation lets hundreds
  // of them pile up before it is looked through (docs/performance.md).
  '--max-semi-space-size=2',
  // Per cent above what is alive, before the old generation is looked through. Left to itself the
  // engine lets 100 MiB of what a long upload left behind lie.
  '--heap-growing-percent=40',
  // node:sqlite says at each start that it is experimental.
  '--disable-warning=ExperimentalWarning',
]

/** Threads for the disk: with Node's four, one slow sync holds up the blocks of all files. */
const threadCount = 16

/**
 * The GNU C library gives each thread a heap of its own and keeps what is freed in it; two serve
 * sixteen threads that mostly wait, and leave 16 MiB less behind. Others ignore it.
 */
const heapCount = 2

/** Only what a Processor needs: no `NODE_OPTIONS` and no secrets of the shell reach it. */
export function processorEnvironment(): NodeJS.ProcessEnv {
  const { SystemRoot } = process.env
  return {
    UV_THREADPOOL_SIZE: String(threadCount),
    MALLOC_ARENA_MAX: String(heapCount),
    ...(SystemRoot === undefined ? {} : { SystemRoot }),
  }
}

/** The program that a Processor's process runs. */
export const processorProgram: string = fileURLToPath(new URL('./processor.ts', import.meta.url))

export type SpawnOptions = {
  readonly dataFolder: string
  /** In the place of that in `processor.json`; 0: any that is free. */
  readonly httpPort?: number
  readonly linkAddress?: string
  readonly logLevel?: string
  /** Its log goes to this process's standard error, in the place of `<data>/log`. */
  readonly logToStderr?: boolean
  /** In the place of `src/main/processor.ts`: a bundle, for example. */
  readonly program?: string
}

/** The line that a Processor prints when it serves. */
export type ReadyEvent = {
  readonly n: number
  readonly role: 'member' | 'storage'
  readonly world: string
  readonly api: string
  readonly pid: number
  readonly notice: string
}

export type ProcessorExit = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Why a Processor did not start or stopped, with the code that it gave. */
export class ProcessorError extends UnosysError<string, { readonly exitCode: number }> {}

/** The exit code that an error of a start stands for. */
export const exitCodeOfStart = (error: unknown): number =>
  error instanceof ProcessorError ? error.detail.exitCode : exitCodeOf(error)

export type ProcessorProcess = {
  readonly pid: number
  /** @throws ProcessorError when the process ends before it serves. */
  readonly ready: Promise<ReadyEvent>
  readonly exited: Promise<ProcessorExit>
  /** Why it ended, as far as it said. */
  readonly failure: () => ProcessorError | undefined
  /** Ask it to stop; kill it after `graceMs`. */
  readonly stop: (graceMs: number) => Promise<ProcessorExit>
  /** End it at once (`SIGKILL`): nothing of it can go on. */
  readonly kill: () => Promise<ProcessorExit>
}

const outputCharsMax = 16_384

/** Start the Processor of a folder in a process of its own, which ends when this one does. */
export function spawnProcessor(options: SpawnOptions): ProcessorProcess {
  const { dataFolder, httpPort, linkAddress, logLevel, logToStderr = false } = options
  const child = spawn(
    process.execPath,
    [
      ...processorFlags,
      options.program ?? processorProgram,
      ...['--supervised', '--data', dataFolder],
      ...(httpPort === undefined ? [] : ['--http-port', String(httpPort)]),
      ...(linkAddress === undefined ? [] : ['--link-address', linkAddress]),
      ...(logLevel === undefined ? [] : ['--log-level', logLevel]),
      ...(logToStderr ? ['--log-stderr'] : []),
    ],
    { env: processorEnvironment(), stdio: ['pipe', 'pipe', logToStderr ? 'inherit' : 'pipe'] },
  )
  const heard = listen(child)
  // Closed by the system when this process ends, which is what the Processor waits for.
  child.stdin?.on('error', () => {})
  return {
    pid: child.pid ?? 0,
    ...heard,
    stop: async (graceMs) => {
      child.kill('SIGTERM')
      const overdue = setTimeout(() => child.kill('SIGKILL'), graceMs)
      const exit = await heard.exited
      clearTimeout(overdue)
      return exit
    },
    kill: () => {
      child.kill('SIGKILL')
      return heard.exited
    },
  }
}

function listen(child: ChildProcess): Pick<ProcessorProcess, 'ready' | 'exited' | 'failure'> {
  let failure: ProcessorError | undefined
  let errorText = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    errorText = (errorText + chunk.toString('utf8')).slice(-outputCharsMax)
  })
  const exited = new Promise<ProcessorExit>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }))
    child.once('error', (error) => {
      failure ??= new ProcessorError('start/fault', error.message, { exitCode: ExitCode.Error })
      if (child.pid === undefined) resolve({ code: ExitCode.Error, signal: null })
    })
  })
  const ready = new Promise<ReadyEvent>((resolve, reject) => {
    eachLine(child, (event) => {
      if (event.event === 'ready') resolve(event as unknown as ReadyEvent)
      if (event.event !== 'failed') return
      const { code, message, exitCode } = event
      const detail = { exitCode: Number(exitCode) }
      failure ??= new ProcessorError(String(code), String(message), detail)
    })
    exited.then(({ code, signal }) => {
      const how = signal === null ? `with code ${code}` : `by ${signal}`
      const said = errorText.trim() === '' ? '' : `: ${errorText.trim()}`
      const message = `the Processor's process ended ${how}${said}`
      reject(failure ?? new ProcessorError('start/fault', message, { exitCode: ExitCode.Fault }))
    }, reject)
  })
  // Whoever waits for it hears it; a process that is stopped while it starts has nobody waiting.
  void Promise.allSettled([ready])
  return { ready, exited, failure: () => failure }
}

function eachLine(child: ChildProcess, take: (event: Record<string, unknown>) => void): void {
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8')
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const line = text.slice(0, end)
      text = text.slice(end + 1)
      if (line.startsWith('{')) take(JSON.parse(line) as Record<string, unknown>)
    }
    text = text.slice(-outputCharsMax)
  })
}
