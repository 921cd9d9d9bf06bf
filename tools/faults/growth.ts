/** What Processors take of their machine: memory of their processes, bytes of their folders. */
import { readFileSync, statSync } from 'node:fs'
import { filesUnder } from '../tour/search.ts'
import type { TourProcessor } from '../tour/world.ts'

const mebibyte = 1024 * 1024

export type Taken = {
  readonly n: number
  /** Resident memory; undefined where the system does not tell it, or it does not run. */
  readonly memoryBytes: number | undefined
  readonly diskBytes: number
}

export const takenBy = (processors: readonly TourProcessor[]): readonly Taken[] =>
  processors.map((processor) => ({
    n: processor.n,
    memoryBytes: processor.isRunning ? residentBytes(processor.pid) : undefined,
    diskBytes: sizeOfFolder(processor.folder),
  }))

function residentBytes(pid: number): number | undefined {
  try {
    const [, kibibytes] =
      /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Without what fills up a small disk: that is nobody's. */
function sizeOfFolder(folder: string): number {
  let sum = 0
  for (const path of filesUnder(folder)) {
    if (path.endsWith('/ballast')) continue
    // It may be gone since it was listed.
    sum += statSync(path, { throwIfNoEntry: false })?.size ?? 0
  }
  return sum
}

/** `memory 141, 150, 139, – MiB; disk 12, 13, 12, 11 MiB` */
export function takenText(taken: readonly Taken[]): string {
  const memory = taken.map(({ memoryBytes }) =>
    memoryBytes === undefined ? '–' : String(Math.round(memoryBytes / mebibyte)),
  )
  const disk = taken.map(({ diskBytes }) => String(Math.round(diskBytes / mebibyte)))
  return `memory ${memory.join(', ')} MiB; disk ${disk.join(', ')} MiB`
}
