import { pino } from 'pino'
import type { Log, LogFields } from '../ports/log.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

const stderrFd = 2

type Logger = Pick<pino.Logger, 'debug' | 'info' | 'warn' | 'error' | 'child'>

function wrap(logger: Logger): Log {
  return {
    debug: (message, fields: LogFields = {}) => logger.debug(fields, message),
    info: (message, fields: LogFields = {}) => logger.info(fields, message),
    warn: (message, fields: LogFields = {}) => logger.warn(fields, message),
    error: (message, fields: LogFields = {}) => logger.error(fields, message),
    for: (layer) => wrap(logger.child({ layer })),
  }
}

/**
 * One JSON line per entry: `time` (ISO 8601), `level` (by name), `layer`, the fields, `msg`.
 *
 * Lines are written before the call returns, so that the last ones before a crash are there.
 *
 * @param options.level the least that is written; `info` by default.
 * @param options.fd an open file descriptor; standard error by default.
 */
export function createPinoLog(
  options: { readonly level?: LogLevel; readonly fd?: number } = {},
): Log {
  const destination = pino.destination({ dest: options.fd ?? stderrFd, sync: true })
  // Whoever read the log may be gone. A node does not stop for that, and there is nobody to tell.
  destination.on('error', () => {})
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  )
  return wrap(logger)
}
