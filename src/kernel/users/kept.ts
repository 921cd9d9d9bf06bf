/** A bounded map: what was used longest ago goes when there is no room. */
import { assert } from '../../base/assert.ts'

export class Kept<Value> {
  readonly #countMax: number
  readonly #values = new Map<string, Value>()

  constructor(countMax: number) {
    assert(countMax >= 1, 'room for one')
    this.#countMax = countMax
  }

  get size(): number {
    return this.#values.size
  }

  /** Counts as use. */
  get(key: string): Value | undefined {
    const value = this.#values.get(key)
    if (value === undefined) return undefined
    this.#values.delete(key)
    this.#values.set(key, value)
    return value
  }

  set(key: string, value: Value): void {
    this.#values.delete(key)
    if (this.#values.size >= this.#countMax) {
      const oldest = this.#values.keys().next()
      if (oldest.done === false) this.#values.delete(oldest.value)
    }
    this.#values.set(key, value)
  }

  delete(key: string): void {
    this.#values.delete(key)
  }
}
