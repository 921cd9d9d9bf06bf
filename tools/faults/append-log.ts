/**
 * Was this history of appends to one file that of a log? Each record is written once and has one
 * length, so the file's end tells the whole order.
 *
 * @pure
 */
import { recordsIn } from '../../src/simulator/world-contents.ts'

export type Append = {
  readonly value: string
  readonly startedAt: number
  readonly endedAt: number
  /** `open`: it may have happened. `nothing`: the answer says that it did not. */
  readonly outcome: 'done' | 'open' | 'nothing'
}

/** What is wrong, in words; undefined when nothing is. */
export function logFault(appends: readonly Append[], content: Uint8Array): string | undefined {
  const records = recordsIn(content)
  if (records === undefined) return 'the file is not whole records'
  const places = new Map<string, number>()
  for (const [place, value] of records.entries()) {
    if (places.has(value)) return `${value} stands twice`
    places.set(value, place)
  }
  const byValue = new Map(appends.map((append) => [append.value, append]))
  for (const value of records) {
    const append = byValue.get(value)
    if (append === undefined) return `${value} was never appended`
    if (append.outcome === 'nothing') return `${value} stands there and was refused`
  }
  for (const { value, outcome } of appends) {
    if (outcome === 'done' && !places.has(value)) return `${value} was acknowledged and is lost`
  }
  return orderFault(appends, places)
}

/** Who was answered before another began stands before it. */
function orderFault(
  appends: readonly Append[],
  places: ReadonlyMap<string, number>,
): string | undefined {
  const placed = appends.filter(({ value }) => places.has(value))
  for (const first of placed) {
    if (first.outcome !== 'done') continue
    for (const second of placed) {
      const isLater = second.startedAt > first.endedAt
      if (isLater && (places.get(second.value) ?? 0) < (places.get(first.value) ?? 0)) {
        return `${second.value} began after ${first.value} was done, and stands before it`
      }
    }
  }
  return undefined
}
