/** The live table of a world that is up. Pure: states in, lines out. */
import type { ProcessorState } from './world-events.ts'

const headings = ['Processor', 'API', 'Role', 'Peers', 'Height', 'State'] as const

/** Lines of at most `columns` characters. */
export function tableLines(states: readonly ProcessorState[], columns: number): string[] {
  const rows = [headings, ...states.map(cellsOf)]
  const widths = headings.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
      .slice(0, Math.max(columns - 1, 0)),
  )
}

function cellsOf({ n, api, role, phase, status }: ProcessorState): readonly string[] {
  const peers = status?.processors.filter(({ self }) => !self)
  const upCount = peers?.filter(({ up }) => up).length
  return [
    String(n),
    api ?? '-',
    role,
    peers === undefined ? '-' : `${upCount} of ${peers.length}`,
    status === undefined ? '-' : String(status.group.height),
    stateOf({ phase, role, status }),
  ]
}

function stateOf({
  phase,
  role,
  status,
}: Pick<ProcessorState, 'phase' | 'role' | 'status'>): string {
  if (phase !== 'serving') return phase
  if (status === undefined) return 'no answer'
  const { reachable, quorum, catchingUp, votes } = status.group
  if (catchingUp) return 'catching up'
  if (role === 'member' && !votes) return 'being readmitted'
  if (reachable < quorum) return `no quorum (${reachable} of ${quorum} needed)`
  return 'ready'
}

/** Commands for whoever has just brought up a world. */
export function hintLines(input: {
  readonly api: string
  readonly otherApi: string
  /** As the user would write it. */
  readonly folder: string
}): string[] {
  const { api, otherApi, folder } = input
  const isDefault = folder === '.unosys'
  const cli = isDefault ? 'npx unosys' : `npx unosys --world ${quoted(folder)}`
  const curl = `curl -K ${quoted(`${folder}/curlrc`)}`
  return [
    'Try (each in another terminal):',
    `  ${cli} put README.md /public/`,
    `  ${cli} ls -l /public`,
    `  ${cli} --api ${otherApi} cat /public/README.md   # the same file, from another Processor`,
    `  ${cli} status`,
    `  ${curl} -T README.md ${api}/v1/files/public/hello.txt`,
    `  ${curl} ${otherApi}/v1/files/public/hello.txt`,
    `  ${curl} ${api}/v1/status`,
  ]
}

const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
