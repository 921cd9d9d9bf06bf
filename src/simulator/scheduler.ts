/**
 * The one thread of time of a simulated world.
 *
 * Problem: the kernel waits for promises everywhere. A promise that settles runs its followers
 * later, in the host's microtask queue, and those may arm timers or send messages. If the next
 * event ran before all of them, the run would depend on how many microtasks each happened to need.
 *
 * The obvious way, to await some fixed number of ticks, is a guess. Chosen way: between any two
 * events the caller-given `settle` waits for one turn of the host's event loop, before which the
 * host empties its microtask queue completely, however long the chains are. So nothing but events
 * of this scheduler ever starts anything, and a run is a function of its seed.
 *
 * Real work that takes real time (a password hash in a thread) is admitted through `afterWork`: it
 * becomes an event at a virtual time, and the run waits there until the work is done.
 */
import { assert } from '../base/assert.ts'
import { type DueEvent, EventHeap } from './event-heap.ts'
import type { TraceListener } from './trace.ts'

export type RunEnd =
  /** `until` came true. */
  | 'reached'
  /** Nothing is left to happen; time stands at the last event. */
  | 'idle'
  /** `eventCountMax` or `timeMsMax` was used up. */
  | 'events'
  | 'time'

export class Scheduler {
  readonly #heap = new EventHeap()
  readonly #settle: () => Promise<void>
  readonly #onTrace: TraceListener | undefined
  #nowMs = 0
  #askedCount = 0
  #ranCount = 0
  #waitingCount = 0

  /**
   * @param options.settle resolves in a later turn of the host's event loop, when all microtasks
   *   have run. For Node: `() => new Promise((resolve) => setImmediate(resolve))`.
   * @param options.onTrace hears every event of the world.
   */
  constructor(options: {
    readonly settle: () => Promise<void>
    readonly onTrace?: TraceListener | undefined
  }) {
    this.#settle = options.settle
    this.#onTrace = options.onTrace
  }

  /** Virtual milliseconds since the world began; may have a fraction. */
  get nowMs(): number {
    return this.#nowMs
  }

  get ranCount(): number {
    return this.#ranCount
  }

  /** Events that are due some time and not cancelled. */
  get waitingCount(): number {
    return this.#waitingCount
  }

  /** Run `task` once, `delayMs` from now; equal times by order of asking. The result cancels. */
  after(delayMs: number, task: () => void, label: string): () => void {
    return this.#add({ delayMs, task, label, work: undefined })
  }

  /**
   * Follow real work in virtual time: resolves (or rejects) like `work`, but as an event `delayMs`
   * from now, however long the work really takes. Only `run` can pass such an event.
   */
  afterWork<Value>(delayMs: number, work: Promise<Value>, label: string): Promise<Value> {
    return new Promise((resolve, reject) => {
      let task: () => void = () => assert(false, 'the work has ended')
      const ended = work.then(
        (value) => {
          task = () => resolve(value)
        },
        (error: unknown) => {
          task = () => reject(error)
        },
      )
      this.#add({ delayMs, task: () => task(), label, work: ended })
    })
  }

  #add(input: {
    readonly delayMs: number
    readonly task: () => void
    readonly label: string
    readonly work: Promise<void> | undefined
  }): () => void {
    const { delayMs, task, label, work } = input
    assert(delayMs >= 0 && Number.isFinite(delayMs), 'delay is finite and not negative')
    const event: DueEvent = {
      atMs: this.#nowMs + delayMs,
      sequence: this.#askedCount++,
      label,
      task,
      work,
    }
    this.#heap.push(event)
    this.#waitingCount++
    return () => {
      if (event.task === undefined) return
      event.task = undefined
      this.#waitingCount--
    }
  }

  #next(): DueEvent | undefined {
    for (let event = this.#heap.peek(); event !== undefined; event = this.#heap.peek()) {
      if (event.task !== undefined) return event
      this.#heap.pop()
    }
    return undefined
  }

  #runNext(event: DueEvent): void {
    this.#heap.pop()
    const { task } = event
    assert(task !== undefined, 'the event was not cancelled')
    event.task = undefined
    this.#waitingCount--
    this.#nowMs = event.atMs
    this.#ranCount++
    this.trace('event', event.label)
    task()
  }

  /**
   * Move time to the earliest event and run it; false when nothing waits. Microtasks that it starts
   * have not run yet when this returns: code with promises is driven by `run`.
   */
  step(): boolean {
    const event = this.#next()
    if (event === undefined) return false
    assert(event.work === undefined, 'real work can only be passed by run()')
    this.#runNext(event)
    return true
  }

  /**
   * Run events until `until` holds, all microtasks settled between any two.
   *
   * @param options.until tested before each event; without it the run goes on until idle.
   * @param options.timeMsMax virtual time this run may take; time then stands exactly there.
   * @throws whatever a task throws: the world is broken then.
   */
  async run(options: {
    readonly until?: () => boolean
    readonly eventCountMax?: number
    readonly timeMsMax?: number
  }): Promise<RunEnd> {
    const eventCountMax = options.eventCountMax ?? Number.MAX_SAFE_INTEGER
    const endMs = this.#nowMs + (options.timeMsMax ?? Number.MAX_VALUE)
    for (let count = 0; ; count++) {
      await this.#settle()
      if (options.until?.()) return 'reached'
      const event = this.#next()
      if (event === undefined) return 'idle'
      if (event.atMs > endMs) {
        this.#nowMs = endMs
        return 'time'
      }
      if (count >= eventCountMax) return 'events'
      if (event.work !== undefined) await event.work
      this.#runNext(event)
    }
  }

  /** Tell the listener of this world what happened. */
  trace(kind: string, ...facts: readonly (string | number)[]): void {
    this.#onTrace?.({ atMs: this.#nowMs, kind, facts })
  }
}
