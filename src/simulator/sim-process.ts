import { assert } from '../base/assert.ts'
import type { Scheduler } from './scheduler.ts'

/**
 * One run of one simulated node: everything that ends with it. All simulated ports of a node start
 * their events through its process, so that nothing of a dead node ever runs again, and nothing of
 * a frozen one before it thaws.
 *
 * A restart is a new process of the same name.
 */
export class SimProcess {
  readonly name: string
  readonly scheduler: Scheduler
  readonly startedMs: number
  #state: 'running' | 'frozen' | 'dead' = 'running'
  #held: { readonly task: () => void; readonly label: string }[] = []
  readonly #deathListeners: (() => void)[] = []
  readonly #thawListeners: (() => void)[] = []

  constructor(scheduler: Scheduler, name: string) {
    this.scheduler = scheduler
    this.name = name
    this.startedMs = scheduler.nowMs
    scheduler.trace('process/start', name)
  }

  get state(): 'running' | 'frozen' | 'dead' {
    return this.#state
  }

  /** Like `Scheduler.after`, while this process lives; held back while it is frozen. */
  after(delayMs: number, task: () => void, label: string): () => void {
    if (this.#state === 'dead') return () => {}
    const named = `${this.name} ${label}`
    let cancelled = false
    const cancel = this.scheduler.after(
      delayMs,
      () =>
        this.#admit(() => {
          if (!cancelled) task()
        }, named),
      named,
    )
    return () => {
      cancelled = true
      cancel()
    }
  }

  #admit(task: () => void, label: string): void {
    if (this.#state === 'running') task()
    else if (this.#state === 'frozen') this.#held.push({ task, label })
  }

  /** As by SIGKILL: nothing of it runs any more. Listeners run at once, in order. Idempotent. */
  kill(): void {
    if (this.#state === 'dead') return
    this.#state = 'dead'
    this.#held = []
    this.scheduler.trace('process/kill', this.name)
    for (const listener of this.#deathListeners) listener()
  }

  /** As by SIGSTOP: its events wait, time goes on. */
  freeze(): void {
    if (this.#state !== 'running') return
    this.#state = 'frozen'
    this.scheduler.trace('process/freeze', this.name)
  }

  /** As by SIGCONT: what waited runs now, in the order in which it was due, each an event. */
  thaw(): void {
    if (this.#state !== 'frozen') return
    this.#state = 'running'
    this.scheduler.trace('process/thaw', this.name)
    const held = this.#held
    this.#held = []
    for (const { task, label } of held)
      this.scheduler.after(0, () => this.#admit(task, label), label)
    for (const listener of this.#thawListeners) listener()
  }

  /** For simulated ports: what to drop when this process is killed. */
  onDeath(listener: () => void): void {
    assert(this.#state !== 'dead', 'the process lives')
    this.#deathListeners.push(listener)
  }

  /** For simulated ports: what to take up again after a freeze. */
  onThaw(listener: () => void): void {
    this.#thawListeners.push(listener)
  }
}
