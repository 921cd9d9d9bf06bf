/**
 * Goal: the checkers of the consensus cluster see faults. A run without a violation means something
 * only if a broken rule gives one.
 *
 * Method: turn off one rule at a time in all correct members, and run seeds until the checkers
 * notice. Over the bound (two liars of four) agreement must break before their eyes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNodeCrypto } from '../../src/adapters/node-crypto.ts'
import { createMutant } from '../../src/kernel/consensus/consensus.ts'
import { mutations } from '../../src/kernel/consensus/mutations.ts'
import { type ClusterOptions, ConsensusCluster } from '../../src/simulator/consensus-cluster.ts'

const seedsMax = 200
const crypto = createNodeCrypto()
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** The first seed that breaks, and what it says. */
async function firstViolation(
  options: Partial<ClusterOptions>,
  counts: (message: string) => boolean = (): boolean => true,
): Promise<{ seed: number; message: string } | undefined> {
  for (let seed = 1; seed <= seedsMax; seed++) {
    try {
      await new ConsensusCluster({ seed, nodeCount: 4, crypto, settle, ...options }).run()
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (counts(message)) return { seed, message }
    }
  }
  return undefined
}

for (const mutation of mutations)
  test(`C96: a broken rule is noticed: ${mutation}`, async () => {
    const found = await firstViolation({
      createMember: (options) => createMutant(options, mutation),
    })
    assert(found !== undefined, `${seedsMax} seeds saw nothing`)
    assert.match(found.message, new RegExp(`npm run sim -- --seed ${found.seed} --nodes 4`))
  })

test('C96: one liar more than the bound breaks agreement, and that is noticed', async () => {
  // Standing still is no surprise then; two truths are what must be seen.
  const isSafety = (message: string): boolean => !message.includes('ms without trouble')
  const found = await firstViolation({ liarCount: 2 }, isSafety)
  assert(found !== undefined, `${seedsMax} seeds saw nothing`)
  assert.match(found.message, /--liars 2/)
})

test('and without a broken rule the same seeds see nothing', async () => {
  const options = { seed: 0, nodeCount: 4, crypto, settle, liarCount: 1 }
  for (let seed = 1; seed <= 20; seed++) await new ConsensusCluster({ ...options, seed }).run()
})
