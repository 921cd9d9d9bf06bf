/** The table of a world of four Processors: large files, small files, small changes, memory. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type Exchange, exchange, repeat } from './client.ts'
import { Floor } from './floor.ts'
import { cpuMsOf, type Run, rssMibOf, watchRss } from './measure.ts'
import { type BenchWorld, startWorld } from './world.ts'

/** One line of the table; `ratio` is to the floor's rate for the same job in the same run. */
export type Line = {
  readonly what: string
  readonly value: string
  readonly floor?: string
  readonly ratio?: number
}

const mib = 2 ** 20
const blockBytes = 65_536
const floorWindow = 64
const pattern = randomBytes(8 * mib)

async function* stream(bytes: number): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < bytes; sent += mib) {
    const offset = (sent * 7) % (pattern.length - mib)
    yield pattern.subarray(offset, offset + Math.min(mib, bytes - sent))
  }
}

const mbPerSecond = (bytes: number, ms: number): number => bytes / 1e6 / (ms / 1_000)
const fixed = (value: number): string => value.toFixed(value < 10 ? 1 : 0)
const rateOf = ({ perSecond, p50Ms, p99Ms, cpuMs, count }: Run): string =>
  `${fixed(perSecond)}/s, p50 ${fixed(p50Ms)} ms, p99 ${fixed(p99Ms)} ms, CPU ${fixed(cpuMs / count)} ms`

export async function filesTable(options: {
  readonly folder: string
  readonly quick: boolean
  readonly nodeFlags: readonly string[]
  readonly say: (text: string) => void
}): Promise<readonly Line[]> {
  const { folder, quick, nodeFlags, say } = options
  const sizes = quick ? [64] : [64, 512]
  const lines: Line[] = []
  const add = (line: Line): void => {
    lines.push(line)
    say(line.what)
  }
  const floor = await Floor.start(join(folder, 'floor'))
  const floors = new Map<string, number>()
  for (const size of sizes) {
    for (const kind of ['write', 'read'] as const) {
      const count = (size * mib) / blockBytes
      const order = { kind, name: `f${size}`, count, bytes: blockBytes, window: floorWindow }
      const run = await floor.run(order)
      floors.set(`${kind}${size}`, mbPerSecond(size * mib, run.ms))
    }
  }
  await floor.stop()
  const world = await startWorld({ folder: join(folder, 'world'), nodeFlags })
  try {
    add({ what: 'start to first answers of four', value: `${fixed(world.startMs / 1_000)} s` })
    await idle(world, quick, add)
    for (const size of sizes) await large(world, { size, floors }, add)
    await small(world, quick ? 300 : 1_000, add)
    await memory(world, quick ? 256 : 1_024, add)
  } finally {
    await world.stop()
  }
  return lines
}

type Add = (line: Line) => void

async function idle(world: BenchWorld, quick: boolean, add: Add): Promise<void> {
  const pids = world.processors.map(({ pid }) => pid)
  const seconds = quick ? 3 : 10
  const before = cpuMsOf(pids)
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
  const percent = (cpuMsOf(pids) - before) / (seconds * 10) / pids.length
  add({ what: 'idle CPU of a Processor', value: `${percent.toFixed(2)} % of a core` })
  const rss = pids.map((pid) => fixed(rssMibOf(pid))).join(', ')
  add({ what: 'idle RSS of each Processor', value: `${rss} MiB` })
}

async function large(
  world: BenchWorld,
  input: { readonly size: number; readonly floors: ReadonlyMap<string, number> },
  add: Add,
): Promise<void> {
  const { size, floors } = input
  const path = `/v1/files/public/large${size}`
  const bytes = size * mib
  const put = { method: 'PUT', path, body: stream(bytes), bodyBytes: bytes }
  const jobs: readonly (readonly ['write' | 'read', number, Exchange])[] = [
    ['write', 1, put],
    ['read', 3, { method: 'GET', path }],
  ]
  for (const [kind, n, what] of jobs) {
    const run = await repeat(world, { count: 1, clients: 1 }, () => exchange(world, n, what))
    const rate = mbPerSecond(bytes, run.ms)
    const base = floors.get(`${kind}${size}`) ?? Number.NaN
    const from = kind === 'write' ? 'through Processor 1' : 'cold, through Processor 3'
    add({
      what: `${kind} ${size} MiB, ${from}`,
      value: `${fixed(rate)} MB/s, CPU ${fixed(run.cpuMs / size)} ms/MiB`,
      floor: `${fixed(base)} MB/s`,
      ratio: rate / base,
    })
  }
}

async function small(world: BenchWorld, count: number, add: Add): Promise<void> {
  const page = pattern.subarray(0, 4_096)
  for (const clients of [1, 16]) {
    const path = (index: number): string => `/v1/files/public/small-${clients}-${index}`
    const plan = { count, clients }
    const created = await repeat(world, plan, (index) =>
      exchange(world, 1, { method: 'PUT', path: path(index), body: page }),
    )
    add({ what: `create ${count} files of 4 KiB, ${clients} client(s)`, value: rateOf(created) })
    const read = await repeat(world, plan, (index) =>
      exchange(world, 3, { method: 'GET', path: path(index) }),
    )
    add({ what: `read them from another Processor, ${clients} client(s)`, value: rateOf(read) })
  }
  const change = pattern.subarray(0, 256)
  for (const clients of [1, 64]) {
    const path = (index: number): string => `/v1/files/public/small-1-${index % 64}`
    const plan = { count, clients }
    const changed = await repeat(world, plan, (index) =>
      exchange(world, 1, { method: 'PATCH', path: `${path(index)}?at=0`, body: change }),
    )
    add({ what: `change 256 B in place, ${clients} client(s)`, value: rateOf(changed) })
    const seen = await repeat(world, plan, (index) =>
      exchange(world, 2, { method: 'HEAD', path: path(index) }),
    )
    add({ what: `stat, ${clients} client(s)`, value: rateOf(seen) })
  }
}

async function memory(world: BenchWorld, size: number, add: Add): Promise<void> {
  const pids = world.processors.map(({ pid }) => pid)
  const before = pids.map(rssMibOf)
  const bytes = size * mib
  const put = { method: 'PUT', path: '/v1/files/public/memory', body: stream(bytes) }
  const most = await watchRss(pids, () => exchange(world, 1, { ...put, bodyBytes: bytes }))
  const growth = most.map((value, index) => fixed(value - (before[index] ?? 0))).join(', ')
  add({ what: `most RSS above before, during an upload of ${size} MiB`, value: `${growth} MiB` })
}
