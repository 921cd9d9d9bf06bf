/**
 * Which troubles a seed brings: a random subset of all kinds, each with a random strength, since
 * runs with some kinds missing find more than runs with all of them on.
 */
import type { ConsensusLimits } from '../kernel/consensus/index.ts'
import { calmLinkWeather, type LinkWeather } from './sim-links.ts'
import type { Range, SimRandom } from './sim-random.ts'

export type ConsensusFaults = {
  readonly weather: LinkWeather
  readonly syncMs: Range
  /** Mean times between events of a kind; undefined: none of it. */
  readonly partitionEveryMs: number | undefined
  readonly crashEveryMs: number | undefined
  readonly freezeEveryMs: number | undefined
  /** A disk is full or fails its next sync: the node must stop by itself. */
  readonly diskFailEveryMs: number | undefined
  /** Chance to die at each effect boundary: around sends, commits and executions. */
  readonly boundaryCrashChance: number
  /** Nodes may be down at once. */
  readonly downMax: number
  /** Chance that a restarting node's application lost its state and replays the log. */
  readonly replayChance: number
  /** Chance that a client reaches one member only. */
  readonly loneSubmitChance: number
  /** A member loses its disk. */
  readonly wipeEveryMs: number | undefined
  /** A member gets its disk of some time ago. */
  readonly oldDiskEveryMs: number | undefined
  /** Heights between two snapshots. */
  readonly snapshotHeights: number
  /** Wall clocks are off by up to this. */
  readonly clockSkewMs: number
  readonly durationMs: number
}

export const noFaults: ConsensusFaults = {
  weather: calmLinkWeather,
  syncMs: { min: 0.1, max: 1 },
  partitionEveryMs: undefined,
  crashEveryMs: undefined,
  freezeEveryMs: undefined,
  diskFailEveryMs: undefined,
  boundaryCrashChance: 0,
  downMax: 0,
  replayChance: 0,
  loneSubmitChance: 0,
  wipeEveryMs: undefined,
  oldDiskEveryMs: undefined,
  snapshotHeights: 8,
  clockSkewMs: 0,
  durationMs: 3_000,
}

/** Disks that are lost or grow old, often, and few heights between two snapshots. */
export const forgetfulDisks = { wipeEveryMs: 900, oldDiskEveryMs: 1_300, snapshotHeights: 4 }

/** Draw the troubles of one run. All nodes may be down at once: recovery needs nobody else. */
export function drawFaults(random: SimRandom, memberCount: number): ConsensusFaults {
  const some = (chance: number): boolean => random.happens(chance)
  const slow = some(0.4)
  const lossy = some(0.5)
  const weather: LinkWeather = {
    delayMs: slow ? { min: 5, max: random.between({ min: 50, max: 900 }) } : { min: 0.2, max: 10 },
    cutChance: lossy ? random.between({ min: 0.001, max: 0.05 }) : 0,
    refuseChance: some(0.3) ? random.between({ min: 0.001, max: 0.1 }) : 0,
    reconnectMs: { min: 10, max: random.between({ min: 50, max: 500 }) },
  }
  const crashes = some(0.6)
  return {
    weather,
    syncMs: some(0.3) ? { min: 1, max: 200 } : { min: 0.1, max: 2 },
    partitionEveryMs: some(0.4) ? random.between({ min: 300, max: 3_000 }) : undefined,
    crashEveryMs: crashes ? random.between({ min: 200, max: 3_000 }) : undefined,
    freezeEveryMs: some(0.2) ? random.between({ min: 500, max: 3_000 }) : undefined,
    diskFailEveryMs: some(0.2) ? random.between({ min: 500, max: 4_000 }) : undefined,
    boundaryCrashChance: crashes && some(0.5) ? random.between({ min: 0.0005, max: 0.01 }) : 0,
    downMax: some(0.3) ? memberCount : Math.max(1, Math.floor((memberCount - 1) / 3)),
    replayChance: some(0.3) ? 0.5 : 0,
    loneSubmitChance: some(0.5) ? 0.4 : 0,
    clockSkewMs: some(0.3) ? random.between({ min: 100, max: 5_000 }) : 0,
    durationMs: random.between({ min: 2_000, max: 8_000 }),
    ...drawMemory(random.fork('memory'), memberCount),
  }
}

/** What happens to disks as a whole. Nobody can be readmitted in a group that needs everybody. */
function drawMemory(
  random: SimRandom,
  memberCount: number,
): Pick<ConsensusFaults, 'wipeEveryMs' | 'oldDiskEveryMs' | 'snapshotHeights'> {
  const some = memberCount >= 4 && random.happens(0.4)
  const every = (): number | undefined =>
    some && random.happens(0.6) ? random.between({ min: 500, max: 4_000 }) : undefined
  return {
    snapshotHeights: 3 + random.below(18),
    wipeEveryMs: every(),
    oldDiskEveryMs: every(),
  }
}

/**
 * In every third run buffers are tiny, for all members alike: what a limit breaks shows only when
 * it is reached. Items of the clients have up to 60,000 bytes.
 */
export function drawLimits(random: SimRandom): Partial<ConsensusLimits> {
  if (!random.happens(0.35)) return {}
  const payloadBytesMax = 64 * 1024 + random.below(64 * 1024)
  return {
    unsyncedBytesMax: 512 + random.below(random.happens(0.5) ? 4_096 : payloadBytesMax),
    itemBytesMax: 60_000,
    payloadBytesMax,
    rangeBytesMax: 1024 + random.below(200_000),
    heldBlocksBytesMax: 2 * payloadBytesMax + random.below(512 * 1024),
    poolCountMax: 3 + random.below(30),
    poolBytesMax: 130_000 + random.below(500_000),
    executedKeysMax: 4 + random.below(30),
    viewsAheadMax: 2 + random.below(16),
  }
}

/** Liars of one run: in every other run some, at most as many as the group survives. */
export function drawLiarCount(random: SimRandom, memberCount: number): number {
  const bound = Math.floor((memberCount - 1) / 3)
  return bound > 0 && random.happens(0.5) ? 1 + random.below(bound) : 0
}

/** One word per kind of trouble, for people. */
export function namesOf(faults: ConsensusFaults): string[] {
  const { weather } = faults
  return [
    weather.delayMs.max > 10 ? 'slow' : '',
    weather.cutChance > 0 ? 'cuts' : '',
    weather.refuseChance > 0 ? 'full queues' : '',
    faults.syncMs.max > 2 ? 'slow disks' : '',
    faults.partitionEveryMs === undefined ? '' : 'partitions',
    faults.crashEveryMs === undefined ? '' : 'crashes',
    faults.boundaryCrashChance > 0 ? 'crashes at effects' : '',
    faults.freezeEveryMs === undefined ? '' : 'freezes',
    faults.diskFailEveryMs === undefined ? '' : 'failing disks',
    faults.replayChance > 0 ? 'lost application states' : '',
    faults.loneSubmitChance > 0 ? 'lonely items' : '',
    faults.wipeEveryMs === undefined ? '' : 'lost disks',
    faults.oldDiskEveryMs === undefined ? '' : 'old disks',
    faults.clockSkewMs > 0 ? 'skewed clocks' : '',
  ].filter((name) => name !== '')
}
