/** Troubles of Processors: as many as the group survives are bad at once, and never more. */
import { randomBytes } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { damageOfLog } from '../../src/adapters/sqlite-log-check.ts'
import type { SimRandom } from '../../src/simulator/sim-random.ts'
import { blockFilesOf, changeOneByte, changeOneCharacter } from '../tour/block-files.ts'
import { until } from '../tour/until.ts'
import { speak, speakFrames } from './rogue.ts'
import type { Scene, Trouble } from './trouble.ts'

const programOf = (name: string): string =>
  fileURLToPath(new URL(`./programs/${name}.ts`, import.meta.url))

const hourMs = 60 * 60 * 1_000
const tightBytes = 32 * 1024 * 1024
const spoiledFilesMax = 60
/** Behind the header of the log and that of its first frame. */
const firstPageAt = 32 + 24
const saltAt = 16
const votesAgainMsMax = 180_000
const layer = 'processors'

/** Another program in its place, or its own again. */
async function restart(scene: Scene, n: number, program?: string): Promise<void> {
  const processor = scene.faulty.at(n)
  if (processor.isRunning) await scene.faulty.kill(n)
  if (scene.signal.aborted) return
  await processor.start(program === undefined ? {} : { program: programOf(program) })
}

const killed: Trouble = {
  name: 'killed',
  fault: 1,
  weight: 4,
  begin: async ({ faulty }, victims) => {
    await Promise.all(victims.map((n) => faulty.kill(n)))
    return async () => {
      await Promise.all(victims.map((n) => faulty.at(n).start()))
    }
  },
}

const powerCut: Trouble = {
  name: 'killed, with all the others, and started again',
  fault: 1,
  weight: 1,
  begin: async ({ faulty }) => {
    await faulty.killAll()
    return async () => {
      await Promise.all(faulty.world.processors.map((processor) => processor.start()))
    }
  },
}

const fullDisk: Trouble = {
  name: 'without room on its disk',
  fault: 1,
  weight: 1,
  on: 'disk-victim',
  begin: async ({ faulty, disk, random }, [n = 0]) => {
    disk?.fill(random.happens(0.5) ? 0 : tightBytes)
    return async () => {
      disk?.empty()
      // It stops itself when it cannot keep its journal.
      if (!faulty.at(n).isRunning) await faulty.at(n).start()
    }
  },
}

const frozen: Trouble = {
  name: 'frozen',
  fault: 2,
  weight: 3,
  begin: async ({ faulty, avoided }, victims) => {
    for (const n of victims) {
      avoided.add(n)
      faulty.at(n).freeze()
    }
    return async () => {
      for (const n of victims) {
        faulty.at(n).thaw()
        avoided.delete(n)
      }
    }
  },
}

const cutOff: Trouble = {
  name: 'cut off',
  fault: 2,
  weight: 3,
  begin: async ({ faulty: { wires }, avoided, random }, victims) => {
    for (const n of victims) {
      avoided.add(n)
      const isOneWay = random.happens(0.4)
      const ways = wires.ways(n).filter(({ from }) => !isOneWay || from === n)
      if (random.happens(0.5)) wires.vanish(n)
      wires.set(ways, random.happens(0.5) ? { stalled: true } : { swallowed: true }, layer)
    }
    return async () => {
      wires.lift(layer)
      for (const n of victims) avoided.delete(n)
    }
  },
}

const late: Trouble = {
  name: 'always late',
  fault: 3,
  weight: 2,
  begin: async ({ faulty: { wires } }, victims) => {
    for (const n of victims) wires.set(wires.ways(n), { delayMs: 800, jitterMs: 800 }, layer)
    return async () => wires.lift(layer)
  },
}

