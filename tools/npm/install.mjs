/**
 * Packages, installed when they are missing or older than package-lock.json, once.
 *
 * "npm start" is the first command after a clone, and must work alone. What is installed is known
 * by a stamp in node_modules, the hash of the lock file that it came from. Who has run "npm ci" by
 * hand has no stamp; npm's own record of what it installed tells the same, and is believed.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { codeOf } from './error-code.mjs'
import { takeLock } from './lock.mjs'
import { pinnedRuntime, platformName, runtimePackages } from './runtime.mjs'

const heartbeatMs = 5_000

/** An installation that failed. `exitCode` is for this process, the message for its user. */
export class InstallError extends Error {
  /** @param {string} message @param {number} exitCode */
  constructor(message, exitCode) {
    super(message)
    this.exitCode = exitCode
  }
}

/**
 * Make the packages be there. Safe to call from several processes at once: one installs, the
 * others wait for it.
 *
 * @param {string} root the project's folder
 * @throws {InstallError} npm failed; what npm said is on the terminal already
 */
export async function ensureInstalled(root) {
  // Inside somebody's node_modules there is no lock file, and npm has installed what is needed.
  if (!existsSync(lockFile(root)) || isInstalled(root)) return
  const lock = await takeLock(join(root, '.install-lock'), {
    onWait: (owner) => {
      const who = owner === undefined ? 'another process' : `process ${owner.pids[0]}`
      say(`${who} is installing packages here, waiting for it`)
    },
  })
  try {
    if (isInstalled(root)) return
    await runNpmCi(root, lock)
    writeStamp(root)
  } finally {
    lock.release()
  }
}

/** @param {string} root */
function isInstalled(root) {
  const hash = lockHash(root)
  if (readText(stampFile(root)) === hash) return true
  if (!npmRecordAgrees(root)) return false
  writeStamp(root)
  return true
}

/** @param {string} root */
function lockFile(root) {
  return join(root, 'package-lock.json')
}

/** @param {string} root */
function stampFile(root) {
  return join(root, 'node_modules', '.unosys-install')
}

/** @param {string} root */
function writeStamp(root) {
  writeFileSync(stampFile(root), lockHash(root))
}

/** @param {string} root */
function lockHash(root) {
  const hash = createHash('sha256')
    .update(readFileSync(lockFile(root)))
    .digest('hex')
  return `${platformName} ${hash}\n`
}

/**
 * Whether npm's record of what it installed holds all that package-lock.json asks for here.
 *
 * @param {string} root
 */
function npmRecordAgrees(root) {
  const wanted = readPackages(lockFile(root))
  const present = readPackages(join(root, 'node_modules', '.package-lock.json'))
  if (wanted === undefined || present === undefined) return false
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || entry.link === true) continue
    const same =
      present[path]?.version === entry.version && present[path]?.integrity === entry.integrity
    const mayBeAbsent = entry.optional === true && present[path] === undefined
    if (!same && !mayBeAbsent) return false
  }
  const hasRuntime =
    runtimePackages[platformName] === undefined || pinnedRuntime(root) !== undefined
  return hasRuntime
}

/** @param {string} path */
function readPackages(path) {
  const text = readText(path)
  if (text === undefined) return undefined
  try {
    return JSON.parse(text).packages
  } catch {
    return undefined // half written: install again
  }
}

/** @param {string} path */
function readText(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/** @param {string} root @param {import('./lock.mjs').HeldLock} lock */
async function runNpmCi(root, lock) {
  say('installing packages (about 350 MB unpacked, among them Node 24); this happens once')
  const startedMs = performance.now()
  const seconds = () => ((performance.now() - startedMs) / 1000).toFixed(0)
  const heartbeat = setInterval(() => say(`still installing, ${seconds()} s`), heartbeatMs)
  try {
    const outcome = await spawnNpm(root, lock)
    if (outcome === 'exit 0') {
      say(`packages installed in ${seconds()} s`)
      return
    }
    if (outcome === 'interrupted') throw new InstallError('unosys: installation interrupted', 130)
    throw new InstallError(failureMessage(outcome), 1)
  } finally {
    clearInterval(heartbeat)
  }
}

/** @param {string} outcome */
function failureMessage(outcome) {
  return [
    `unosys: "npm ci" failed (${outcome}); its own message stands above.`,
    'Without the packages nothing can run. Usual reasons: no network, a proxy npm does not know of,',
    'a full disk, or a folder without the right to write. Put that right and run the same command again.',
  ].join('\n')
}

/**
 * @param {string} root
 * @param {import('./lock.mjs').HeldLock} lock
 * @returns {Promise<string>} 'exit N', 'interrupted', or what kept npm from starting
 */
function spawnNpm(root, lock) {
  const options = [
    'ci',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--include=dev',
    '--include=optional',
  ]
  const [command, args, shell] = npmCommand(options)
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      shell,
    })
    if (child.pid !== undefined) lock.alsoHeldBy(child.pid)
    let interrupted = false
    const forward = (/** @type {NodeJS.Signals} */ signal) => {
      interrupted = true
      child.kill(signal)
    }
    /** @type {NodeJS.Signals[]} */
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    for (const signal of signals) process.on(signal, forward)
    const finish = (/** @type {string} */ outcome) => {
      for (const signal of signals) process.off(signal, forward)
      resolve(outcome)
    }
    child.once('error', (error) => finish(error.message))
    child.once('exit', (code, signal) => {
      finish(interrupted ? 'interrupted' : `exit ${signal ?? code}`)
    })
  })
}

/**
 * The npm that started this process, if one did; else the one in the path.
 *
 * @param {string[]} args
 * @returns {[command: string, args: string[], shell: boolean]}
 */
function npmCommand(args) {
  const started = process.env.npm_execpath
  if (
    started !== undefined &&
    /^npm(-cli)?\.c?js$/.test(basename(started)) &&
    existsSync(started)
  ) {
    return [process.execPath, [started, ...args], false]
  }
  const onWindows = process.platform === 'win32'
  return [onWindows ? 'npm.cmd' : 'npm', args, onWindows]
}

/** @param {string} text */
function say(text) {
  process.stderr.write(`unosys: ${text}\n`)
}
