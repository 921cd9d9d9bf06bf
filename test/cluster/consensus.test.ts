/**
 * Goal: with links cut, messages late, queues full, partitions, disks slow, clocks off, processes
 * frozen and killed at any effect, the group never disagrees, and once the trouble ends everything
 * submitted is executed everywhere, exactly once, in one order; then the group falls silent.
 *
 * Method: seeds of a simulated cluster over the production driver, each with its own subset of
 * troubles. Every tenth runs twice and must give equal hashes over all events; every fiftieth signs
 * with real Ed25519. A failure prints the command that replays it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClusterReport, ConsensusCluster } from '../../src/simulator/consensus-cluster.ts'
import { noFaults } from '../../src/simulator/consensus-faults.ts'

import { groupParts } from '../../tools/sim/parts.ts'

const run = (seed: number, nodeCount: number): Promise<ClusterReport> =>
  new ConsensusCluster({
    seed,
    nodeCount,
    realSignatures: seed % 50 === 0,
    ...groupParts,
  }).run()

const plans = [
  { nodeCount: 1, first: 1, count: 5 },
  { nodeCount: 4, first: 1, count: 90 },
  { nodeCount: 4, first: 91, count: 90 },
  { nodeCount: 5, first: 1, count: 5 },
  { nodeCount: 7, first: 1, count: 40 },
  { nodeCount: 7, first: 41, count: 40 },
  { nodeCount: 10, first: 1, count: 30 },
  { nodeCount: 13, first: 1, count: 8 },
  { nodeCount: 31, first: 1, count: 2 },
]

for (const { count, first, nodeCount } of plans)
  test(`C25 C90 C91 C96: ${nodeCount} members agree and recover (${count} seeds from ${first})`, async () => {
    for (let seed = first; seed < first + count; seed++) {
      const report = await run(seed, nodeCount)
      if (seed % 10 !== 0) continue
      assert.deepEqual(await run(seed, nodeCount), report, `seed ${seed} gives two different runs`)
    }
  })

test('in calm weather each item costs one view and few messages, and none is ordered twice', async () => {
  const cluster = new ConsensusCluster({
    seed: 7,
    nodeCount: 4,
    liarCount: 0,
    ...groupParts,
    faults: noFaults,
    itemCount: 50,
  })
  const report = await cluster.run()
  assert.equal(report.crashCount, 0)
  assert.equal(report.repeatedCount, 0)
  assert(report.view <= 52, `view ${report.view} for 50 items`)
  // 3 proposals, 12 votes of each kind, 12 certificates, and relays of finalizations.
  assert(report.messageCount <= report.view * 52, `${report.messageCount} messages`)
})
