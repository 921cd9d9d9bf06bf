/** Figures of one run, and what the system says of processes (Linux; elsewhere 0). */
import { readFileSync } from 'node:fs'

export type Run = {
  readonly ms: number
  readonly count: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of all processes that did the work, the client's not among them. */
  readonly cpuMs: number
}

export function runOf(measured: {
  readonly ms: number
  readonly latenciesMs: readonly number[]
  readonly cpuMs: number
}): Run {
  const { ms, latenciesMs, cpuMs } = measured
  const count = latenciesMs.length
  const sorted = [...latenciesMs].sort((a, b) => a - b)
  const at = (part: number): number => sorted[Math.min(count - 1, Math.floor(count * part))] ?? 0
  return { ms, count, perSecond: (count / ms) * 1000, p50Ms: at(0.5), p99Ms: at(0.99), cpuMs }
}

/** The run in the middle, by rate. */
export function medianOf(runs: readonly Run[]): Run {
  const sorted = [...runs].sort((a, b) => a.perSecond - b.perSecond)
  const middle = sorted[Math.floor(sorted.length / 2)]
  if (middle === undefined) throw new Error('no runs')
  return middle
}

const tickMs = 10

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** User and system time so far, of all threads of these processes together. */
export function cpuMsOf(pids: readonly number[]): number {
  let ticks = 0
  for (const pid of pids) {
    const fields = read(`/proc/${pid}/stat`).split(') ')[1]?.split(' ') ?? []
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
  }
  return ticks * tickMs
}

export function rssMibOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024
}

/** Call `work` and look at memory meanwhile: the most that each process had. */
export async function watchRss(
  pids: readonly number[],
  work: () => Promise<unknown>,
): Promise<readonly number[]> {
  const most = pids.map(rssMibOf)
  const timer = setInterval(() => {
    for (const [index, pid] of pids.entries())
      most[index] = Math.max(most[index] ?? 0, rssMibOf(pid))
  }, 50)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  return most
}
