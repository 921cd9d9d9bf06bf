/**
 * A lock between processes: one folder, made by `mkdir`, which either happens or does not.
 *
 * The obvious lock is a folder that the owner removes when done. It fails when the owner is killed:
 * the folder stays and everybody waits for ever. So the owner writes down who it is (its process,
 * and the process it works through), and touches a file in it every second. A waiter takes the
 * lock over
 * - at once, when it is on the same machine and sees that none of these processes lives;
 * - otherwise when it has itself watched the file stand still for `stillMs`. It counts its own
 *   time, not the file's, so that a machine waking from sleep does not lose a lock it holds.
 *
 * Two waiters could decide this together, and the slower would remove the lock that the faster has
 * just made. Therefore the removal has a guard of its own, and the owner is read again behind it.
 */

import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf } from './error-code.mjs'

const touchMs = 1_000
const pollMs = 200
const stillMs = 30_000
const guardMs = 10_000

/** @typedef {{ token: string, host: string, pids: number[] }} Owner */

/** A lock that this process holds. */
export class HeldLock {
  #folder
  #owner
  #timer

  /** @param {string} folder @param {Owner} owner */
  constructor(folder, owner) {
    this.#folder = folder
    this.#owner = owner
    this.#timer = setInterval(() => this.#touch(), touchMs)
    this.#timer.unref()
  }

  /** Name another process whose life keeps the lock, such as the installer at work. */
  alsoHeldBy(/** @type {number} */ pid) {
    this.#owner.pids.push(pid)
    writeOwner(this.#folder, this.#owner)
  }

  release() {
    clearInterval(this.#timer)
    if (readOwner(this.#folder)?.token === this.#owner.token) {
      rmSync(this.#folder, { recursive: true, force: true })
    }
  }

  #touch() {
    const now = new Date()
    try {
      utimesSync(ownerFile(this.#folder), now, now)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      clearInterval(this.#timer) // taken over: this process stood still for too long
    }
  }
}

/**
 * Take the lock, waiting as long as its owner lives.
 *
 * @param {string} folder where the lock stands
 * @param {{ onWait?: (owner: Owner | undefined) => void, stillMs?: number }} [options]
 *   `onWait` is told once, when another process holds the lock
 * @returns {Promise<HeldLock>}
 */
export async function takeLock(folder, options = {}) {
  const owner = { token: newToken(), host: hostname(), pids: [process.pid] }
  const watch = { mark: '', sinceMs: performance.now() }
  let told = false
  while (!tryMake(folder, owner)) {
    if (isAbandoned(folder, watch, options.stillMs ?? stillMs)) {
      if (!removeAbandoned(folder, watch.mark)) await sleep(pollMs)
      continue
    }
    if (!told) options.onWait?.(readOwner(folder))
    told = true
    await sleep(pollMs)
  }
  return new HeldLock(folder, owner)
}

function newToken() {
  return `${process.pid}-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`
}

/** @param {string} folder */
function ownerFile(folder) {
  return join(folder, 'owner.json')
}

/** @param {string} folder @param {Owner} owner */
function tryMake(folder, owner) {
  try {
    mkdirSync(folder)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
  writeOwner(folder, owner)
  return true
}

/** @param {string} folder @param {Owner} owner */
function writeOwner(folder, owner) {
  const draft = join(folder, `owner.${owner.token}`)
  writeFileSync(draft, `${JSON.stringify(owner)}\n`)
  renameSync(draft, ownerFile(folder))
}

/**
 * @param {string} folder
 * @returns {Owner | undefined} undefined while the owner has not written its name yet
 */
function readOwner(folder) {
  try {
    return JSON.parse(readFileSync(ownerFile(folder), 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * What changes whenever the owner shows life: who it is and when it last touched its file.
 *
 * @param {string} folder
 */
function markOf(folder) {
  try {
    return `${readOwner(folder)?.token} ${statSync(ownerFile(folder)).mtimeMs}`
  } catch {
    return 'unnamed'
  }
}

/**
 * @param {string} folder
 * @param {{ mark: string, sinceMs: number }} watch what was seen last, and since when
 * @param {number} limitMs
 */
function isAbandoned(folder, watch, limitMs) {
  const mark = markOf(folder)
  if (mark !== watch.mark) {
    watch.mark = mark
    watch.sinceMs = performance.now()
  }
  const owner = readOwner(folder)
  if (owner?.host === hostname() && !owner.pids.some(isAlive)) return true
  return performance.now() - watch.sinceMs > limitMs
}

/**
 * @param {string} folder
 * @param {string} mark
 * @returns {boolean} false when another process is at it
 */
function removeAbandoned(folder, mark) {
  const guard = `${folder}.guard`
  try {
    mkdirSync(guard)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    removeOldGuard(guard)
    return false
  }
  try {
    if (markOf(folder) === mark) rmSync(folder, { recursive: true, force: true })
  } finally {
    rmSync(guard, { recursive: true, force: true })
  }
  return true
}

/**
 * A guard lives for milliseconds; one that is seconds old belongs to a process that was killed.
 *
 * @param {string} guard
 */
function removeOldGuard(guard) {
  const stat = statSync(guard, { throwIfNoEntry: false })
  if (stat !== undefined && Date.now() - stat.mtimeMs > guardMs) {
    rmSync(guard, { recursive: true, force: true })
  }
}

/** @param {number} pid */
export function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM' // it lives, and belongs to somebody else
  }
}
