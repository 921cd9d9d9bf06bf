/** The tour's words for people, and one line of JSON per event for programs. */
import type { Teller } from './promises.ts'

type Say = (line: string) => void

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

/** `87.3 MB in 2.1 s (41.6 MB/s)` */
export const rate = (bytes: number, ms: number): string =>
  `${megabytes(bytes)} in ${seconds(ms)} (${(bytes / 1e3 / Math.max(ms, 1)).toFixed(1)} MB/s)`

export function textTeller(say: Say): Teller {
  return {
    step: (step, title) => say(`\n${String(step).padStart(2)}. ${title}`),
    seen: (line) => say(`      ${line}`),
    promised: ({ promise, kept, seen }) => {
      say(`    ${kept ? '✓' : '✗ BROKEN:'} ${promise}: ${seen}`)
    },
    stepEnd: ({ tookMs }) => say(`      (${seconds(tookMs)})`),
  }
}

export function jsonTeller(say: Say): Teller {
  const event = (value: object): void => say(JSON.stringify(value))
  return {
    step: (step, title) => event({ event: 'step', step, title }),
    seen: (line) => event({ event: 'seen', line }),
    promised: (result) => event({ event: 'promise', ...result }),
    stepEnd: ({ step, title, tookMs }) => event({ event: 'step-end', step, title, tookMs }),
  }
}
