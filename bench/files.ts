/**
 * The table of a world of four Processors: large files, small files, small changes, memory. The
 * floor does the same job right before, so that what else the machine does falls on both.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { exchange, repeat } from './client.ts'
import { Floor } from './floor.ts'
import { countLine, fixed, type Line, type Moved, middleOf, movedLine } from './lines.ts'
import { cpuMsOf, type Run, rssMibOf, watchRss } from './measure.ts'
import { type BenchWorld, startWorld } from './world.ts'

export type FilesOptions = {
  /** Made by the caller, empty. */
  readonly folder: string
  readonly quick: boolean
  readonly nodeFlags: readonly string[]
  readonly say: (line: Line) => void
}

type Stage = {
  readonly world: BenchWorld
  readonly floor: Floor
  readonly quick: boolean
  readonly add: (line: Line) => void
}

const mib = 2 ** 20
const blockBytes = 64 * 1024
const floorWindow = 64
const pattern = randomBytes(8 * mib)

/** What stands in a large file at `at`, as far as it is in one piece here. */
function patternAt(at: number): Buffer {
  const inPiece = at % mib
  const from = ((at - inPiece) * 7) % (pattern.length - mib)
  return pattern.subarray(from + inPiece, from + mib)
}

async function* stream(bytes: number): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < bytes; sent += mib) yield patternAt(sent).subarray(0, bytes - sent)
}

/** Throws when a large file is not what was written. */
function checkChunk(chunk: Buffer, offset: number): void {
  for (let done = 0; done < chunk.length; ) {
    const expected = patternAt(offset + done).subarray(0, chunk.length - done)
    if (!expected.equals(chunk.subarray(done, done + expected.length)))
      throw new Error(`other bytes came back at ${offset + done}`)
    done += expected.length
  }
}

export async function filesTable(options: FilesOptions): Promise<readonly Line[]> {
  const { folder, quick, nodeFlags } = options
  const lines: Line[] = []
  const add = (line: Line): void => {
    lines.push(line)
    options.say(line)
  }
  const floor = await Floor.start(join(folder, 'floor'))
  try {
    const world = await startWorld({ folder: join(folder, 'world'), nodeFlags })
    const stage = { world, floor, quick, add }
    try {
      add({ what: 'start to first answers of four', ours: `${fixed(world.startMs / 1_000)} s` })
      const idleMib = await idle(stage)
      await large(stage, { sizeMib: 64, rounds: quick ? 1 : 3 })
      if (!quick) await large(stage, { sizeMib: 512, rounds: 1 })
      await memory(stage, idleMib)
      await smallFiles(stage)
      await smallChanges(stage)
    } finally {
      await world.stop()
    }
  } finally {
    await floor.stop()
  }
  return lines
}

const pidsOf = ({ world }: Stage): readonly number[] => world.processors.map(({ pid }) => pid)

async function idle(stage: Stage): Promise<readonly number[]> {
  const { quick, add } = stage
  const pids = pidsOf(stage)
  const seconds = quick ? 3 : 10
  const before = cpuMsOf(pids)
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
  const percent = (cpuMsOf(pids) - before) / (seconds * 10) / pids.length
  add({ what: 'idle CPU of a Processor', ours: `${percent.toFixed(2)} % of a core` })
  const rssMib = pids.map(rssMibOf)
  add({ what: 'idle RSS of each Processor', ours: `${rssMib.map(fixed).join(', ')} MiB` })
  return rssMib
}

