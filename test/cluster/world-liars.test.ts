/**
 * Goal: with as many Byzantine Processors as the world survives, of each kind that can be told
 * apart from outside, everybody else's applications see one computer, nothing acknowledged is lost,
 * no correct Processor is accused, and the world comes to rest. With one more of them, the same
 * checkers must see that a promise is broken.
 *
 * Method: whole worlds in calm weather and under drawn troubles, liars by name
 * (src/simulator/byzantine/); applications ask correct Processors alone.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ChaosReport, WorldChaos } from '../../src/simulator/world-chaos.ts'
import { noWorldFaults } from '../../src/simulator/world-faults.ts'
import type { LiarPlan, WorldLiarName } from '../../src/simulator/world-liars.ts'
import { faultsOf, simulated } from './world-fixture.ts'

type Options = Partial<Parameters<typeof WorldChaos.create>[0]>

const run = async (seed: number, options: Options): Promise<ChaosReport> =>
  (await WorldChaos.create({ seed, nodeCount: 4, ...simulated(), ...options })).run()

/** Three seeds: one in calm weather, where nothing excuses a request without an answer. */
const titles: Readonly<Record<WorldLiarName, string>> = {
  'wrong executor': 'C90.10 C96: a member executes the log wrongly and answers so',
  'stale replica': 'C90.10 C96: a member answers reads from old states',
  'receipt thief': 'C90.10 C96: a holder signs receipts and deletes the blocks',
  withholder: 'C90.5 C96: a holder takes blocks and never gives one',
  'reply forger': 'C90.7 C90.9 C96: a Processor forges its answers',
  'vote equivocator':
    'C90.10 C96: a member votes and proposes one thing to some, another to others',
  'selectively mute': 'C90.2 C90.5 C96: a Processor is silent towards some',
  'link flooder': 'C106 C96: a Processor floods the others',
  'hostile client': 'C90.7 C96: a client with good credentials sends false batches and requests',
}

for (const [index, [liar, title]] of Object.entries(titles).entries()) {
  const name = liar as WorldLiarName
  test(title, async () => {
    let lieCount = 0
    for (let seed = 1; seed <= 3; seed++) {
      const liars: readonly LiarPlan[] = [{ n: 1 + ((seed + index) % 4), name }]
      const isCalm = seed === 1
      const report = await run(seed, isCalm ? { liars, faults: noWorldFaults } : { liars })
      lieCount += report.lieCount
      if (isCalm) assert.equal(report.unansweredCount, 0, 'every request is answered')
    }
    assert(lieCount > 6, `${lieCount} lies`)
  })
}

test('C96: correct Processors report a vote equivocator, with proof', async () => {
  const liars = [{ n: 3, name: 'vote equivocator' as const }]
  const options = { seed: 1, nodeCount: 4, ...simulated(), liars, faults: noWorldFaults }
  const chaos = await WorldChaos.create(options)
  await chaos.run()
  const counts = [1, 2, 4].map((n) => faultsOf(chaos.world, n, 3).equivocation ?? 0)
  assert(
    counts.some((count) => count > 0),
    counts.join(' '),
  )
})

test('C52 C96: seven Processors survive two of them at once', async () => {
  const pairs: readonly (readonly [WorldLiarName, WorldLiarName])[] = [
    ['wrong executor', 'vote equivocator'],
    ['receipt thief', 'withholder'],
  ]
  for (const [index, [first, second]] of pairs.entries()) {
    const liars = [
      { n: 2, name: first },
      { n: 5, name: second },
    ]
    const options = { nodeCount: 7, liars, operationCount: 8, faults: noWorldFaults }
    const report = await run(40 + index, options)
    assert(report.lieCount > 0)
    assert.equal(report.unansweredCount, 0)
  }
})

test('over the bound: where two of four execute wrongly, each in its way, changes stay unconfirmed', async () => {
  const liars = [1, 2].map((n) => ({ n, name: 'wrong executor' as const }))
  const stuck = /503 .*of 3 needed members confirmed/s
  await assert.rejects(run(1, { liars, faults: noWorldFaults }), stuck)
})

test('over the bound the checkers see it: both holders of a block delete it', async () => {
  const liars = [1, 2].map((n) => ({ n, name: 'receipt thief' as const }))
  const faults = noWorldFaults
  const lost = /does not give everything at rest/
  await assert.rejects(run(2, { liars, faults, defaultReplicas: 2 }), lost)
})
