/**
 * Runs one of the project's programs under the right Node, and gets out of the way: the terminal,
 * the signals and the exit code are the program's.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureInstalled, InstallError } from './install.mjs'
import { noRuntimeMessage, runtimeCandidates } from './runtime.mjs'

/** The project's folder, found from this file, wherever it was called from. */
export const projectRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

const noRuntimeExitCode = 69 // "service unavailable" of sysexits.h
const repeatMs = 1_000
const parentPollMs = 1_000

/**
 * Install if need be, run `program` with `args`, and exit as it does.
 *
 * @param {string} program path from the project's folder
 * @param {readonly string[]} args
 */
export async function launch(program, args) {
  try {
    await ensureInstalled(projectRoot)
  } catch (error) {
    if (!(error instanceof InstallError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(error.exitCode)
  }
  const all = ['--disable-warning=ExperimentalWarning', join(projectRoot, program), ...args]
  for (const node of runtimeCandidates(projectRoot)) {
    const exitCode = await run(node, all)
    if (exitCode !== undefined) process.exit(exitCode)
  }
  process.stderr.write(`${noRuntimeMessage()}\n`)
  process.exit(noRuntimeExitCode)
}

/**
 * @param {string} node
 * @param {string[]} args
 * @returns {Promise<number | undefined>} exit code; undefined if this Node does not start here
 */
function run(node, args) {
  return new Promise((resolve) => {
    const child = spawn(node, args, { stdio: 'inherit' })
    const stopForwarding = forwardSignals(child)
    child.once('error', () => {
      stopForwarding()
      resolve(undefined)
    })
    child.once('exit', (code, signal) => {
      stopForwarding()
      resolve(signal === null ? (code ?? 1) : 128 + (constants.signals[signal] ?? 0))
    })
  })
}

/**
 * Pass signals on, each once.
 *
 * One Ctrl-C reaches this process twice (from the terminal, which signals every process in the
 * foreground, and from npm, which passes it on) and the program directly, and a program may take
 * the second for "hurry". So at a terminal SIGINT is not passed on, and repetitions within a
 * second are dropped.
 *
 * @param {import('node:child_process').ChildProcess} child
 */
function forwardSignals(child) {
  const lastMs = new Map()
  const atTerminal = process.stdin.isTTY === true
  const forward = (/** @type {NodeJS.Signals} */ signal) => {
    const nowMs = performance.now()
    const repeated = nowMs - (lastMs.get(signal) ?? Number.NEGATIVE_INFINITY) < repeatMs
    lastMs.set(signal, nowMs)
    if (repeated || (signal === 'SIGINT' && atTerminal)) return
    child.kill(signal)
  }
  /** @type {NodeJS.Signals[]} */
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, forward)
  const parentWatch = watchParent(() => forward('SIGTERM'))
  return () => {
    clearInterval(parentWatch)
    for (const signal of signals) process.off(signal, forward)
  }
}

/**
 * npm that is told to stop may kill only the shell between itself and this process. When whoever
 * started this process for npm is gone, the program is told to stop, so that no world is left
 * running without an owner.
 *
 * @param {() => void} onGone
 */
function watchParent(onGone) {
  if (process.env.npm_lifecycle_event === undefined || process.platform === 'win32')
    return undefined
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    onGone()
  }, parentPollMs)
  return timer
}
