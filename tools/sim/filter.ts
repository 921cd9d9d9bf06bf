/** Which lines of a trace are wanted. */
import type { TraceEvent } from '../../src/simulator/trace.ts'

export type FilterOptions = {
  /** Lines before this height was executed anywhere are not wanted. */
  readonly fromHeight: number
  /** Only lines that name one of these; undefined: all lines. */
  readonly names: readonly string[] | undefined
  /** The same by number, for events of a member (`node/…`, `disk/…`). */
  readonly member?: number | undefined
  /** The highest height executed so far, where events do not tell it. */
  readonly height?: () => number
}

export class TraceFilter {
  readonly #options: FilterOptions
  #height = 0

  constructor(options: FilterOptions) {
    this.#options = options
  }

  wants(event: TraceEvent): boolean {
    const { fromHeight, height, names } = this.#options
    if (event.kind === 'node/execute')
      this.#height = Math.max(this.#height, Number(event.facts[1] ?? 0))
    if (fromHeight > Math.max(this.#height, height?.() ?? 0)) return false
    return names === undefined || this.#isOf(event, names)
  }

  #isOf({ facts, kind }: TraceEvent, names: readonly string[]): boolean {
    const { member } = this.#options
    if (member !== undefined && /^(?:node|disk)\//.test(kind)) return facts[0] === member
    return facts
      .join(' ')
      .split(/[ +:]/)
      .some((word) => names.includes(word))
  }
}
