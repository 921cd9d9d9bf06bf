/**
 * The model of one directory: names, each with what stands under it. A value is whatever tells
 * entries apart (a content, an id); it stays with the entry when the name changes. Names that no
 * rename and no listing joins are judged apart.
 *
 * @pure
 */
import { compareText } from '../base/bytes.ts'
import { type Call, linearizabilityFault, type Model } from './linearizability.ts'

export type DirectoryInput =
  /** With `exclusive` only where nothing is; else whatever is there gives way. */
  | {
      readonly kind: 'put'
      readonly name: string
      readonly value: string
      readonly exclusive?: boolean
    }
  | { readonly kind: 'remove'; readonly name: string }
  /** One more name for what stands under `from`. */
  | { readonly kind: 'link'; readonly from: string; readonly to: string }
  /** With `replace` whatever is at `to` gives way. */
  | {
      readonly kind: 'rename'
      readonly from: string
      readonly to: string
      readonly replace?: boolean
    }
  | { readonly kind: 'look'; readonly name: string }
  /** All names at once. */
  | { readonly kind: 'list' }

export type DirectoryOutput =
  | { readonly kind: 'done' }
  /** Of a look. */
  | { readonly kind: 'found'; readonly value: string }
  /** Of a list, in any order. */
  | { readonly kind: 'names'; readonly names: readonly string[] }
  /** There was nothing under the name (of a rename or link: under `from`). */
  | { readonly kind: 'absent' }
  /** There was something where nothing may be. */
  | { readonly kind: 'exists' }

export type DirectoryCall = Call<DirectoryInput, DirectoryOutput>

type Entries = ReadonlyMap<string, string>

/** What is wrong with the history of one directory, empty at first; see `linearizabilityFault`. */
export function directoryFault(
  history: readonly DirectoryCall[],
  options: { readonly stepCountMax?: number } = {},
): string | undefined {
  return linearizabilityFault(directoryModel(history), history, options)
}

export function directoryModel(
  history: readonly DirectoryCall[],
): Model<Entries, DirectoryInput, DirectoryOutput> {
  const putCounts = new Map<string, number>()
  for (const { input } of history)
    if (input.kind === 'put') putCounts.set(input.value, (putCounts.get(input.value) ?? 0) + 1)
  return {
    initial: new Map(),
    apply: applied,
    keyOf: (entries) => textOf([...entries].map(([name, value]) => `${name}=${value}`)),
    explains: (open, { output }) => {
      if (open.input.kind === 'look' || open.input.kind === 'list') return 'no'
      const isPut = open.input.kind === 'put' && putCounts.get(open.input.value) === 1
      if (!isPut || output?.kind !== 'found') return 'maybe'
      return output.value === open.input.value ? 'proof' : 'maybe'
    },
    touches: (input) => {
      if (input.kind === 'list') return 'all'
      return 'from' in input ? [input.from, input.to] : [input.name]
    },
    print,
  }
}

function applied(entries: Entries, { input, output }: DirectoryCall): Entries | undefined {
  const wanted = output?.kind
  switch (input.kind) {
    case 'list': {
      if (output === undefined) return entries
      if (output.kind !== 'names') return undefined
      return textOf(output.names) === textOf([...entries.keys()]) ? entries : undefined
    }
    case 'look': {
      if (output === undefined) return entries
      const value = entries.get(input.name)
      if (output.kind === 'absent') return value === undefined ? entries : undefined
      return output.kind === 'found' && output.value === value ? entries : undefined
    }
    case 'put': {
      const isFree = input.exclusive !== true || !entries.has(input.name)
      if (!isFree) return wanted === 'exists' ? entries : undefined
      if (wanted !== undefined && wanted !== 'done') return undefined
      return new Map(entries).set(input.name, input.value)
    }
    case 'remove': {
      if (!entries.has(input.name)) return wanted === 'absent' ? entries : undefined
      if (wanted !== undefined && wanted !== 'done') return undefined
      return without(entries, input.name)
    }
    case 'link':
    case 'rename':
      return moved(entries, input, wanted)
  }
}

function moved(
  entries: Entries,
  input: Extract<DirectoryInput, { readonly kind: 'link' | 'rename' }>,
  wanted: DirectoryOutput['kind'] | undefined,
): Entries | undefined {
  const { from, to } = input
  const value = entries.get(from)
  if (value === undefined) return wanted === 'absent' ? entries : undefined
  const mayReplace = input.kind === 'rename' && (input.replace === true || from === to)
  if (entries.has(to) && !mayReplace) return wanted === 'exists' ? entries : undefined
  if (wanted !== undefined && wanted !== 'done') return undefined
  const left = input.kind === 'rename' ? without(entries, from) : entries
  return new Map(left).set(to, value)
}

function without(entries: Entries, name: string): Entries {
  const left = new Map(entries)
  left.delete(name)
  return left
}

const textOf = (parts: readonly string[]): string => [...parts].sort(compareText).join(' ')

function print({ input, output }: DirectoryCall): string {
  const { kind } = input
  const what = {
    put: () => (input.kind === 'put' ? `${input.name} ${input.value}` : ''),
    remove: () => (input.kind === 'remove' ? input.name : ''),
    look: () => (input.kind === 'look' ? input.name : ''),
    link: () => ('from' in input ? `${input.from} as ${input.to}` : ''),
    rename: () => ('from' in input ? `${input.from} to ${input.to}` : ''),
    list: () => '',
  }[kind]()
  const how = input.kind === 'put' && input.exclusive === true ? ' if absent' : ''
  return `${kind} ${what}${how} → ${answerOf(output)}`
}

function answerOf(output: DirectoryOutput | undefined): string {
  if (output === undefined) return '?'
  if (output.kind === 'found') return output.value
  return output.kind === 'names' ? `{${textOf(output.names)}}` : output.kind
}
