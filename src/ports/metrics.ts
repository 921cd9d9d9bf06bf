/** Counters and gauges by name; read by `/v1/status`. Names: `layer.what_unit`. */
export interface Metrics {
  /** Add to a counter (1 unless told). */
  count(name: string, by?: number): void
  /** Set a gauge. */
  gauge(name: string, value: number): void
  /** Current values, sorted by name. */
  snapshot(): Readonly<Record<string, number>>
}
