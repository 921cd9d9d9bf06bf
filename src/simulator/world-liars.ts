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

/** In two of five runs some, at most as many as the world survives. */
export function drawWorldLiars(random: SimRandom, nodeCount: number): readonly LiarPlan[] {
  const countMax = liarCountMax(nodeCount)
  const isHonest = !random.happens(0.4)
  const count = 1 + random.below(Math.max(1, countMax))
  const numbers = Array.from({ length: nodeCount }, (_, index) => index + 1)
  const plans = random.shuffled(numbers).map((n) => ({ n, name: random.pick(names) }))
  return countMax === 0 || isHonest ? [] : plans.slice(0, count)
}
