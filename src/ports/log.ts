/** Flat, printable facts. Never secrets, keys, tokens, names of files or contents. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

/** Structured lines for the operator. */
export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** The same log with `layer` on every line. */
  for(layer: string): Log
}
