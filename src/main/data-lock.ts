/**
 * One process to a data folder.
 *
 * A file that holds a process id cannot do that without races: between reading that the owner is
 * dead and writing oneself in, another may do the same, and ids are used again. Node has no call
 * for the lock that the operating system keeps (`fcntl`), but SQLite, which is in Node, takes one:
 * an exclusive transaction on a database that never holds anything. The system lets go of it when
 * the process ends, however it ends, so no lock is ever stale.
 *
 * The owner's id stands beside it in a file of its own, for people.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { systemReason } from '../adapters/system-reason.ts'
import { StartCode, StartError } from './exit-codes.ts'

const busyCode = 5
const lowByte = 0xff

export type DataLock = {
  /** Let go; idempotent. The end of the process does it too. */
  release(): void
}

/**
 * Take the lock of a folder, at once or not at all. Keep the result: a lock that nobody holds on
 * to is let go with the garbage.
 *
 * @param what is run there, for the message: `a Processor`.
 * @throws StartError `start/already-running`, `start/folder`
 */
export function lockFolder(folder: string, what: string): DataLock {
  const pidFile = join(folder, 'pid')
  const store = openStore(folder)
  try {
    store.exec('PRAGMA locking_mode = EXCLUSIVE')
    store.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    store.close()
    if (!isBusy(error)) throw unusable(folder, error)
    const pid = readPid(pidFile)
    const who = pid === undefined ? '' : ` (process ${pid})`
    const message = `${what} runs on ${folder} already${who}; stop it first, or use it`
    throw new StartError(StartCode.AlreadyRunning, message, { folder, pid })
  }
  try {
    writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 })
  } catch (error) {
    store.close()
    throw unusable(folder, error)
  }
  let isHeld = true
  return {
    release: () => {
      if (!isHeld) return
      isHeld = false
      rmSync(pidFile, { force: true })
      store.close()
    },
  }
}

function openStore(folder: string): DatabaseSync {
  try {
    return new DatabaseSync(join(folder, 'lock'), { timeout: 0, allowExtension: false })
  } catch (error) {
    throw unusable(folder, error)
  }
}

const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && (Number(error.errcode) & lowByte) === busyCode

function unusable(folder: string, cause: unknown): StartError {
  const message = `the data folder ${folder} cannot be used: ${systemReason(cause)}; check its rights`
  return new StartError(StartCode.Folder, message, { folder }, { cause })
}

/** Of the owner; undefined when it has not written it yet. */
function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8'))
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    // Only for the message, which does without.
    return undefined
  }
}
