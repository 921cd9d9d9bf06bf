import { compareText } from '../base/bytes.ts'
import type { Metrics } from '../ports/metrics.ts'

/** Counters and gauges of one run of one simulated Processor. */
export class SimMetrics implements Metrics {
  readonly #values = new Map<string, number>()

  count(name: string, by = 1): void {
    this.#values.set(name, (this.#values.get(name) ?? 0) + by)
  }

  gauge(name: string, value: number): void {
    this.#values.set(name, value)
  }

  /** One value; 0 when it was never set. */
  get(name: string): number {
    return this.#values.get(name) ?? 0
  }

  snapshot(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#values].sort(([a], [b]) => compareText(a, b)))
  }
}
