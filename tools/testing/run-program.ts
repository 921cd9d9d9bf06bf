/** One checker (the compiler, the linter) in a process of its own. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { ProgramStage } from './stages.ts'

export type ProgramResult = {
  readonly passed: boolean
  readonly output: string
  readonly durationMs: number
}

/** Run a program of node_modules under this Node; what it writes is kept for when it fails. */
export function runProgram(
  stage: ProgramStage,
  options: { root: string; signal: AbortSignal },
): Promise<ProgramResult> {
  const startedMs = performance.now()
  const program = join(options.root, 'node_modules', stage.program)
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const child = spawn(process.execPath, [program, ...stage.args], {
      cwd: options.root,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const stop = (): void => {
      child.kill('SIGTERM')
    }
    options.signal.addEventListener('abort', stop, { once: true })
    const finish = (passed: boolean, note: string): void => {
      options.signal.removeEventListener('abort', stop)
      const output = Buffer.concat(chunks).toString('utf8') + note
      resolve({ passed, output, durationMs: performance.now() - startedMs })
    }
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.once('error', (error) => finish(false, `${error.message}\n`))
    child.once('close', (code) => finish(code === 0, ''))
  })
}
