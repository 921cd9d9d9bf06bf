/** What `npm run sim` understands. */
import { parseArgs } from 'node:util'
import { type Mutation, mutations } from '../../src/kernel/consensus/mutations.ts'
import { isLiarKind, liarKinds } from '../../src/simulator/byzantine/consensus-liars.ts'
import type { ClusterOptions } from '../../src/simulator/consensus-cluster.ts'
import { UsageError, wholeNumber } from './numbers.ts'

export const oneHelp = `Usage: npm run sim -- [options]

One run of a simulated consensus group, or of a whole world, from one seed.

  --seed N       which run (default 42)
  --nodes N      members of the group, 1 to 31, or Processors, 1 to 13 (default 4)
  --liars N      members that lie (drawn from the seed when not given), or their kinds, as in
                 --liars twins,forger: ${liarKinds.join(', ')}
  --forget       disks are lost and grow old, whatever the seed draws of that
  --items N      what clients submit (default 30)
  --real         sign with real Ed25519
  --mutant RULE  all correct members break this rule, as in the mutation suite
  --world        whole Processors with files and HTTP, not a consensus group alone
  --boundary N   the scripted group of sim:ci, member 0 dying at its effect N

A world takes --seed and --nodes alone, the scripted group none of those above.

  --trace        every event on a line, not the story alone
  --from HEIGHT  trace from the moment when this height is first executed
  --node N       trace only what names this member (from 0) or Processor (from 1)
  --help         this

Ends with what was promised and kept, or with what was broken (exit code 1), the commit, and the
command that replays it. Many seeds: npm run sim:ci, npm run sim:accept.`

export type OneOptions = {
  readonly seed: number
  readonly nodeCount: number
  readonly liars: Pick<ClusterOptions, 'liars' | 'liarCount'>
  readonly itemCount: number
  readonly forget: boolean
  readonly realSignatures: boolean
  readonly mutant: Mutation | undefined
  readonly world: boolean
  readonly boundary: number | undefined
  readonly trace: boolean
  readonly fromHeight: number
  readonly node: number | undefined
}

const definitions = {
  seed: { type: 'string' },
  nodes: { type: 'string' },
  liars: { type: 'string' },
  items: { type: 'string' },
  forget: { type: 'boolean', default: false },
  real: { type: 'boolean', default: false },
  mutant: { type: 'string' },
  world: { type: 'boolean', default: false },
  boundary: { type: 'string' },
  trace: { type: 'boolean', default: false },
  from: { type: 'string' },
  node: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const

/** What a run of this kind has no use for: an option without effect would pass for one with. */
const uselessFor = {
  world: ['liars', 'forget', 'items', 'real', 'mutant', 'boundary'],
  boundary: ['seed', 'nodes', 'liars', 'forget', 'items', 'real', 'mutant', 'world'],
} as const

type Values = ReturnType<typeof parse>

function refuseUseless(values: Values): void {
  const isGiven = (name: keyof Values): boolean =>
    values[name] !== undefined && values[name] !== false
  for (const kind of ['world', 'boundary'] as const) {
    const useless = isGiven(kind) ? uselessFor[kind].find(isGiven) : undefined
    if (useless !== undefined) throw new UsageError(`--${kind} takes no --${useless}`)
  }
}

const optional = (
  text: string | undefined,
  name: string,
  range: { min: number; max: number },
): number | undefined => (text === undefined ? undefined : wholeNumber(text, name, range))

/** Undefined when help is wanted. @throws UsageError */
export function parseOneArguments(args: readonly string[]): OneOptions | undefined {
  const values = parse(args)
  if (values.help) return undefined
  refuseUseless(values)
  const nodesMax = values.world ? 13 : 31
  const nodeCount = wholeNumber(values.nodes ?? '4', 'nodes', { min: 1, max: nodesMax })
  const from = optional(values.from, 'from', { min: 0, max: 1e15 })
  const nodeRange = values.world ? { min: 1, max: nodeCount } : { min: 0, max: nodeCount - 1 }
  const node = optional(values.node, 'node', nodeRange)
  return {
    seed: wholeNumber(values.seed ?? '42', 'seed', { min: 0, max: 1e15 }),
    nodeCount,
    liars: values.liars === undefined ? {} : liarsOf(values.liars, nodeCount - 1),
    itemCount: wholeNumber(values.items ?? '30', 'items', { min: 1, max: 100_000 }),
    forget: values.forget,
    realSignatures: values.real,
    mutant: values.mutant === undefined ? undefined : mutantOf(values.mutant),
    world: values.world,
    boundary: optional(values.boundary, 'boundary', { min: 0, max: 1e6 }),
    trace: values.trace || from !== undefined || node !== undefined,
    fromHeight: from ?? 0,
    node,
  }
}

function mutantOf(name: string): Mutation {
  const found = mutations.find((one) => one === name)
  if (found !== undefined) return found
  throw new UsageError(`there is no rule "${name}"; there are: ${mutations.join(', ')}`)
}

/** A number, or names. One member at least is none. */
function liarsOf(text: string, countMax: number): OneOptions['liars'] {
  if (/^\d+$/.test(text))
    return { liarCount: wholeNumber(text, 'liars', { min: 0, max: countMax }) }
  const names = text.split(',')
  const unknown = names.find((name) => !isLiarKind(name))
  if (unknown !== undefined)
    throw new UsageError(`there is no liar "${unknown}"; there are: ${liarKinds.join(', ')}`)
  if (names.length > countMax)
    throw new UsageError(`--liars takes at most ${countMax} in a group of ${countMax + 1}`)
  return { liars: names.filter(isLiarKind) }
}

function parse(
  args: readonly string[],
): ReturnType<typeof parseArgs<{ args: string[]; options: typeof definitions }>>['values'] {
  try {
    return parseArgs({ args: [...args], options: definitions }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}
