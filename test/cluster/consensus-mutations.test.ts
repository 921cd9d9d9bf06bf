/**
 * Goal: the checkers of the consensus cluster see faults. A run without a violation means something
 * only if a broken rule gives one.
 *
 * Method: turn off one rule at a time in all correct members, and run seeds until the checkers
 * notice. Over the bound (two liars of four) agreement must break before their eyes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createConsensus } from '../../src/kernel/consensus/index.ts'
import { mutations } from '../../src/kernel/consensus/mutations.ts'
import { ConsensusCluster } from '../../src/simulator/consensus-cluster.ts'
import { hunt, huntMutation } from '../../tools/sim/mutants.ts'
import { groupParts } from '../../tools/sim/parts.ts'

for (const mutation of mutations)
  test(`C96: a broken rule is noticed: ${mutation}`, async () => {
    const { message, seed, seedCount } = await huntMutation(mutation)
    assert(message !== undefined, `${seedCount} seeds saw nothing`)
    assert.match(message, new RegExp(`npm run sim -- --seed ${seed} --nodes 4`))
  })

test('C96: one liar more than the bound breaks agreement, and that is noticed', async () => {
  const { message, seedCount } = await hunt({ liarCount: 2 })
  assert(message !== undefined, `${seedCount} seeds saw nothing`)
  assert.match(message, /--liars 2/)
})

test('members that send everything five times are noticed', async () => {
  const { message } = await hunt(
    {
      createMember: (options) => {
        const { links } = options
        const send = links.send.bind(links)
        links.send = (...sent) => [1, 2, 3, 4, 5].map(() => send(...sent)).every(Boolean)
        return createConsensus(options)
      },
    },
    { first: 25, isOfLiveness: true },
  )
  assert.match(message ?? '', /\d+ messages where \d+ are many/)
})

test('and without a broken rule the same seeds see nothing', async () => {
  const options = { seed: 0, nodeCount: 4, ...groupParts, liarCount: 1 }
  for (let seed = 1; seed <= 20; seed++) await new ConsensusCluster({ ...options, seed }).run()
})

test('no rule can be broken through the door of the layer', async () => {
  const door = await import('../../src/kernel/consensus/index.ts')
  const wrong = Object.keys(door).filter((name) => /mutant|mutation|twin/i.test(name))
  assert.deepEqual(wrong, [])
  assert.equal(createConsensus.length, 1, 'options, and nothing else')
  // Whatever else stands in the options has no effect: the run is the same, event for event.
  const run = async (extra: object): Promise<string> => {
    const cluster = new ConsensusCluster({
      ...{ seed: 1, nodeCount: 4, liars: ['equivocator'], ...groupParts },
      createMember: (options) => createConsensus({ ...options, ...extra }),
    })
    return (await cluster.run()).traceHash
  }
  const honest = await run({})
  for (const mutation of mutations) assert.equal(await run({ mutation }), honest, mutation)
})
