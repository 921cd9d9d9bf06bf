/**
 * A crash at every effect: one scripted run of four members in calm weather, once for each place
 * where member 0 may die (before and after each send, commit and execution, and before each answer
 * to a client). It dies there, comes back, and every promise must hold.
 */
import { type ClusterReport, ConsensusCluster } from '../../src/simulator/consensus-cluster.ts'
import { noFaults } from '../../src/simulator/consensus-faults.ts'
import type { TraceListener } from '../../src/simulator/trace.ts'
import { groupParts } from './parts.ts'

const member = 0
const itemCount = 40

/** The scripted run; `boundary` counts from 0. */
export const scriptedRun = (boundary?: number, onTrace?: TraceListener): ConsensusCluster =>
  new ConsensusCluster({
    seed: 1,
    nodeCount: 4,
    itemCount,
    faults: { ...noFaults, durationMs: 1_000 },
    liarCount: 0,
    ...(boundary === undefined
      ? {}
      : { crashAt: { member, boundary }, replayCommand: `npm run sim -- --boundary ${boundary}` }),
    ...(onTrace === undefined ? {} : { onTrace }),
    ...groupParts,
  })

/** Places where member 0 may die in the scripted run. */
export async function countBoundaries(): Promise<number> {
  const cluster = scriptedRun()
  await cluster.run()
  return cluster.nodes[member]?.boundaryCount ?? 0
}

/** @throws ClusterFailure with the command that replays it; another error if nobody died. */
export async function runBoundary(
  boundary: number,
  cluster = scriptedRun(boundary),
): Promise<ClusterReport> {
  const report = await cluster.run()
  if (report.crashCount === 1) return report
  const replay = `replay: ${cluster.replayCommand} --trace`
  throw new Error(`there is no effect ${boundary} at which to crash\n${replay}`)
}
