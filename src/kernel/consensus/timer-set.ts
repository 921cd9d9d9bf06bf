/** Timers by name: setting one again replaces it. */
import type { Clock } from '../../ports/clock.ts'

export class TimerSet {
  readonly #clock: Clock
  readonly #running = new Map<string, () => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  set(name: string, delayMs: number, task: () => void): void {
    this.cancel(name)
    const cancel = this.#clock.after(delayMs, () => {
      this.#running.delete(name)
      task()
    })
    this.#running.set(name, cancel)
  }

  cancel(name: string): void {
    this.#running.get(name)?.()
    this.#running.delete(name)
  }

  clear(): void {
    for (const cancel of this.#running.values()) cancel()
    this.#running.clear()
  }
}