const wrongClock: Trouble = {
  name: 'of the wrong time',
  fault: 3,
  weight: 1,
  begin: async (scene, victims) => {
    for (const n of victims) {
      const shiftMs = scene.random.happens(0.5) ? hourMs : -hourMs
      writeFileSync(join(scene.faulty.at(n).folder, 'clock-shift-ms'), String(shiftMs))
      await restart(scene, n, 'shifted-clock')
    }
    return async () => {
      for (const n of victims) {
        rmSync(join(scene.faulty.at(n).folder, 'clock-shift-ms'))
        await restart(scene, n)
      }
    }
  },
}

const strangers: Trouble = {
  name: 'spoken to by strangers',
  fault: 7,
  weight: 1,
  begin: async ({ faulty, signal }, victims) => {
    const noise = Array.from({ length: 20 }, () => randomBytes(300))
    const speaking = victims.flatMap((n) => {
      const { linkAddress } = faulty.at(n)
      return [speak(linkAddress, noise, signal), speakFrames(linkAddress, noise, signal)]
    })
    return async () => {
      await Promise.all(speaking)
    }
  },
}

const spoiledBlocks: Trouble = {
  name: 'with damaged block files',
  fault: 9,
  weight: 2,
  on: 'disk-victim',
  begin: async ({ faulty, random }, [n = 0]) => {
    faulty.accusations.damaged.add(n)
    const files = random.shuffled(blockFilesOf(faulty.at(n).folder)).slice(0, spoiledFilesMax)
    for (const [index, file] of files.entries()) {
      // The Processor itself may have moved it since.
      if (!existsSync(file.path)) continue
      if (index % 3 === 0) changeOneByte(file.path)
      else if (index % 3 === 1) changeOneCharacter(file)
      else rmSync(file.path)
    }
    return async () => {}
  },
}

const spoiledJournal: Trouble = {
  name: 'with a damaged journal',
  fault: 9,
  weight: 1,
  on: 'disk-victim',
  begin: async ({ faulty, random, signal }, [n = 0]) => {
    const processor = faulty.at(n)
    await faulty.kill(n)
    spoilJournal(join(processor.folder, 'journal'), random)
    return async () => {
      await processor.start()
      // Until the others have readmitted it, it is one of those that may be bad.
      const limit = { deadlineMs: votesAgainMsMax, signal }
      await until(`Processor ${n} votes again`, limit, async () => {
        return (await processor.status()).group.votes
      })
    }
  },
}

/**
 * Turn some bits in the second half of each file of a journal and one in the first frame of the
 * log, or, should that be all there is, in its header; and leave half a record behind.
 */
export function spoilJournal(folder: string, random: SimRandom): readonly string[] {
  const names = readdirSync(folder).filter((name) => !name.endsWith('-shm'))
  for (const name of names) {
    const path = join(folder, name)
    const bytes = readFileSync(path)
    const turn = (at: number): void => {
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
    }
    for (let count = 0; count < 5 && bytes.length > 0; count++)
      turn(Math.floor(bytes.length / 2) + random.below(Math.ceil(bytes.length / 2)))
    const isLog = name.endsWith('-wal')
    if (isLog) turn(firstPageAt)
    if (isLog && damageOfLog(bytes) === undefined) turn(saltAt)
    writeFileSync(path, bytes)
    if (isLog) appendFileSync(path, random.bytes(777))
  }
  return names
}

const lying: Trouble = {
  name: 'lying',
  fault: 10,
  weight: 2,
  begin: async (scene, victims) => {
    for (const n of victims) {
      scene.avoided.add(n)
      await scene.faulty.kill(n)
      scene.faulty.accusations.liars.add(n)
      await restart(scene, n, 'liar')
    }
    return async () => {
      for (const n of victims) {
        await restart(scene, n)
        scene.avoided.delete(n)
      }
    }
  },
}

/** @param hasSmallDisk whether the disk of one Processor can be filled up. */
export const processorTroubles = (hasSmallDisk: boolean): readonly Trouble[] => [
  ...[killed, powerCut, frozen, cutOff, late, wrongClock, strangers],
  ...[spoiledBlocks, spoiledJournal, lying],
  ...(hasSmallDisk ? [fullDisk] : []),
]
