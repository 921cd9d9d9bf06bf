/** Lines of the table: our figures, the floor's for the same job, and the ratio of the two. */
import type { Run } from './measure.ts'

export type Line = {
  readonly what: string
  readonly ours: string
  readonly floor?: string
  /** Our rate to the floor's in the same run: 1 is as fast as the floor. */
  readonly ratio?: number
  /** The floor's CPU to ours for the same work: less disturbed by what else the machine does. */
  readonly cpuRatio?: number
}

/** Bytes that were moved, in what time and with how much CPU. */
export type Moved = Pick<Run, 'ms' | 'cpuMs'> & { readonly bytes: number }

const mib = 2 ** 20
export const fixed = (value: number): string => value.toFixed(value < 10 ? 1 : 0)

const mbPerSecond = ({ bytes, ms }: Moved): number => bytes / 1e6 / (ms / 1_000)
const cpuPerMib = ({ bytes, cpuMs }: Moved): number => cpuMs / (bytes / mib)
const movedText = (moved: Moved): string =>
  `${fixed(mbPerSecond(moved))} MB/s, ${fixed(cpuPerMib(moved))} ms CPU/MiB`

export function movedLine(what: string, ours: Moved, floor: Moved): Line {
  return {
    what,
    ours: movedText(ours),
    floor: movedText(floor),
    ratio: mbPerSecond(ours) / mbPerSecond(floor),
    cpuRatio: cpuPerMib(floor) / cpuPerMib(ours),
  }
}

/** The one in the middle, by rate. */
export function middleOf(runs: readonly Moved[]): Moved {
  const sorted = [...runs].sort((a, b) => mbPerSecond(a) - mbPerSecond(b))
  const middle = sorted[Math.floor(sorted.length / 2)]
  if (middle === undefined) throw new Error('no runs')
  return middle
}

const cpuEach = ({ cpuMs, count }: Run): number => cpuMs / count
const countText = (run: Run): string =>
  [
    `${fixed(run.perSecond)}/s`,
    `p50 ${fixed(run.p50Ms)} ms`,
    `p99 ${fixed(run.p99Ms)} ms`,
    `${cpuEach(run).toFixed(2)} ms CPU`,
  ].join(', ')

export const countLine = (what: string, ours: Run, floor: Run): Line => ({
  what,
  ours: countText(ours),
  floor: countText(floor),
  ratio: ours.perSecond / floor.perSecond,
  cpuRatio: cpuEach(floor) / cpuEach(ours),
})

/** As Markdown that also reads well in a terminal. */
export function tableOf(lines: readonly Line[]): string {
  const head = ['What', 'Ours', 'Floor', 'Ratio', 'Ratio of CPU']
  const rows = lines.map(({ what, ours, floor, ratio, cpuRatio }) => {
    return [what, ours, floor ?? '', ratio?.toFixed(2) ?? '', cpuRatio?.toFixed(2) ?? '']
  })
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const lineOf = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [head, widths.map((width) => '-'.repeat(width)), ...rows].map(lineOf).join('\n')
}
