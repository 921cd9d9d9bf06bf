/** A folder on a small file system of its own, which can be filled up. Needs the right to mount. */
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageOf } from '../../src/base/error.ts'

const chunkBytes = 64 * 1024
const ballastName = 'ballast'

const mount = (folder: string, bytes: number): void => {
  const options = `size=${bytes},mode=0700`
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'unosys-small-disk', folder], {
    stdio: 'pipe',
  })
}

const unmount = (folder: string): void => {
  execFileSync('umount', [folder], { stdio: 'pipe' })
}

/** Why there can be no small disk here; undefined when there can. */
export function whyNoSmallDisk(): string | undefined {
  if (process.platform !== 'linux') return 'only Linux has file systems in memory for it'
  const folder = mkdtempSync(join(tmpdir(), 'unosys-mount-'))
  try {
    mount(folder, chunkBytes)
    unmount(folder)
    return undefined
  } catch (error) {
    return `it cannot be mounted (${messageOf(error).trim().split('\n').at(-1)})`
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export type SmallDisk = {
  /** Write until no more than so many bytes are free. */
  readonly fill: (leaveBytes: number) => void
  /** Make room again. */
  readonly empty: () => void
  /**
   * Nobody may use it any more.
   *
   * @param keep put what is on it into the folder as it was before; else it is gone.
   */
  readonly release: (keep?: boolean) => void
}

/** Put a folder, with what is in it, on a disk of so many bytes. Nobody may use it yet. */
export function putOnSmallDisk(folder: string, bytes: number): SmallDisk {
  const aside = mkdtempSync(join(tmpdir(), 'unosys-aside-'))
  try {
    copyInto(folder, aside)
    mount(folder, bytes)
    copyInto(aside, folder)
  } finally {
    rmSync(aside, { recursive: true })
  }
  const ballast = join(folder, ballastName)
  return {
    fill: (leaveBytes) => fillUp(ballast, leaveBytes),
    empty: () => rmSync(ballast, { force: true }),
    release: (keep = false) => (keep ? carryBack(folder) : unmount(folder)),
  }
}

/** Modes are kept by copying file by file: keys stay their owner's alone. */
function copyInto(from: string, to: string): void {
  for (const name of readdirSync(from)) {
    cpSync(join(from, name), join(to, name), { recursive: true, preserveTimestamps: true })
  }
}

function carryBack(folder: string): void {
  rmSync(join(folder, ballastName), { force: true })
  const aside = `${folder}.aside`
  mkdirSync(aside, { mode: 0o700 })
  copyInto(folder, aside)
  unmount(folder)
  // What was there before it was put on the small disk is older.
  rmSync(folder, { recursive: true })
  renameSync(aside, folder)
}

function fillUp(path: string, leaveBytes: number): void {
  const file = openSync(path, 'a')
  const freeBytes = (): number => {
    const { bavail, bsize } = statfsSync(path)
    return bavail * bsize
  }
  try {
    const chunk = Buffer.alloc(chunkBytes, 'x')
    while (freeBytes() > leaveBytes && hasWritten(file, chunk));
    // The last bytes of the last page, where really nothing is to be left.
    if (leaveBytes === 0) while (hasWritten(file, chunk.subarray(0, 1)));
  } finally {
    closeSync(file)
  }
}

function hasWritten(file: number, bytes: Buffer): boolean {
  try {
    return writeSync(file, bytes) > 0
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false
    throw error
  }
}
