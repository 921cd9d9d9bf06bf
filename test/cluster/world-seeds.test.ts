/**
 * Goal: with links cut and messages late, partitions, processes killed and frozen, power cut, disks
 * slow, full, failing, rotten or lost and clocks off, files, a log and a directory stay
 * linearizable, nothing acknowledged is lost, altered or done twice, nobody correct is accused, the
 * members come to the same states, also by way of snapshots, and the world comes to rest by itself
 * when the trouble ends.
 *
 * Byzantine Processors, as many as the world survives, are among the troubles.
 *
 * Method: seeds of whole worlds over the production kernel, each with its own subset of troubles
 * (src/simulator/world-chaos.ts). Every tenth runs twice and must give the same run, hash for hash.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ChaosReport, WorldChaos } from '../../src/simulator/world-chaos.ts'
import { noWorldFaults } from '../../src/simulator/world-faults.ts'
import { nodeCrypto, simulated } from './world-fixture.ts'

const run = async (seed: number, nodeCount: number): Promise<ChaosReport> =>
  (await WorldChaos.create({ seed, nodeCount, ...simulated() })).run()

const plans = [
  { nodeCount: 1, first: 1, count: 2 },
  { nodeCount: 4, first: 1, count: 48 },
  { nodeCount: 5, first: 1, count: 6 },
  { nodeCount: 7, first: 1, count: 4 },
]

let seedCount = 0

for (const { nodeCount, first, count } of plans) {
  test(`C25 C29 C90 C91 C96: ${nodeCount} Processors keep their promises in trouble (${count} seeds)`, async () => {
    const sums = { snapshots: 0, crashes: 0, rot: 0, stops: 0, lies: 0 }
    let wipeCount = 0
    for (let seed = first; seed < first + count; seed++) {
      const report = await run(seed, nodeCount)
      sums.snapshots += report.snapshotCount
      sums.crashes += report.crashCount
      sums.rot += report.rotCount
      sums.stops += report.diskStopCount
      sums.lies += report.lieCount
      wipeCount += report.wipeCount
      if (++seedCount % 10 !== 0) continue
      assert.deepEqual(await run(seed, nodeCount), report, `seed ${seed} gives two different runs`)
    }
    assert(sums.snapshots >= 3 * count, JSON.stringify(sums))
    // Troubles that never strike show nothing.
    if (count < 40) return
    assert(
      Object.values(sums).every((sum) => sum > 20),
      JSON.stringify(sums),
    )
    assert(wipeCount > 10, `${wipeCount} disks were lost`)
  })
}

test('in calm weather every request is answered, and quickly', async () => {
  const options = { seed: 3, nodeCount: 4, ...simulated(), faults: noWorldFaults }
  const report = await (await WorldChaos.create(options)).run()
  assert.equal(report.crashCount, 0)
  assert.equal(report.unansweredCount, 0)
  assert(report.acknowledgedCount + report.answeredReadCount > 4 * 7 + 30)
  assert(report.eventCount < 20_000, `${report.eventCount} events`)
})

test('the same with real signatures', async () => {
  const options = { seed: 50, nodeCount: 4, ...simulated(), crypto: nodeCrypto }
  assert((await (await WorldChaos.create(options)).run()).acknowledgedCount > 0)
})
