import { assert } from '../base/assert.ts'
import { compareText } from '../base/bytes.ts'
import type { Metrics } from '../ports/metrics.ts'

/** Names come from our own code only; more of them means that one was built from data. */
const nameCountMax = 2_048
const namePattern = /^[a-z][a-z0-9-]*\.[a-z][a-z0-9_]*$/

type Value = { readonly kind: 'counter' | 'gauge'; current: number }

/** Counters and gauges in this process's memory; they start at nothing with it. */
export class MemoryMetrics implements Metrics {
  readonly #values = new Map<string, Value>()

  #valueOf(name: string, kind: Value['kind']): Value {
    const known = this.#values.get(name)
    if (known !== undefined) {
      assert(known.kind === kind, `${name} is a ${known.kind}`)
      return known
    }
    assert(namePattern.test(name), `${name} is not like layer.what_unit`)
    assert(this.#values.size < nameCountMax, 'names of metrics are few and fixed')
    const value: Value = { kind, current: 0 }
    this.#values.set(name, value)
    return value
  }

  count(name: string, by = 1): void {
    assert(by >= 0 && Number.isFinite(by), 'a counter only grows')
    this.#valueOf(name, 'counter').current += by
  }

  gauge(name: string, value: number): void {
    assert(Number.isFinite(value), 'a gauge shows a number')
    this.#valueOf(name, 'gauge').current = value
  }

  snapshot(): Readonly<Record<string, number>> {
    const entries = [...this.#values].map(([name, value]) => [name, value.current] as const)
    return Object.fromEntries(entries.sort(([a], [b]) => compareText(a, b)))
  }
}
