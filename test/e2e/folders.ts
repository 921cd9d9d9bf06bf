/** Temporary folders, each with an owner that removes it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Whoever runs cleanup: a test, or the file's `after`. */
export type Cleanup = (work: () => Promise<void>) => void

export async function temporaryFolder(cleanup: Cleanup): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'unosys-e2e-'))
  cleanup(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}
