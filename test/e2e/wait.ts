/** Waiting for something to become true, with a deadline: never for luck. */

/** @param options.deadlineMs from now; generous, since machines of tests are busy. */
export async function waitFor<Value>(
  what: string,
  look: () => Promise<Value | undefined | false> | Value | undefined | false,
  options: { readonly deadlineMs?: number; readonly pollMs?: number } = {},
): Promise<Value> {
  const { deadlineMs = 60_000, pollMs = 50 } = options
  const endMs = performance.now() + deadlineMs
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (performance.now() > endMs) throw new Error(`waited ${deadlineMs} ms in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}
