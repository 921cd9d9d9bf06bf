/**
 * One test file in a process of its own, with an owner that always ends it.
 *
 * `node --test` would run the files too, but it waits for ever on a file that does not end, and
 * does not see what a file leaves running. Here each file leads a process group: one that falls
 * silent is killed with all that it has started, and so is what remains when it has ended.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { TestReport } from './reporter.ts'
import { testFlags } from './stages.ts'

export type FileResult = {
  readonly path: string
  readonly reports: readonly TestReport[]
  /** What is wrong with the file as a whole, such as a crash; empty when nothing is. */
  readonly faults: readonly string[]
  /** The last of what the file wrote. */
  readonly output: string
  readonly durationMs: number
}

export type RunFileOptions = {
  readonly root: string
  readonly silenceMsMax: number
  readonly grep: string | undefined
  readonly signal: AbortSignal
  readonly onReport?: (report: TestReport) => void
}

const outputCharsMax = 32_768
const lingerMs = 3_000
const pollMs = 50
const ownGroup = process.platform !== 'win32'
const reporterUrl = pathToFileURL(join(import.meta.dirname, 'reporter.ts')).href

/** Run one file to its end. Never throws for what the file does. */
export async function runFile(path: string, options: RunFileOptions): Promise<FileResult> {
  const startedMs = performance.now()
  const child = start(path, options)
  const reports: TestReport[] = []
  let output = ''
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-outputCharsMax)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  const silence = watchSilence(child, options.silenceMsMax)
  child.on('message', (report: TestReport) => {
    silence.heard()
    reports.push(report)
    options.onReport?.(report)
  })
  const onAbort = (): void => killGroup(child, 'SIGTERM')
  options.signal.addEventListener('abort', onAbort, { once: true })
  const ended = await endOf(child)
  options.signal.removeEventListener('abort', onAbort)
  silence.stop()
  const leftRunning = await endGroup(child)
  const faults = faultsOf({ ended, reports, hung: silence.hung(), leftRunning, options })
  return { path, reports, faults, output, durationMs: performance.now() - startedMs }
}

/**
 * What Node has compiled once need not be stripped of its types and parsed again by the next file:
 * most of the work of a small one. An entry counts only for the very text that it was made from.
 */
const compiledFolder = (root: string): string => join(root, 'node_modules', '.cache', 'compiled')

function start(path: string, options: RunFileOptions): ChildProcess {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    NODE_COMPILE_CACHE: compiledFolder(options.root),
  }
  delete env.NODE_TEST_CONTEXT // set when this runner is itself under test
  const args = [
    ...['--disable-warning=ExperimentalWarning', `--test-reporter=${reporterUrl}`],
    '--test-reporter-destination=stdout',
    ...testFlags(path),
    ...(options.grep === undefined ? [] : [`--test-name-pattern=${options.grep}`]),
    path,
  ]
  return spawn(process.execPath, args, {
    cwd: options.root,
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: ownGroup,
  })
}

type Ended = {
  readonly code: number | null
  readonly signal: string | null
  readonly error?: Error
}

function endOf(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: null, error }))
    child.once('exit', (code, signal) => {
      // Reports and output still under way arrive before 'close', unless a process left running
      // holds the pipe open.
      const timer = setTimeout(() => resolve({ code, signal }), lingerMs)
      child.once('close', () => {
        clearTimeout(timer)
        resolve({ code, signal })
      })
    })
  })
}

function watchSilence(
  child: ChildProcess,
  limitMs: number,
): { heard: () => void; hung: () => boolean; stop: () => void } {
  let hung = false
  const onSilence = (): void => {
    hung = true
    killGroup(child, 'SIGKILL')
  }
  let timer = setTimeout(onSilence, limitMs)
  return {
    heard: () => {
      clearTimeout(timer)
      if (!hung) timer = setTimeout(onSilence, limitMs)
    },
    hung: () => hung,
    stop: () => clearTimeout(timer),
  }
}

/** Kill what the file has left running. True when there was something. */
async function endGroup(child: ChildProcess): Promise<boolean> {
  if (!ownGroup || child.pid === undefined) return false
  const deadlineMs = performance.now() + lingerMs
  while (groupLives(child.pid)) {
    if (performance.now() > deadlineMs) {
      killGroup(child, 'SIGKILL')
      return true
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
  return false
}

function groupLives(pid: number): boolean {
  try {
    process.kill(-pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    if (ownGroup) process.kill(-child.pid, signal)
    else child.kill(signal)
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

function faultsOf(seen: {
  ended: Ended
  reports: readonly TestReport[]
  hung: boolean
  leftRunning: boolean
  options: RunFileOptions
}): string[] {
  const { ended, reports, hung, leftRunning, options } = seen
  if (ended.error !== undefined) return [`could not be started: ${ended.error.message}`]
  if (options.signal.aborted) return ['was interrupted']
  if (hung) {
    const seconds = (options.silenceMsMax / 1000).toFixed(0)
    const last = reports.at(-1)?.name
    const where = last === undefined ? 'before its first test ended' : `after "${last}"`
    return [
      `said nothing for ${seconds} s ${where} and was killed: a test waits for ever, or a timer, ` +
        'socket or process is left open',
    ]
  }
  const faults: string[] = []
  const failed = reports.some((report) => report.outcome === 'failed')
  if (ended.code !== 0 && !failed) {
    const how = ended.signal === null ? `with code ${ended.code}` : `by ${ended.signal}`
    faults.push(`ended ${how} although no test in it failed`)
  }
  if (ended.code === 0 && reports.length === 0 && options.grep === undefined) {
    faults.push('holds no test')
  }
  if (leftRunning) faults.push('left processes running; they were killed')
  return faults
}
