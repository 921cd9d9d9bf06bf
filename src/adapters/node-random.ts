import { randomFillSync } from 'node:crypto'
import type { Random } from '../ports/random.ts'

/** The operating system's random source. Every fork is the same source: its bytes are all fresh. */
export const nodeRandom: Random = {
  bytes: (count) => randomFillSync(new Uint8Array(count)),
  fork: () => nodeRandom,
}
