/** Programs of the project as processes: the command line, and worlds brought up by it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Cleanup } from './folders.ts'
import { waitFor } from './wait.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const nodeFlags = ['--disable-warning=ExperimentalWarning']

export type Finished = {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export type ProgramOptions = {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string | Uint8Array
}

export type Program = {
  readonly child: ChildProcess
  readonly pid: number
  readonly finished: Promise<Finished>
  /** Lines of standard output so far that are JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into them as it likes
  readonly events: () => any[]
  /** The first event of this name. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into it as it likes
  readonly event: (name: string, deadlineMs?: number) => Promise<any>
  readonly stdout: () => string
  readonly stderr: () => string
}

/** Without the surroundings of the test: no token, world or address of another one. */
function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env }
  for (const name of ['UNOSYS_API', 'UNOSYS_TOKEN', 'UNOSYS_WORLD', 'NODE_TEST_CONTEXT']) {
    delete env[name]
  }
  return { ...env, ...more }
}

/** Start a program; whatever happens, it is gone after the test. */
export function startProgram(
  path: string,
  args: readonly string[],
  options: ProgramOptions & { readonly cleanup: Cleanup },
): Program {
  const child = spawn(process.execPath, [...nodeFlags, `${root}${path}`, ...args], {
    cwd: options.cwd ?? root,
    env: environment(options.env),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const program = watch(child, options.input)
  options.cleanup(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await program.finished
  })
  return program
}

function watch(child: ChildProcess, input: string | Uint8Array | undefined): Program {
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString('utf8')
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8')
  })
  child.stdin?.on('error', () => {})
  child.stdin?.end(input)
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into them as it likes
  const events = (): any[] =>
    stdout
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line))
  return {
    child,
    pid: child.pid ?? 0,
    finished,
    events,
    event: (name, deadlineMs = 60_000) =>
      waitFor(
        `the event ${name}`,
        () => {
          const found = events().find(({ event }) => event === name)
          if (found === undefined && child.exitCode !== null) {
            throw new Error(`ended with ${child.exitCode} before ${name}: ${stdout}${stderr}`)
          }
          return found
        },
        { deadlineMs },
      ),
    stdout: () => stdout,
    stderr: () => stderr,
  }
}

/** Run the command line to its end. */
export function unosys(
  args: readonly string[],
  options: ProgramOptions & { readonly cleanup: Cleanup },
): Promise<Finished> {
  return startProgram('src/cli/main.ts', args, options).finished
}

/** Bring up a world, with an event on each line. */
export const worldUp = (
  args: readonly string[],
  options: ProgramOptions & { readonly cleanup: Cleanup },
): Program => startProgram('src/main/world.ts', ['up', '--json', ...args], options)

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
