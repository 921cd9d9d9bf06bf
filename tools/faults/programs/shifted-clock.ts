/**
 * A Processor whose wall clock is wrong: in the place of src/main/processor.ts, for tests. How
 * wrong stands in the file `clock-shift-ms` beside its data folder's files, read anew each second,
 * so that the clock can jump while the Processor runs. Timers are not touched: only the time of
 * day is.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const shiftFile = 'clock-shift-ms'

const lookIntervalMs = 1_000

const folder = process.argv[process.argv.indexOf('--data') + 1] ?? ''
const TrueDate = Date

function readShift(): number {
  try {
    return Number(readFileSync(join(folder, shiftFile), 'utf8'))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0
    throw error
  }
}

let shiftMs = readShift()
let lookedAtMs = performance.now()

function shiftedNow(): number {
  if (performance.now() - lookedAtMs > lookIntervalMs) {
    lookedAtMs = performance.now()
    shiftMs = readShift()
  }
  return TrueDate.now() + shiftMs
}

/** What is built in is frozen in a Processor; the name that leads to it is not. */
class ShiftedDate extends TrueDate {
  constructor(...args: [] | [number | string | Date]) {
    super(...((args.length === 0 ? [shiftedNow()] : args) as [number]))
  }

  static override now(): number {
    return shiftedNow()
  }
}

globalThis.Date = ShiftedDate as DateConstructor
await import('../../../src/main/processor.ts')
