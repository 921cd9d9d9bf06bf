/** Counters and gauges that a test can look at. */
import type { Metrics } from '../../src/ports/metrics.ts'

export function memoryMetrics(): Metrics {
  const values = new Map<string, number>()
  return {
    count: (name, by = 1) => {
      values.set(name, (values.get(name) ?? 0) + by)
    },
    gauge: (name, value) => {
      values.set(name, value)
    },
    snapshot: () => Object.fromEntries([...values].sort(([a], [b]) => (a < b ? -1 : 1))),
  }
}
