/** A line now and then: how far a large run is, and how long it may take. */
import { batchName } from './plan.ts'
import type { Outcome } from './run-task.ts'
import { grouped } from './summary.ts'

const everyMs = 15_000

export class Progress {
  readonly #total: number
  readonly #say: (line: string) => void
  readonly #before: number
  readonly #startedMs = performance.now()
  readonly #timer: NodeJS.Timeout
  #doneCount: number
  #failedCount = 0
  #where = ''

  constructor(total: number, doneBefore: number, say: (line: string) => void) {
    this.#total = total
    this.#doneCount = doneBefore
    this.#before = doneBefore
    this.#say = say
    this.#timer = setInterval(() => this.#tell(), everyMs)
    this.#timer.unref()
  }

  done({ failure, task }: Outcome): void {
    this.#doneCount++
    this.#where = batchName(task)
    if (failure !== undefined) this.#failedCount++
  }

  #tell(): void {
    const minutes = (performance.now() - this.#startedMs) / 60_000
    const percent = ((100 * this.#doneCount) / Math.max(1, this.#total)).toFixed(1)
    this.#say(
      `${grouped(this.#doneCount)} of ${grouped(this.#total)} (${percent} %), ${this.#where}, ` +
        `${this.#failedCount} failed, ${minutes.toFixed(1)} min`,
    )
  }

  stop(): void {
    clearInterval(this.#timer)
    if (this.#doneCount > this.#before) this.#tell()
  }
}
