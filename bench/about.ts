/** What a table of figures was measured on: without it, figures say nothing. */
import { execFileSync } from 'node:child_process'
import { cpus, loadavg } from 'node:os'

export type About = {
  readonly machine: string
  readonly node: string
  readonly commit: string
  readonly date: string
  readonly load: string
}

const commitOf = (): string => {
  try {
    const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' })
    const changes = execFileSync('git', ['status', '--porcelain', '--', 'src'], {
      encoding: 'utf8',
    })
    return commit.trim() + (changes === '' ? '' : ' with changes')
  } catch {
    return 'unknown'
  }
}

/** Taken before anything is measured: the load is that of others then. */
export const about = (): About => ({
  machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
  node: process.version,
  commit: commitOf(),
  date: new Date().toISOString().slice(0, 10),
  load: loadavg()[0]?.toFixed(1) ?? '0',
})

export const aboutText = ({ machine, node, commit, date, load }: About): string =>
  `${machine}, Node ${node}, commit ${commit}, ${date}, load ${load} before`
