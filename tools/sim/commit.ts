/** Which source a run was made with: half of what it takes to see the run again. */
import { execFileSync } from 'node:child_process'
import { projectRoot } from '../source/tree.ts'

const unknown = 'unknown'

function git(...args: readonly string[]): string | undefined {
  try {
    const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore']
    return execFileSync('git', [...args], { cwd: projectRoot, encoding: 'utf8', stdio }).trim()
  } catch {
    return undefined // no git, or no repository: the caller says "unknown"
  }
}

/** The commit in hexadecimal; `+changes` behind it where files differ from it. */
export function sourceCommit(): string {
  const commit = git('rev-parse', 'HEAD')
  if (commit === undefined) return unknown
  const changes = git('status', '--porcelain', '--untracked-files=no')
  return changes === '' ? commit : `${commit}+changes`
}

export const isClean = (commit: string): boolean =>
  commit !== unknown && !commit.endsWith('+changes')
