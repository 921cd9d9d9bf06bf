/** The liars among the Processors of a world, by name, and who of them a seed brings. */
import type { WorldLiar } from './byzantine/altered.ts'
import { hostileClient } from './byzantine/hostile-client.ts'
import { linkFlooder } from './byzantine/link-flooder.ts'
import { receiptThief } from './byzantine/receipt-thief.ts'
import { replyForger } from './byzantine/reply-forger.ts'
import { selectivelyMute } from './byzantine/selectively-mute.ts'
import { staleReplica } from './byzantine/stale-replica.ts'
import { voteEquivocator } from './byzantine/vote-equivocator.ts'
import { withholder } from './byzantine/withholder.ts'
import { wrongExecutor } from './byzantine/wrong-executor.ts'
import type { SimRandom } from './sim-random.ts'
import type { WorldFaults } from './world-faults.ts'

export const worldLiars = {
  'wrong executor': wrongExecutor,
  'stale replica': staleReplica,
  'receipt thief': receiptThief,
  withholder,
  'reply forger': replyForger,
  'vote equivocator': voteEquivocator,
  'selectively mute': selectivelyMute,
  'link flooder': linkFlooder,
  'hostile client': hostileClient,
} as const satisfies Readonly<Record<string, WorldLiar>>

export type WorldLiarName = keyof typeof worldLiars

export type LiarPlan = { readonly n: number; readonly name: WorldLiarName }

const names = Object.keys(worldLiars) as WorldLiarName[]

/** Liars that a group of the largest 3f + 1 of these Processors survives. */
export const liarCountMax = (nodeCount: number): number => Math.floor((nodeCount - 1) / 3)

/** Copies of each block that may lie or be lost: w − 1 of the w holders that took it. */
export function replicasFor(nodeCount: number, liarCount: number): number {
  return Math.min(nodeCount, liarCount > 1 ? 4 : 3)
}

/**
 * Who may lose his disk beside these liars and bad disks, and how many of the Processors are then
 * faulty at once: never more than the world survives.
 */
export function wipeableOf(
  nodeCount: number,
  faults: WorldFaults,
  liars: readonly LiarPlan[],
): { readonly wipeable: readonly number[]; readonly faultyCount: number } {
  const { damaged, failingEveryMs, rotEveryMs, wipeEveryMs } = faults
  const hasBadDisk = rotEveryMs !== undefined || failingEveryMs !== undefined
  const others = new Set(liars.map(({ n }) => n))
  if (hasBadDisk && damaged !== undefined) others.add(damaged)
  const none = { wipeable: [], faultyCount: liars.length }
  const faultsMax = liarCountMax(nodeCount)
  if (wipeEveryMs === undefined || faultsMax === 0) return none
  if (others.size < faultsMax) {
    const numbers = Array.from({ length: nodeCount }, (_, index) => index + 1)
    const wipeable = numbers.filter((n) => !others.has(n))
    return { wipeable, faultyCount: others.size + 1 }
  }
  // The disk that goes wrong may as well be lost.
  if (liars.length > 0 || damaged === undefined) return none
  return { wipeable: [damaged], faultyCount: 1 }
}

/** In two of five runs some, at most as many as the world survives. */
export function drawWorldLiars(random: SimRandom, nodeCount: number): readonly LiarPlan[] {
  const countMax = liarCountMax(nodeCount)
  const isHonest = !random.happens(0.4)
  const count = 1 + random.below(Math.max(1, countMax))
  const numbers = Array.from({ length: nodeCount }, (_, index) => index + 1)
  const plans = random.shuffled(numbers).map((n) => ({ n, name: random.pick(names) }))
  return countMax === 0 || isHonest ? [] : plans.slice(0, count)
}
