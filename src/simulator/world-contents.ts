/**
 * What applications of a simulated world write: contents that say which write they are, and every
 * byte of which follows from that, so that a torn, mixed or foreign one shows; and records of one
 * length for a log.
 *
 * @pure
 */
import { concat, fromUtf8, utf8 } from '../base/bytes.ts'

/** The whole content that a write of `value` has. */
export function contentOf(value: string, length: number): Uint8Array {
  const head = utf8(`${value} ${length}\n`)
  const rest = new Uint8Array(Math.max(0, length - head.length))
  let state = length >>> 0
  for (const byte of head) state = Math.imul(state ^ byte, 0x01000193) >>> 0
  for (let index = 0; index < rest.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    rest[index] = state >>> 24
  }
  return concat([head, rest])
}

/** Which write a content is; undefined for one that is none. */
export function writtenIn(content: Uint8Array): string | undefined {
  const end = content.indexOf(10)
  if (end < 0) return undefined
  const [value, length] = (fromUtf8(content.subarray(0, end)) ?? '').split(' ')
  if (value === undefined || length === undefined) return undefined
  const whole = contentOf(value, Number(length))
  if (whole.length !== content.length) return undefined
  return whole.every((byte, index) => byte === content[index]) ? value : undefined
}

export const recordBytes = 64

/** A record of the log: its value and blanks to its length. */
export const recordOf = (value: string): Uint8Array =>
  utf8(value.padEnd(recordBytes - 1).concat('\n'))

/** The values of a log's records; undefined when it is not whole records. */
export function recordsIn(content: Uint8Array): string[] | undefined {
  if (content.length % recordBytes !== 0) return undefined
  const values: string[] = []
  for (let at = 0; at < content.length; at += recordBytes) {
    const value = fromUtf8(content.subarray(at, at + recordBytes - 1))?.trimEnd()
    if (value === undefined || content[at + recordBytes - 1] !== 10) return undefined
    values.push(value)
  }
  return values
}
