/**
 * What a directory of files should do, for the search for an order of calls. Each file that is made
 * has a size of its own in its directory, its mark: so a listing or a look tells which creation an
 * entry comes from.
 */
import type { Call, Model } from '../../src/simulator/linearizability.ts'

export type DirectoryInput = { readonly directory: string } & (
  | { readonly kind: 'create'; readonly name: string; readonly mark: number }
  | { readonly kind: 'remove'; readonly name: string }
  /** Never over an entry that is there. */
  | { readonly kind: 'rename'; readonly name: string; readonly to: string }
  | { readonly kind: 'look'; readonly name: string }
  | { readonly kind: 'list' }
)

export type DirectoryOutput =
  /** Of what is there now, where the answer tells it. */
  | { readonly kind: 'done'; readonly mark?: number }
  | { readonly kind: 'exists' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'entries'; readonly entries: Entries }

export type DirectoryCall = Call<DirectoryInput, DirectoryOutput>

/** Marks by name. */
export type Entries = ReadonlyMap<string, number>

const without = (entries: Entries, name: string): Map<string, number> => {
  const rest = new Map(entries)
  rest.delete(name)
  return rest
}

const isSame = (one: Entries, other: Entries): boolean =>
  one.size === other.size && [...one].every(([name, mark]) => other.get(name) === mark)

function apply(entries: Entries, { input, output }: DirectoryCall): Entries | undefined {
  const isOpen = output === undefined
  const keepIf = (isRight: boolean): Entries | undefined => (isRight ? entries : undefined)
  switch (input.kind) {
    case 'create':
      if (output?.kind === 'exists') return keepIf(entries.has(input.name))
      if (entries.has(input.name)) return undefined
      return new Map(entries).set(input.name, input.mark)
    case 'remove':
      if (output?.kind === 'absent') return keepIf(!entries.has(input.name))
      return entries.has(input.name) ? without(entries, input.name) : undefined
    case 'rename': {
      const mark = entries.get(input.name)
      if (output?.kind === 'absent') return keepIf(mark === undefined)
      if (output?.kind === 'exists') return keepIf(entries.has(input.to))
      if (mark === undefined || entries.has(input.to)) return undefined
      if (output?.kind === 'done' && output.mark !== mark) return undefined
      return without(entries, input.name).set(input.to, mark)
    }
    case 'look':
      if (isOpen) return undefined
      if (output.kind === 'absent') return keepIf(!entries.has(input.name))
      return keepIf(output.kind === 'done' && entries.get(input.name) === output.mark)
    case 'list':
      return keepIf(output?.kind === 'entries' && isSame(entries, output.entries))
  }
}

function explains(open: DirectoryCall, { output }: DirectoryCall): 'proof' | 'maybe' | 'no' {
  if (open.input.kind === 'look' || open.input.kind === 'list') return 'no'
  if (open.input.kind === 'create') {
    const { mark } = open.input
    const isSeen = output?.kind === 'done' && output.mark === mark
    const isListed = output?.kind === 'entries' && [...output.entries.values()].includes(mark)
    if (isSeen || isListed) return 'proof'
  }
  return 'maybe'
}

function print({ input, output }: DirectoryCall): string {
  const { kind } = input
  const what = kind === 'list' ? '' : ` ${input.name}`
  const more = kind === 'rename' ? ` to ${input.to}` : kind === 'create' ? ` (${input.mark})` : ''
  return `${kind} ${input.directory}${what}${more}: ${printOutput(output)}`
}

function printOutput(output: DirectoryOutput | undefined): string {
  if (output === undefined) return 'no answer'
  if (output.kind === 'done' && output.mark !== undefined) return `done (${output.mark})`
  if (output.kind !== 'entries') return output.kind
  return [...output.entries].map(([name, mark]) => `${name} (${mark})`).join(', ') || 'empty'
}

export const directoryModel: Model<Entries, DirectoryInput, DirectoryOutput> = {
  initial: new Map(),
  apply,
  keyOf: (entries) =>
    [...entries]
      .map(([name, mark]) => `${name}:${mark}`)
      .sort()
      .join(),
  explains,
  touches: ({ directory }) => [directory],
  print,
}
