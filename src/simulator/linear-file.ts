/**
 * The model of one file that is written as a whole: a register with a version. Covers put, get and
 * delete, with the conditions of HTTP: `ifMatch` (this version only: compare-and-swap) and
 * `exclusive` (only where nothing is). Each put should write a value of its own: then an answer
 * that shows a value proves its put.
 *
 * A version (an ETag) is any text that differs between writes. Who asks with a version has it from
 * an answer of this history.
 *
 * @pure
 */
import { type Call, linearizabilityFault, type Model } from './linearizability.ts'

export type FileInput =
  | {
      readonly kind: 'put'
      readonly file: string
      readonly value: string
      readonly ifMatch?: string
      readonly exclusive?: boolean
    }
  | { readonly kind: 'get'; readonly file: string }
  | { readonly kind: 'delete'; readonly file: string; readonly ifMatch?: string }

export type FileOutput =
  /** A get, or a put or delete that was done. Without a version: it was not told. */
  | { readonly kind: 'done'; readonly value?: string; readonly version?: string }
  /** A get or delete where nothing is. */
  | { readonly kind: 'absent' }
  /** The condition of a put or delete did not hold. */
  | { readonly kind: 'refused' }

export type FileCall = Call<FileInput, FileOutput>

/** Undefined: nothing is there. */
type FileState = { readonly value: string; readonly version: string | undefined } | undefined

/** What is wrong with the history of one or more files; see `linearizabilityFault`. */
export function fileFault(
  history: readonly FileCall[],
  options: { readonly stepCountMax?: number } = {},
): string | undefined {
  return linearizabilityFault(fileModel(history), history, options)
}

export function fileModel(
  history: readonly FileCall[],
): Model<{ readonly held: FileState }, FileInput, FileOutput> {
  const putCounts = new Map<string, number>()
  for (const { input } of history) {
    if (input.kind !== 'put') continue
    const name = `${input.file} ${input.value}`
    putCounts.set(name, (putCounts.get(name) ?? 0) + 1)
  }
  return {
    initial: { held: undefined },
    apply: ({ held }, call) => applied(held, call),
    keyOf: ({ held }) => (held === undefined ? '' : `${held.value} ${held.version ?? '?'}`),
    explains: (open, answered) => explains(open.input, answered, putCounts),
    touches: ({ file }) => [file],
    print,
  }
}

function applied(held: FileState, call: FileCall): { readonly held: FileState } | undefined {
  const { input, output } = call
  if (input.kind === 'get') return gotten(held, output)
  const holds = conditionHolds(held, input)
  if (output?.kind === 'refused') return holds ? undefined : { held }
  if (input.kind === 'put') {
    if (!holds || output?.kind === 'absent') return undefined
    return { held: { value: input.value, version: output?.version } }
  }
  if (output?.kind === 'absent') return held === undefined ? { held } : undefined
  return holds && held !== undefined ? { held: undefined } : undefined
}

function gotten(
  held: FileState,
  output: FileOutput | undefined,
): { readonly held: FileState } | undefined {
  if (output === undefined) return { held }
  if (output.kind === 'absent') return held === undefined ? { held } : undefined
  if (output.kind === 'refused' || held === undefined || held.value !== output.value)
    return undefined
  if (output.version === undefined) return { held }
  if (held.version !== undefined && held.version !== output.version) return undefined
  return { held: { value: held.value, version: output.version } }
}

/** A version that no answer has shown yet is none that anybody could have asked for. */
function conditionHolds(held: FileState, input: Exclude<FileInput, { kind: 'get' }>): boolean {
  if (input.kind === 'put' && input.exclusive === true) return held === undefined
  return input.ifMatch === undefined || (held !== undefined && held.version === input.ifMatch)
}

function explains(
  open: FileInput,
  answered: FileCall,
  putCounts: ReadonlyMap<string, number>,
): 'proof' | 'maybe' | 'no' {
  const { input, output } = answered
  if (open.kind === 'get' || output === undefined) return 'no'
  if (output.kind === 'refused') return 'maybe'
  if (open.kind === 'put') {
    if (input.kind === 'delete') return output.kind === 'done' ? 'maybe' : 'no'
    if (input.kind === 'put' || output.kind !== 'done' || output.value !== open.value) return 'no'
    return putCounts.get(`${open.file} ${open.value}`) === 1 ? 'proof' : 'maybe'
  }
  if (input.kind === 'put') return input.exclusive === true ? 'maybe' : 'no'
  return output.kind === 'absent' ? 'maybe' : 'no'
}

function print({ input, output }: FileCall): string {
  const condition =
    input.kind !== 'get' && input.ifMatch !== undefined ? ` if ${input.ifMatch}` : ''
  const exclusive = input.kind === 'put' && input.exclusive === true ? ' if absent' : ''
  const value = input.kind === 'put' ? ` ${input.value}` : ''
  const asked = `${input.kind} ${input.file}${value}${condition}${exclusive}`
  if (output === undefined) return `${asked} → ?`
  if (output.kind !== 'done') return `${asked} → ${output.kind}`
  return `${asked} → ${output.value ?? 'done'} ${output.version ?? ''}`
}
