import { assert } from '../base/assert.ts'
import { type DiskCode, DiskError } from '../ports/disk.ts'

export const diskFault = (code: DiskCode, path: string, why: string): DiskError =>
  new DiskError(code, `${path}: ${why}`, { path })

/** Our own paths only: anything else is a mistake of ours. Empty is the root. */
export function partsOf(path: string): string[] {
  if (path === '') return []
  const parts = path.split('/')
  for (const part of parts) {
    const isSafe = part !== '' && part !== '.' && part !== '..' && !/[\\\0:]/.test(part)
    assert(isSafe, `not a path inside the data folder: ${JSON.stringify(path)}`)
  }
  return parts
}

export function lengthOf(parts: readonly Uint8Array[]): number {
  let length = 0
  for (const part of parts) length += part.length
  return length
}
