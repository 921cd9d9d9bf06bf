/** What `npm run bench -- consensus …` understands. */
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { messageOf } from '../src/base/error.ts'

export const levels = ['group', 'http'] as const
export type Level = (typeof levels)[number]

export type ConsensusArguments = {
  readonly levels: readonly Level[]
  readonly memberCounts: readonly number[]
  readonly clientCounts: readonly number[]
  /** How long each line is measured. */
  readonly ms: number
  readonly dir: string
  readonly json: boolean
  readonly keep: boolean
  readonly faults: boolean
  readonly nodeFlags: readonly string[]
}

/** Wrong use: nothing was measured. */
export class UsageError extends Error {}

/** The API's fewest; the longest list of members that a world may have is far above. */
const members = { min: 4, max: 31 }
const clients = { min: 1, max: 4_096 }
const secondsMax = 600

/** @throws UsageError */
export function parseConsensusArguments(args: readonly string[]): ConsensusArguments {
  const { quick, ...values } = parse(args)
  const seconds = Number(values.seconds ?? (quick ? 2 : 5))
  if (!(seconds > 0 && seconds <= secondsMax)) {
    throw new UsageError(`--seconds is more than 0 and at most ${secondsMax}`)
  }
  return {
    levels: values.level.split(',').map((name) => {
      const level = levels.find((one) => one === name)
      if (level === undefined) throw new UsageError(`a level is group or http, not "${name}"`)
      return level
    }),
    memberCounts: numbers('members', values.members ?? (quick ? '4' : '4,7'), members),
    clientCounts: numbers('clients', values.clients ?? (quick ? '1,64' : '1,16,64,256'), clients),
    ms: seconds * 1_000,
    dir: values.dir,
    json: values.json,
    keep: values.keep,
    faults: !values['no-faults'],
    nodeFlags: values['node-flag'],
  }
}

function numbers(
  name: string,
  text: string,
  { min, max }: { readonly min: number; readonly max: number },
): readonly number[] {
  return text.split(',').map((part) => {
    const number = Number(part)
    const isGood = /^\d+$/.test(part) && number >= min && number <= max
    if (isGood) return number
    throw new UsageError(`--${name} is numbers from ${min} to ${max} with commas, not "${text}"`)
  })
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        members: { type: 'string' },
        clients: { type: 'string' },
        level: { type: 'string', default: 'group,http' },
        seconds: { type: 'string' },
        dir: { type: 'string', default: tmpdir() },
        'no-faults': { type: 'boolean', default: false },
        'node-flag': { type: 'string', multiple: true, default: [] as string[] },
      },
    }).values
  } catch (error) {
    throw new UsageError(messageOf(error))
  }
}
