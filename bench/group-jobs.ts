/** What clients do for a time, and when each thing was done. */

export type GroupJob = 'write' | 'read'

export type Timed = {
  readonly ms: number
  readonly latenciesMs: readonly number[]
  /** Longest time between two acknowledgements, the start and the end among them. */
  readonly gapMs: number
}

/** `clients` lanes call `work` again and again until `ms` have passed; then each ends its call. */
export async function timedFor(
  input: { readonly clients: number; readonly ms: number },
  work: (index: number) => Promise<unknown>,
): Promise<Timed> {
  const latenciesMs: number[] = []
  const startMs = performance.now()
  let lastMs = startMs
  let gapMs = 0
  let next = 0
  const lane = async (): Promise<void> => {
    for (let askedMs = performance.now(); askedMs - startMs < input.ms; ) {
      await work(next++)
      const nowMs = performance.now()
      latenciesMs.push(nowMs - askedMs)
      gapMs = Math.max(gapMs, nowMs - lastMs)
      lastMs = nowMs
      askedMs = nowMs
    }
  }
  await Promise.all(Array.from({ length: input.clients }, lane))
  return { ms: performance.now() - startMs, latenciesMs, gapMs }
}
