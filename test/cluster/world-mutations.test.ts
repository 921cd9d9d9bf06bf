/**
 * Goal: the checkers of whole worlds see it when a rule is broken that safety rests on.
 *
 * Method: each rule of src/simulator/world-mutations.ts is broken on all correct Processors, under
 * the troubles (or the liar) that the rule is there for; within some seeds the run must end in an
 * error. The same seeds with the rule kept end well.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { calmWeather } from '../../src/simulator/weather.ts'
import { type ChaosOptions, WorldChaos } from '../../src/simulator/world-chaos.ts'
import { noWorldFaults } from '../../src/simulator/world-faults.ts'
import type { WorldMutation } from '../../src/simulator/world-mutations.ts'
import { simulated } from './world-fixture.ts'

type Scenario = Partial<ChaosOptions> & {
  /** Where to look first, and how far. */
  readonly first: number
  readonly count: number
  /** Of the error that tells of it. */
  readonly sees: RegExp
}

const slow = { ...noWorldFaults, weather: { ...calmWeather, delayMs: { min: 5, max: 300 } } }
const cut = { ...noWorldFaults, weather: { ...calmWeather, cutChance: 0.01 }, crashEveryMs: 300 }

/** The same rule, seen by writers of cells of one block. */
const cells: Scenario = {
  first: 1,
  count: 6,
  sees: /files: not linearizable: .*cell-/s,
  liars: [],
  faults: slow,
  clientCount: 6,
  operationCount: 6,
  cellsOnly: true,
}

const scenarios: Readonly<Record<WorldMutation, Scenario>> = {
  'receipts-unchecked': {
    first: 2,
    count: 4,
    sees: /too much time/,
    liars: [{ n: 2, name: 'hostile client' }],
    faults: noWorldFaults,
    recoveryMsMax: 3_000,
  },
  'retries-forgotten': {
    first: 1,
    count: 10,
    sees: /not linearizable/,
    liars: [],
    faults: { ...cut, downMax: 2 },
  },
  'conflicts-ignored': {
    // In seed 1 a torn log shows before the lost record does.
    first: 2,
    count: 6,
    sees: /the log: not linearizable/,
    liars: [],
    faults: slow,
    clientCount: 6,
    operationCount: 8,
  },
  'receipts-before-sync': {
    first: 1,
    count: 6,
    sees: /stopped|does not give everything|not linearizable|too much time/,
    liars: [],
    faults: { ...noWorldFaults, crashEveryMs: 400, powerChance: 1, downMax: 4 },
  },
  'one-member-reads': {
    // In seed 4 a directory that is not seen shows before the stale read does.
    first: 6,
    count: 6,
    sees: /not linearizable/,
    liars: [{ n: 1, name: 'stale replica' }],
    faults: noWorldFaults,
  },
  'blocks-unchecked': {
    first: 1,
    count: 6,
    sees: /does not give everything|500/,
    liars: [{ n: 1, name: 'reply forger' }],
    faults: noWorldFaults,
  },
}

async function faultOf(seed: number, options: Partial<ChaosOptions>): Promise<string | undefined> {
  try {
    await (await WorldChaos.create({ seed, nodeCount: 4, ...simulated(), ...options })).run()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

const named = Object.entries(scenarios).map(([mutation, scenario]) => ({
  title: mutation,
  mutation: mutation as WorldMutation,
  scenario,
}))
const all = [
  ...named,
  { title: 'conflicts-ignored, in cells', mutation: 'conflicts-ignored' as const, scenario: cells },
]

for (const { title, mutation, scenario } of all) {
  const { first, count, sees, ...options } = scenario
  test(`a broken rule is seen within ${count} seeds: ${title}`, async () => {
    let found: { readonly seed: number; readonly fault: string } | undefined
    for (let seed = first; seed < first + count && found === undefined; seed++) {
      const fault = await faultOf(seed, { ...options, mutation })
      if (fault !== undefined) found = { seed, fault }
    }
    assert(found !== undefined, 'no checker saw it')
    assert.match(found.fault, sees)
    const kept = await faultOf(found.seed, options)
    assert.equal(kept, undefined, 'the same seed with the rule kept')
  })
}
