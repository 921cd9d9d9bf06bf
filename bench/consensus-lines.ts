/** One line of the consensus table, and the table. */
import { fixed } from './lines.ts'
import type { Run } from './measure.ts'

export type ConsensusLine = {
  /** `HTTP`, `group` or `floor`. */
  readonly level: string
  readonly members: number
  /** Members that are silent, and how. */
  readonly faulty: string
  readonly clients: number
  readonly job: string
  readonly run: Run
  /** Counted at all members that answer, for each operation; absent where nobody counts. */
  readonly perOperation?: {
    readonly messages: number
    readonly envelopes: number
    readonly syncs: number
  }
}

const cells = (line: ConsensusLine): readonly string[] => {
  const { run, perOperation: each } = line
  return [
    line.level,
    line.members === 0 ? '' : String(line.members),
    line.faulty,
    line.job,
    String(line.clients),
    `${fixed(run.perSecond)}/s`,
    `${fixed(run.p50Ms)} ms`,
    `${fixed(run.p99Ms)} ms`,
    `${(run.cpuMs / run.count).toFixed(2)} ms`,
    each?.messages.toFixed(1) ?? '',
    each?.envelopes.toFixed(1) ?? '',
    each?.syncs.toFixed(2) ?? '',
  ]
}

const head = [
  'Level',
  'n',
  'Faulty',
  'Job',
  'Clients',
  'Rate',
  'p50',
  'p99',
  'CPU/op',
  'Messages/op',
  'Envelopes/op',
  'Syncs/op',
]

export const lineText = (line: ConsensusLine): string => cells(line).join('  ')

/** As Markdown that also reads well in a terminal. */
export function consensusTable(lines: readonly ConsensusLine[]): string {
  const rows = lines.map(cells)
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const text = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [head, widths.map((width) => '-'.repeat(width)), ...rows].map(text).join('\n')
}
