/** Workers, one process for each core, that take the tasks of a list in order. */
import { fork } from 'node:child_process'
import { join } from 'node:path'
import type { Task } from './plan.ts'
import type { Outcome } from './run-task.ts'

const workerPath = join(import.meta.dirname, 'worker.ts')

export type CrewOptions = {
  readonly jobs: number
  readonly signal: AbortSignal
  readonly onOutcome: (outcome: Outcome) => void
}

/** Resolves when all tasks are done, or when no more shall be begun and the workers are gone. */
export async function runTasks(tasks: readonly Task[], options: CrewOptions): Promise<void> {
  const left = [...tasks].reverse()
  const workers = Array.from({ length: Math.min(options.jobs, tasks.length) }, () =>
    work(left, options),
  )
  await Promise.all(workers)
}

/** One worker after another, until the tasks are used up: one that dies is replaced. */
async function work(left: Task[], options: CrewOptions): Promise<void> {
  while (left.length > 0 && !options.signal.aborted) await oneWorker(left, options)
}

function oneWorker(left: Task[], options: CrewOptions): Promise<void> {
  const { onOutcome, signal } = options
  return new Promise((resolve) => {
    const child = fork(workerPath, { execArgv: ['--disable-warning=ExperimentalWarning'] })
    let current: Task | undefined
    const next = (): void => {
      current = signal.aborted ? undefined : left.pop()
      if (current === undefined) child.kill()
      else child.send(current)
    }
    const abort = (): void => {
      current = undefined
      child.kill('SIGKILL')
    }
    signal.addEventListener('abort', abort, { once: true })
    child.on('message', (outcome: Outcome) => {
      onOutcome(outcome)
      next()
    })
    child.once('error', () => abort())
    child.once('exit', (code, killedBy) => {
      signal.removeEventListener('abort', abort)
      if (current !== undefined) onOutcome(died(current, code ?? killedBy))
      resolve()
    })
    next()
  })
}

const died = (task: Task, how: number | string | null): Outcome => ({
  task,
  failure: `seed ${task.seed}: the process that ran it died (${how})`,
  ...{ runCount: 1, crashCount: 0, height: 0, eventCount: 0, healedInMs: 0, wallMs: 0 },
})