async function large(
  stage: Stage,
  input: { readonly sizeMib: number; readonly rounds: number },
): Promise<void> {
  const { world, floor, add } = stage
  const { sizeMib, rounds } = input
  const bytes = sizeMib * mib
  const found = { write: { ours: [], floor: [] }, read: { ours: [], floor: [] } } as Record<
    'write' | 'read',
    { ours: Moved[]; floor: Moved[] }
  >
  const once = { count: 1, clients: 1 }
  for (let round = 0; round < rounds; round++) {
    const name = `large-${sizeMib}-${round}`
    const path = `/v1/files/public/${name}`
    const order = { name, count: bytes / blockBytes, bytes: blockBytes, window: floorWindow }
    const jobs = {
      write: () =>
        exchange(world, 1, { method: 'PUT', path, body: stream(bytes), bodyBytes: bytes }),
      read: () => exchange(world, 3, { method: 'GET', path, onChunk: checkChunk }),
    }
    for (const kind of ['write', 'read'] as const) {
      found[kind].floor.push({ bytes, ...(await floor.run({ kind, ...order })) })
      found[kind].ours.push({ bytes, ...(await repeat(world, once, jobs[kind])) })
    }
  }
  for (const [kind, how] of [
    ['write', 'through Processor 1'],
    ['read', 'cold, through Processor 3'],
  ] as const) {
    const { ours, floor: base } = found[kind]
    add(movedLine(`${kind} ${sizeMib} MiB, ${how}`, middleOf(ours), middleOf(base)))
  }
}

async function memory(stage: Stage, idleMib: readonly number[]): Promise<void> {
  const { world, quick, add } = stage
  const sizeMib = quick ? 256 : 1_024
  const bytes = sizeMib * mib
  const put = { method: 'PUT', path: '/v1/files/public/memory', body: stream(bytes) }
  const most = await watchRss(pidsOf(stage), () => exchange(world, 1, { ...put, bodyBytes: bytes }))
  const growth = most.map((value, index) => fixed(value - (idleMib[index] ?? 0))).join(', ')
  add({ what: `RSS above idle during an upload of ${sizeMib} MiB`, ours: `${growth} MiB` })
}

/** Runs the floor's job and ours, one after the other. */
async function counted(
  stage: Stage,
  what: string,
  job: {
    readonly clients: number
    readonly count: number
    readonly floor: {
      readonly kind: 'write' | 'read'
      readonly name: string
      readonly bytes: number
    }
    readonly work: (index: number) => Promise<unknown>
  },
): Promise<void> {
  const { world, floor, add } = stage
  const { clients, count } = job
  const base: Run = await floor.run({ ...job.floor, count, window: clients })
  const ours = await repeat(world, { count, clients }, job.work)
  add(countLine(`${what}, ${clients} ${clients === 1 ? 'client' : 'clients'}`, ours, base))
}

async function smallFiles(stage: Stage): Promise<void> {
  const { world, quick } = stage
  const count = quick ? 200 : 1_000
  const body = pattern.subarray(0, 4_096)
  for (const clients of [1, 16]) {
    const name = `small-${clients}`
    const path = (index: number): string => `/v1/files/public/${name}-${index}`
    await counted(stage, `create ${count} files of 4 KiB`, {
      clients,
      count,
      floor: { kind: 'write', name, bytes: body.length },
      work: (index) => exchange(world, 1, { method: 'PUT', path: path(index), body }),
    })
    await counted(stage, 'read them from another Processor', {
      clients,
      count,
      floor: { kind: 'read', name, bytes: body.length },
      work: (index) => exchange(world, 3, { method: 'GET', path: path(index) }),
    })
  }
}

async function smallChanges(stage: Stage): Promise<void> {
  const { world, quick } = stage
  const count = quick ? 200 : 1_000
  const body = pattern.subarray(0, 256)
  for (const clients of [1, 64]) {
    const name = `change-${clients}`
    const path = (index: number): string => `/v1/files/public/small-1-${index % 128}`
    await counted(stage, 'overwrite a file with 256 B', {
      clients,
      count,
      floor: { kind: 'write', name, bytes: body.length },
      work: (index) => exchange(world, 1, { method: 'PUT', path: path(index), body }),
    })
    await counted(stage, 'stat a file', {
      clients,
      count,
      floor: { kind: 'read', name, bytes: body.length },
      work: (index) => exchange(world, 2, { method: 'HEAD', path: path(index) }),
    })
  }
}
