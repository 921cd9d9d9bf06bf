import type { Log, LogFields } from '../ports/log.ts'
import type { SimProcess } from './sim-process.ts'

const detailOf = (fields: LogFields): string[] =>
  Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  )

/**
 * A node's log as events of the world: it is part of the trace, so that two runs that log
 * differently differ.
 */
export class SimLog implements Log {
  readonly #process: SimProcess
  readonly #layer: string

  constructor(process: SimProcess, layer = '') {
    this.#process = process
    this.#layer = layer
  }

  #line(level: string, message: string, fields: LogFields = {}): void {
    const { name, scheduler } = this.#process
    scheduler.trace(`log/${level}`, name, this.#layer, message, ...detailOf(fields))
  }

  debug(message: string, fields?: LogFields): void {
    this.#line('debug', message, fields)
  }

  info(message: string, fields?: LogFields): void {
    this.#line('info', message, fields)
  }

  warn(message: string, fields?: LogFields): void {
    this.#line('warn', message, fields)
  }

  error(message: string, fields?: LogFields): void {
    this.#line('error', message, fields)
  }

  for(layer: string): Log {
    return new SimLog(this.#process, layer)
  }
}
