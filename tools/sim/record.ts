/**
 * The record of a large run: a line of JSON for each task that ended, after a line that says which
 * plan and which commit. A run that was stopped goes on with the tasks that are not in it. A last
 * line that was cut off is a task that did not end.
 */
import { appendFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { batchName, type Task } from './plan.ts'
import type { Outcome } from './run-task.ts'

export type RecordHead = {
  readonly plan: string
  readonly commit: string
  readonly startedAt: string
}

/** The record is of another plan or commit, or no record at all. The message says what to do. */
export class RecordError extends Error {}

export const taskKey = (task: Task): string => `${batchName(task)} seed ${task.seed}`

export class RunRecord {
  readonly path: string
  readonly head: RecordHead
  /** By `taskKey`. */
  readonly outcomes = new Map<string, Outcome>()

  private constructor(path: string, head: RecordHead, outcomes: readonly Outcome[]) {
    this.path = path
    this.head = head
    for (const outcome of outcomes) this.outcomes.set(taskKey(outcome.task), outcome)
  }

  static begin(path: string, head: RecordHead): RunRecord {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, `${JSON.stringify(head)}\n`)
    return new RunRecord(path, head, [])
  }

  /** Undefined when there is no file. @throws RecordError if it is no record */
  static read(path: string): RunRecord | undefined {
    let text: string
    try {
      text = readFileSync(path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    const end = text.lastIndexOf('\n') + 1
    if (end < text.length) truncateSync(path, Buffer.byteLength(text.slice(0, end)))
    const [head, ...outcomes] = text.slice(0, end).split('\n').slice(0, -1).map(parsed(path))
    if (!isHead(head)) throw new RecordError(`${path} is no record of a run: move it away`)
    return new RunRecord(path, head, outcomes as Outcome[])
  }

  add(outcome: Outcome): void {
    this.outcomes.set(taskKey(outcome.task), outcome)
    appendFileSync(this.path, `${JSON.stringify(outcome)}\n`)
  }

  has(task: Task): boolean {
    return this.outcomes.has(taskKey(task))
  }
}

const parsed =
  (path: string) =>
  (line: string): unknown => {
    try {
      return JSON.parse(line)
    } catch (cause) {
      throw new RecordError(`${path} is damaged: move it away`, { cause })
    }
  }

const isHead = (value: unknown): value is RecordHead =>
  typeof value === 'object' && value !== null && 'plan' in value && 'commit' in value
