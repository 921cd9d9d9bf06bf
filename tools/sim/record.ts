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
  /** With which it was begun. */
  readonly commit: string
  readonly startedAt: string
}

/** An outcome, and the commit that gave it. */
export type Recorded = Outcome & { readonly commit: string }

/** The record is of another plan or commit, or no record at all. The message says what to do. */
export class RecordError extends Error {}

export const taskKey = (task: Task): string => `${batchName(task)} seed ${task.seed}`

export class RunRecord {
  readonly path: string
  readonly head: RecordHead
  /** By `taskKey`. */
  readonly outcomes = new Map<string, Recorded>()

  private constructor(path: string, head: RecordHead, outcomes: readonly Recorded[]) {
    this.path = path
    this.head = head
    for (const outcome of outcomes) this.outcomes.set(taskKey(outcome.task), outcome)
  }

  /** @throws RecordError where no file can be */
  static begin(path: string, head: RecordHead): RunRecord {
    try {
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, `${JSON.stringify(head)}\n`)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw new RecordError(`${path} cannot be written (${code})`, { cause: error })
    }
    return new RunRecord(path, head, [])
  }

  /** Undefined when there is no file. @throws RecordError if it is no record */
  static read(path: string): RunRecord | undefined {
    let text: string
    try {
      text = readFileSync(path, 'utf8')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return undefined
      throw new RecordError(`${path} cannot be read as a record (${code})`, { cause: error })
    }
    const end = text.lastIndexOf('\n') + 1
    if (end < text.length) truncateSync(path, Buffer.byteLength(text.slice(0, end)))
    const [head, ...outcomes] = text.slice(0, end).split('\n').slice(0, -1).map(parsed(path))
    if (!isHead(head)) throw new RecordError(`${path} is no record of a run: move it away`)
    if (!outcomes.every(isOutcome)) throw new RecordError(`${path} is damaged: move it away`)
    // Records of before outcomes had a commit held those of one commit alone.
    const recorded = outcomes.map((outcome) => ({ commit: head.commit, ...outcome }))
    return new RunRecord(path, head, recorded)
  }

  add(recorded: Recorded): void {
    this.outcomes.set(taskKey(recorded.task), recorded)
    appendFileSync(this.path, `${JSON.stringify(recorded)}\n`)
  }

  /** All that gave outcomes, in the order in which they came; the head's if there are none. */
  get commits(): readonly string[] {
    const found = new Set([...this.outcomes.values()].map(({ commit }) => commit))
    return found.size === 0 ? [this.head.commit] : [...found]
  }

  /** True for what need not be run, or only if it failed. */
  has(task: Task, { failedAgain = false }: { readonly failedAgain?: boolean } = {}): boolean {
    const found = this.outcomes.get(taskKey(task))
    return found !== undefined && !(failedAgain && found.failure !== undefined)
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

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

const isHead = (value: unknown): value is RecordHead =>
  isObject(value) && typeof value.plan === 'string' && typeof value.commit === 'string'

/** Far enough to find its place: the rest is numbers to be added up. */
const isOutcome = (value: unknown): value is Outcome & { readonly commit?: string } =>
  isObject(value) && isObject(value.task) && ['string', 'undefined'].includes(typeof value.commit)
