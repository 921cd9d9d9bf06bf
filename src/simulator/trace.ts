import { Mixer } from './mix.ts'

/** One thing that happened in a simulated world. Facts are printable and in a fixed order. */
export type TraceEvent = {
  readonly atMs: number
  /** `layer/what`, e.g. `network/deliver`. */
  readonly kind: string
  readonly facts: readonly (string | number)[]
}

/** Hears every event of a world, in order. */
export type TraceListener = (event: TraceEvent) => void

/** The last events kept for a failure message. */
const keptCountMax = 4096

/** One line for people: `   12.345 ms  network/deliver  a b 512`. */
export function traceLine(event: TraceEvent): string {
  return `${event.atMs.toFixed(3).padStart(10)} ms  ${event.kind}  ${event.facts.join(' ')}`
}

/** Hashes all events of a run and keeps the last ones. Same seed, same code: same hash. */
export class TraceRecorder {
  readonly #mixer = new Mixer()
  readonly #kept: TraceEvent[] = []
  #count = 0

  /** Hand this to the scheduler. */
  readonly listen: TraceListener = (event) => {
    this.#mixer.number(event.atMs).text(event.kind)
    for (const fact of event.facts) {
      if (typeof fact === 'number') this.#mixer.number(fact)
      else this.#mixer.text(fact)
    }
    this.#kept[this.#count++ % keptCountMax] = event
  }

  get count(): number {
    return this.#count
  }

  /** 32 hexadecimal digits over everything so far. */
  get hash(): string {
    return this.#mixer.hex()
  }

  /** The last `countMax` events as lines, oldest first; at most 4,096 are kept. */
  lastLines(countMax: number): string[] {
    const wanted = Math.min(countMax, this.#count, keptCountMax)
    const lines: string[] = []
    for (let index = this.#count - wanted; index < this.#count; index++) {
      const event = this.#kept[index % keptCountMax]
      if (event !== undefined) lines.push(traceLine(event))
    }
    return lines
  }
}
