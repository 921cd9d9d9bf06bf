/** Sizes and rates as people write and read them. */
import { InvalidArgumentError } from 'commander'

const steps = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const
const step = 1000

/** `1234567` → `1.2 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= step && unit < steps.length - 1) {
    value /= step
    unit++
  }
  // 999.6 would become 1000.
  if (unit > 0 && Math.round(value) >= step && unit < steps.length - 1) {
    value /= step
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1
  return `${value.toFixed(digits)} ${steps[unit]}`
}

const kibi = 1024

/** `65536` → `64 KiB`: sizes of blocks are powers of two. */
export function formatBlock(bytes: number): string {
  if (bytes % kibi ** 2 === 0) return `${bytes / kibi ** 2} MiB`
  return bytes % kibi === 0 ? `${bytes / kibi} KiB` : `${bytes} B`
}

export const formatRate = (bytes: number, tookMs: number): string =>
  `${formatBytes(tookMs <= 0 ? bytes : Math.round((bytes * 1000) / tookMs))}/s`

const factors: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

/** `65536`, `64K`, `64KiB`, `1M` → bytes. For block sizes, which are powers of two. */
export function parseSize(text: string): number {
  const match = /^(\d+)\s*([kmg]?)(?:i?b)?$/i.exec(text.trim())
  const factor = factors[match?.[2]?.toLowerCase() ?? 'x']
  if (match === null || factor === undefined) {
    throw new InvalidArgumentError('it must be a number of bytes, such as 65536, 64K or 1M')
  }
  return Number(match[1]) * factor
}

/** A whole number of at least 1. */
export function parseCount(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= 1) return value
  throw new InvalidArgumentError('it must be a whole number of at least 1')
}

/** A whole number of at least 0. */
export function parseOffset(text: string): number {
  if (text === '0') return 0
  return parseCount(text)
}

/** Seconds, as a fraction too → milliseconds. */
export function parseSeconds(text: string): number {
  const value = Number(text)
  if (/^\d+(\.\d+)?$/.test(text) && value >= 0.1 && value <= 600) return Math.round(value * 1000)
  throw new InvalidArgumentError('it must be a number of seconds from 0.1 to 600')
}

/** `2026-11-24 03:08`, local time. */
export function formatTime(ms: number): string {
  const date = new Date(ms)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`
}

/** Names for a terminal: a name with a line break or an escape must not become a command to it. */
export const printable = (text: string): string =>
  /\p{C}/u.test(text) ? text.replace(/\p{C}/gu, escaped) : text

const escaped = (character: string): string =>
  `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`

/** Columns padded to one width; numbers to the right. */
export function columns(
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, cell.length)
    }
  }
  return rows.map((row) =>
    row
      .map((cell, index) =>
        right.includes(index) ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
}
