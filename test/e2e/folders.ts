/** Temporary folders, and who cleans up after a test. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Has `work` done when the test ends, whatever its outcome. */
export type Cleanup = (work: () => Promise<void>) => void

/**
 * The cleanup of a test (`cleanupOf(t)`) or of a file (`cleanupOf({ after })`): what was made last
 * goes first, so that a world is stopped before its folder is removed.
 */
export function cleanupOf(owner: { after: (work: () => Promise<void>) => void }): Cleanup {
  const works: (() => Promise<void>)[] = []
  owner.after(async () => {
    const failures: unknown[] = []
    for (const work of works.splice(0).reverse()) {
      try {
        await work()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  })
  return (work) => void works.push(work)
}

export async function temporaryFolder(cleanup: Cleanup): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'unosys-e2e-'))
  cleanup(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}
