/**
 * Goal: a leader that never proposes the items of a client delays them by its turns only: whoever
 * leads next has them, and so they are ordered within a few views, while others' items go on.
 *
 * Method: a calm simulated group in which one member, or as many as may lie, take a client's items
 * and leave them out whenever they lead. In another run they never propose anything.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createConsensus } from '../../src/kernel/consensus/consensus.ts'
import { itemIdOf } from '../../src/simulator/consensus-application.ts'
import { ConsensusCluster } from '../../src/simulator/consensus-cluster.ts'
import { noFaults } from '../../src/simulator/consensus-faults.ts'
import { groupParts } from '../../tools/sim/parts.ts'

/** Items of every second id belong to the client that is censored. */
const isCensored = (item: Uint8Array): boolean => itemIdOf(item) % 2 === 0

for (const { nodeCount, censors, of } of [
  { nodeCount: 4, censors: 1, of: isCensored },
  { nodeCount: 7, censors: 2, of: isCensored },
  { nodeCount: 4, censors: 1, of: () => true },
  { nodeCount: 7, censors: 2, of: () => true },
])
  test(`C96: ${censors} of ${nodeCount} members censor ${of === isCensored ? 'a client' : 'all'}: its items are ordered all the same`, async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const cluster = new ConsensusCluster({
        seed,
        nodeCount,
        liarCount: 0,
        ...groupParts,
        faults: noFaults,
        itemCount: 40,
        createMember: (options) => {
          const consensus = createConsensus(options)
          const place = options.config.members.findIndex(({ node }) => node === options.self)
          if (place >= censors) return consensus
          const submit = consensus.submit.bind(consensus)
          return Object.assign(consensus, {
            submit: (item: Uint8Array) => of(item) || submit(item),
          })
        },
      })
      const report = await cluster.run()
      assert.equal(report.itemCount, 40)
      // Δ0 is 50 ms: whatever is left when the run heals waits for few turns of censors.
      assert(report.healedInMs < 1_000, `seed ${seed}: ${report.healedInMs} ms`)
    }
  })
