import { assert } from '../../base/assert.ts'
import { BoundedQueue } from '../../base/queue.ts'

/**
 * Lets a bounded number of tasks run at once; the others wait in the order in which they came. How
 * many wait is bounded by the callers: links admit so many requests, a client sends so many blocks.
 */
export class Gate {
  readonly #waiting = new BoundedQueue<() => void>({ countMax: Number.MAX_SAFE_INTEGER })
  #room: number

  constructor(runningMax: number) {
    assert(Number.isInteger(runningMax) && runningMax >= 1, 'a gate lets at least one through')
    this.#room = runningMax
  }

  async run<Value>(task: () => Promise<Value>): Promise<Value> {
    if (this.#room > 0) this.#room -= 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await task()
    } finally {
      this.#leave()
    }
  }

  /** The place of a task that ended goes to the one that waits longest, if any. */
  #leave(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#room += 1
    else next()
  }
}
