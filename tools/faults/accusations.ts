/**
 * What Processors report of each other. A Processor counts in memory, since its last start; so it
 * is looked at again and again, and always before it is killed, and what was seen once stays.
 */

/** As in the status of the one that reports; `faults` by kind. */
export type Reports = {
  readonly n: number
  readonly processors: readonly {
    readonly n: number
    readonly faults: Readonly<Partial<Record<string, number>>>
  }[]
}

/** Being slow is no crime, nor having no copy yet. */
const excusable: ReadonlySet<string> = new Set(['late', 'missing'])
/** What is reported of one whose disk was damaged. */
const ofDamage: ReadonlySet<string> = new Set(['name-changed', 'content-changed'])

export class Accusations {
  /** Processors of which anything may be reported from now on, and who may report anything. */
  readonly liars = new Set<number>()
  /** Processors whose block files were damaged. */
  readonly damaged = new Set<number>()
  readonly #counts = new Map<string, number>()

  /** Look at what one of them reports now. */
  note({ n: reporter, processors }: Reports): void {
    if (this.liars.has(reporter)) return
    for (const { n, faults } of processors) {
      for (const [kind, count = 0] of Object.entries(faults)) {
        if (count === 0 || this.#isExcused(n, kind)) continue
        const what = `Processor ${reporter} reports Processor ${n}: ${kind}`
        this.#counts.set(what, Math.max(count, this.#counts.get(what) ?? 0))
      }
    }
  }

  /** Reports that a correct Processor must not get, in words, with the highest count seen. */
  found(): string[] {
    return [...this.#counts].map(([what, count]) => `${what}, ${count} times`)
  }

  #isExcused(n: number, kind: string): boolean {
    if (excusable.has(kind) || this.liars.has(n)) return true
    return ofDamage.has(kind) && this.damaged.has(n)
  }
}
