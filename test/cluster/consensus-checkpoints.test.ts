/**
 * Goal: groups whose log is pruned, whose members lose their disks or get old ones back, and are
 * readmitted with new keys, keep every promise; in the end everybody votes, and all are equal.
 *
 * Method: seeds of the consensus cluster with these troubles always on, others drawn; long calm
 * runs for what must not grow.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConsensusCluster } from '../../src/simulator/consensus-cluster.ts'
import { noFaults } from '../../src/simulator/consensus-faults.ts'
import { groupParts } from '../../tools/sim/parts.ts'

/** The usual troubles of a seed, and disks that are lost or grow old. */
const forgetting = (seed: number, nodeCount: number, liarCount = 0): ConsensusCluster =>
  new ConsensusCluster({ seed, nodeCount, forget: true, liarCount, ...groupParts })

for (const { nodeCount, seeds } of [
  { nodeCount: 4, seeds: 40 },
  { nodeCount: 7, seeds: 8 },
])
  test(`C3 C25 C96: ${nodeCount} members that lose disks and memory are readmitted (${seeds} seeds)`, async () => {
    let epochs = 0
    let installs = 0
    for (let seed = 1; seed <= seeds; seed++) {
      const report = await forgetting(seed, nodeCount).run()
      epochs += report.epochCount - 1
      installs += report.installCount
      if (seed % 10 === 0) assert.deepEqual(await forgetting(seed, nodeCount).run(), report)
    }
    assert(epochs >= seeds && installs >= seeds, `${epochs} epochs, ${installs} states taken over`)
  })

test('C96: with a liar among seven, one member at a time may lose its memory', async () => {
  let epochs = 0
  for (let seed = 1; seed <= 8; seed++) {
    epochs += (await forgetting(seed, 7, 1).run()).epochCount - 1
  }
  assert(epochs > 0)
})

test('C3 C25: journals do not grow with the log', async () => {
  const recordsOf = async (itemCount: number): Promise<number[]> => {
    const faults = { ...noFaults, snapshotHeights: 5, durationMs: itemCount * 20 }
    const options = { seed: 1, nodeCount: 4, liarCount: 0, itemCount, faults, ...groupParts }
    const cluster = new ConsensusCluster(options)
    const { height } = await cluster.run()
    assert(height >= itemCount / 2, `${height} heights of ${itemCount} items`)
    // The application keeps a record of each item; consensus must not.
    return cluster.nodes.map((node) => node.journals.countOf('consensus') - itemCount)
  }
  const few = await recordsOf(200)
  const many = await recordsOf(600)
  for (const [index, count] of many.entries())
    assert(
      count <= (few[index] ?? 0) + 300,
      `member ${index}: ${few[index]}, then ${count} records`,
    )
  assert(
    many.every((count) => count < 400),
    `${many}`,
  )
})
