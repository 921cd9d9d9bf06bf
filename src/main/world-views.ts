/** How a world that is up shows itself: a live table at a terminal, lines in a pipe, or JSON. */
import { relative } from 'node:path'
import type { WorldEvent } from './world-events.ts'
import { hintLines, tableLines } from './world-table.ts'
import type { WorldView } from './world-up.ts'

/** Where to write; `process.stdout` and `process.stderr`. */
export type Output = {
  readonly write: (text: string) => void
  readonly error: (text: string) => void
  /** Of the terminal; read each time, since it can be resized. */
  readonly columns: () => number
  readonly rows: () => number
}

/** One line of JSON for each event. */
export const jsonView = (output: Output): WorldView => ({
  refreshes: false,
  refresh: () => {},
  event: (event) => output.write(`${JSON.stringify(event)}\n`),
})

/** Lines for a log or pipe. */
export const plainView = (output: Output, folder: string): WorldView => ({
  refreshes: false,
  refresh: () => {},
  event: (event) => {
    const text = sentenceOfEvent(event)
    if (text === undefined) return
    if (event.event === 'failed') output.error(`unosys: ${text}\n`)
    else output.write(`${text}\n`)
    if (event.event !== 'ready') return
    output.write(`${event.notice}\n\n${hintsFor(event, folder).join('\n')}\n\n`)
  },
})

/**
 * A table that stands still and changes, with the last events below it. The commands to try stand
 * above it once: they may be wider than the terminal, and what wraps cannot be erased by counting.
 */
export function tableView(output: Output, folder: string): WorldView {
  const plain = plainView(output, folder)
  const news: string[] = []
  let drawnLines = 0
  let isUp = false
  const erase = (): void => {
    if (drawnLines > 0) output.write(`\x1b[${drawnLines}A\x1b[J`)
    drawnLines = 0
  }
  return {
    refreshes: true,
    event: (event) => {
      const isNews = event.event === 'died' || event.event === 'restarting'
      if (isUp && isNews) {
        news.push(`${clockTime()}  ${sentenceOfEvent(event)}`)
        news.splice(0, news.length - newsMax)
      } else if (!isUp || !isQuiet(event)) plain.event(event)
      if (event.event === 'ready') isUp = true
    },
    refresh: (states) => {
      if (!isUp) return
      const columns = output.columns()
      const lines = [
        ...tableLines(states, columns),
        '',
        ...news,
        'Ctrl-C stops the world; its data stays.',
      ].map((line) => line.slice(0, Math.max(columns - 1, 0)))
      erase()
      // What has scrolled away cannot be erased.
      const shown = lines.slice(0, output.rows() - 1)
      output.write(`${shown.join('\n')}\n`)
      drawnLines = shown.length
    },
  }
}

/** While the table stands, it shows these. */
const isQuiet = ({ event }: WorldEvent): boolean => event === 'starting' || event === 'serving'

const newsMax = 5

const clockTime = (): string => new Date().toTimeString().slice(0, 8)

function hintsFor(event: Extract<WorldEvent, { event: 'ready' }>, folder: string): string[] {
  const { processors } = event
  const [first] = processors
  const api = first?.api ?? ''
  const otherApi = processors[Math.min(2, processors.length - 1)]?.api ?? api
  const near = relative(process.cwd(), folder)
  return hintLines({ api, otherApi, folder: near === '' || near.startsWith('..') ? folder : near })
}

/** Undefined for what only programs want to know. */
function sentenceOfEvent(event: WorldEvent): string | undefined {
  switch (event.event) {
    case 'creating':
      return `Creating a world of ${event.nodes} Processors in ${event.data}`
    case 'created':
      return `Created world ${event.world.slice(0, 16)}…; its token is in ${event.tokenFile}`
    case 'starting':
      return undefined
    case 'serving':
      return `Processor ${event.n} serves ${event.api} (process ${event.pid})`
    case 'ready': {
      const seconds = (event.tookMs / 1000).toFixed(1)
      return `The world is up: ${event.processors.length} Processors, after ${seconds} s`
    }
    case 'died':
      return `Processor ${event.n} (process ${event.pid}) died: ${event.message}`
    case 'restarting':
      return `Processor ${event.n} is started again in ${event.inMs / 1000} s`
    case 'stopping':
      return 'Stopping (Ctrl-C again: at once)'
    case 'stopped':
      return 'Stopped; the data is kept'
    case 'failed':
      return event.message
  }
}
