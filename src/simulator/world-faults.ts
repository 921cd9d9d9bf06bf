/**
 * Which troubles a seed brings to a whole world: a random subset of all kinds, each with a random
 * strength, since runs with some kinds missing find more than runs with all of them on.
 *
 * Why the world can be expected to survive each: messages that are late, cut off or kept apart are
 * what every protocol above the links reckons with, and nothing rests on time but progress; killed
 * processes and cut power take nothing that was acknowledged, because it was synced before; a
 * frozen process is a slow one. Disks: `world-disk-troubles.ts`. Disks that are lost, and whoever
 * is away for long: `world-absences.ts`.
 */
import { type MemberLimits, memberLimits } from '../kernel/group/index.ts'
import type { Range, SimRandom } from './sim-random.ts'
import { calmWeather, type Weather } from './weather.ts'

export type WorldFaults = {
  readonly weather: Weather
  readonly diskMs: Range
  /** Mean times between events of a kind; undefined: none of it. */
  readonly partitionEveryMs: number | undefined
  readonly crashEveryMs: number | undefined
  readonly freezeEveryMs: number | undefined
  readonly rotEveryMs: number | undefined
  readonly fullEveryMs: number | undefined
  readonly failingEveryMs: number | undefined
  readonly awayEveryMs: number | undefined
  readonly wipeEveryMs: number | undefined
  /** Processors that may lose their disks, one after another; see `wipeableOf`. */
  readonly wipeable: readonly number[]
  /** The Processor whose disk may lose or alter what it holds; undefined: none. */
  readonly damaged: number | undefined
  /** Chance that a crash is a cut of the power: what was not synced may be gone. */
  readonly powerChance: number
  /** Processors may be down at once. */
  readonly downMax: number
  /** Wall clocks are off by up to this. */
  readonly clockSkewMs: number
}

export const noWorldFaults: WorldFaults = {
  weather: calmWeather,
  diskMs: { min: 0.02, max: 2 },
  partitionEveryMs: undefined,
  crashEveryMs: undefined,
  freezeEveryMs: undefined,
  rotEveryMs: undefined,
  fullEveryMs: undefined,
  failingEveryMs: undefined,
  awayEveryMs: undefined,
  wipeEveryMs: undefined,
  wipeable: [],
  damaged: undefined,
  powerChance: 0,
  downMax: 0,
  clockSkewMs: 0,
}

/** Draw the troubles of one run; who may lose his disk depends on who else is faulty. */
export function drawWorldFaults(random: SimRandom, nodeCount: number): WorldFaults {
  const some = (chance: number): boolean => random.happens(chance)
  const between = (min: number, max: number): number => random.between({ min, max })
  const isSlow = some(0.4)
  const isLossy = some(0.5)
  const weather: Weather = {
    ...calmWeather,
    delayMs: isSlow ? { min: 5, max: between(30, 300) } : { min: 0.2, max: 5 },
    stallChance: isLossy ? between(0.001, 0.02) : 0,
    stallMs: { min: 100, max: 1_000 },
    cutChance: isLossy ? between(0.0005, 0.01) : 0,
    dialFailChance: isLossy ? 0.1 : 0,
    bytesPerMs: isSlow ? 10_000 : 100_000,
  }
  const faultsMax = Math.max(1, Math.floor((nodeCount - 1) / 3))
  const absences = random.fork('absences')
  return {
    weather,
    diskMs: some(0.3) ? { min: 0.1, max: 50 } : { min: 0.02, max: 2 },
    partitionEveryMs: some(0.4) ? between(500, 3_000) : undefined,
    crashEveryMs: some(0.6) ? between(300, 3_000) : undefined,
    freezeEveryMs: some(0.2) ? between(500, 3_000) : undefined,
    rotEveryMs: some(0.25) ? between(50, 500) : undefined,
    fullEveryMs: some(0.2) ? between(500, 3_000) : undefined,
    failingEveryMs: some(0.2) ? between(500, 3_000) : undefined,
    awayEveryMs: absences.happens(0.25) ? absences.between({ min: 2_000, max: 6_000 }) : undefined,
    wipeEveryMs: absences.happens(0.4) ? absences.between({ min: 500, max: 3_000 }) : undefined,
    wipeable: [],
    damaged: nodeCount < 3 ? undefined : 1 + random.below(nodeCount),
    powerChance: some(0.5) ? 0.5 : 0,
    downMax: some(0.3) ? nodeCount : faultsMax,
    clockSkewMs: some(0.3) ? between(10, 800) : 0,
  }
}

/**
 * Limits of the members, so small in most seeds that a short run writes snapshots, forgets states
 * that readers still ask for, and lists what was added in several pages. Equal for all members.
 */
export function drawMemberLimits(random: SimRandom): MemberLimits {
  const between = (min: number, max: number): number => min + random.below(max - min + 1)
  const or = (usual: number, small: number): number => (random.happens(0.75) ? small : usual)
  return {
    historyHeights: or(memberLimits.historyHeights, between(4, 16)),
    listHeights: or(memberLimits.listHeights, between(1, 4)),
    snapshotHeights: or(memberLimits.snapshotHeights, between(2, 12)),
    snapshotLogBytes: or(memberLimits.snapshotLogBytes, between(2_000, 20_000)),
  }
}

/** One word per kind of trouble, for people. */
export function namesOfWorldFaults(faults: WorldFaults): string[] {
  const { weather } = faults
  return [
    weather.delayMs.max > 5 ? 'slow' : '',
    weather.cutChance > 0 ? 'cuts' : '',
    faults.diskMs.max > 2 ? 'slow disks' : '',
    faults.partitionEveryMs === undefined ? '' : 'partitions',
    faults.crashEveryMs === undefined ? '' : 'crashes',
    faults.crashEveryMs !== undefined && faults.powerChance > 0 ? 'power cuts' : '',
    faults.freezeEveryMs === undefined ? '' : 'freezes',
    faults.rotEveryMs === undefined || faults.damaged === undefined ? '' : 'bit rot',
    faults.fullEveryMs === undefined ? '' : 'full disks',
    faults.failingEveryMs === undefined || faults.damaged === undefined ? '' : 'failing syncs',
    faults.awayEveryMs === undefined ? '' : 'long absences',
    faults.wipeEveryMs === undefined || faults.wipeable.length === 0 ? '' : 'lost disks',
    faults.clockSkewMs > 0 ? 'skewed clocks' : '',
  ].filter((name) => name !== '')
}
