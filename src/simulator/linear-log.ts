/**
 * The model of a file to which records are appended, each a value of its own. The longest content
 * that anybody read tells the order, so that there is nothing to guess: the state is how many
 * records are there. A record that stands twice, or was never appended, or was acknowledged and is
 * missing from a later read, has no place in that order.
 *
 * @pure
 */
import { type Call, linearizabilityFault, type Model } from './linearizability.ts'

export type LogInput =
  | { readonly kind: 'append'; readonly value: string }
  | { readonly kind: 'read' }

export type LogOutput =
  /** Of an append: how many records there were after it, if that was told. */
  | { readonly kind: 'appended'; readonly recordCount?: number }
  | { readonly kind: 'records'; readonly values: readonly string[] }

export type LogCall = Call<LogInput, LogOutput>

/** What is wrong with the history; see `linearizabilityFault`. */
export function appendFault(
  history: readonly LogCall[],
  options: { readonly stepCountMax?: number } = {},
): string | undefined {
  return linearizabilityFault(logModel(history), history, options)
}

export function logModel(history: readonly LogCall[]): Model<number, LogInput, LogOutput> {
  const longest = longestOf(history)
  const known = new Set(longest)
  return {
    initial: 0,
    apply: (count, { input, output }) => {
      if (input.kind === 'read') {
        if (output?.kind !== 'records') return undefined
        const { values } = output
        const isPrefix = values.every((value, place) => value === longest[place])
        return isPrefix && values.length === count ? count : undefined
      }
      const isNext =
        count < longest.length ? longest[count] === input.value : !known.has(input.value)
      const wanted = output?.kind === 'appended' ? output.recordCount : undefined
      return isNext && (wanted === undefined || wanted === count + 1) ? count + 1 : undefined
    },
    keyOf: (count) => `${count}`,
    explains: (open, { output }) => {
      if (open.input.kind === 'read' || output === undefined) return 'no'
      if (output.kind === 'records')
        return output.values.includes(open.input.value) ? 'proof' : 'no'
      return output.recordCount === undefined ? 'no' : 'maybe'
    },
    touches: () => ['log'],
    print,
  }
}

function longestOf(history: readonly LogCall[]): readonly string[] {
  let longest: readonly string[] = []
  for (const { output } of history)
    if (output?.kind === 'records' && output.values.length > longest.length) longest = output.values
  return longest
}

function print({ input, output }: LogCall): string {
  const asked = input.kind === 'append' ? `append ${input.value}` : 'read'
  if (output === undefined) return `${asked} → ?`
  if (output.kind === 'appended') return `${asked} → done ${output.recordCount ?? ''}`
  return `${asked} → ${output.values.length} records, the last ${output.values.at(-1) ?? 'none'}`
}
