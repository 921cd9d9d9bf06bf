/** Time as the kernel sees it. Layers are given a `Clock`; they never read `Date` themselves. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes backward. For measuring durations only. */
  monotonicMs(): number

  /** Milliseconds since 1970-01-01 UTC, whole; may jump. For times that are shown or agreed on. */
  wallMs(): number

  /**
   * Run `task` once, `delayMs` from now (0 allowed: after the current turn). The result cancels it.
   */
  after(delayMs: number, task: () => void): () => void
}
