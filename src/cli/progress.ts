/** A progress bar on a terminal's standard error; nothing elsewhere. */
import { formatBytes, formatRate } from './units.ts'

export type Progress = {
  /** Bytes moved since the last call. */
  readonly add: (bytes: number) => void
  /** Remove the bar. */
  readonly end: () => void
}

const redrawMs = 100
const barColumns = 24

const silent: Progress = { add: () => {}, end: () => {} }

/**
 * @param totalBytes undefined when it is not known: a count without a bar then.
 * @param options.shown false for `--json` and where standard error is no terminal.
 */
export function showProgress(
  label: string,
  totalBytes: number | undefined,
  options: { readonly shown: boolean },
): Progress {
  if (!options.shown) return silent
  const startMs = performance.now()
  let doneBytes = 0
  let drawnMs = 0
  const draw = (): void => {
    drawnMs = performance.now()
    const tookMs = drawnMs - startMs
    const line = progressLine({ label, doneBytes, totalBytes, tookMs })
    process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns || 80) - 1)}`)
  }
  return {
    add: (bytes) => {
      doneBytes += bytes
      if (performance.now() - drawnMs >= redrawMs) draw()
    },
    end: () => process.stderr.write('\r\x1b[K'),
  }
}

/** One state of the bar. */
export function progressLine(state: {
  readonly label: string
  readonly doneBytes: number
  readonly totalBytes: number | undefined
  readonly tookMs: number
}): string {
  const { label, doneBytes, totalBytes, tookMs } = state
  const moved = `${formatBytes(doneBytes)}  ${formatRate(doneBytes, tookMs)}`
  if (totalBytes === undefined || totalBytes === 0) return `${label}  ${moved}`
  const share = Math.min(doneBytes / totalBytes, 1)
  const filled = Math.floor(share * barColumns)
  const bar = '█'.repeat(filled) + '░'.repeat(barColumns - filled)
  const leftMs = share === 0 ? undefined : (tookMs / share) * (1 - share)
  const left = leftMs === undefined || leftMs < 1000 ? '' : `  ${Math.ceil(leftMs / 1000)} s left`
  return `${label}  ${bar} ${String(Math.floor(share * 100)).padStart(3)} %  ${moved}${left}`
}

/** Bars are for people at a terminal. */
export const showsProgress = (isJson: boolean): boolean =>
  !isJson && process.stderr.isTTY === true && process.env.TERM !== 'dumb'
