/** Where the CPU time of each Processor goes during one kind of work. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exchange, repeat } from './client.ts'
import { type BenchWorld, startWorld } from './world.ts'

type Frame = {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}
type ProfileNode = {
  readonly id: number
  readonly callFrame: Frame
  readonly children?: readonly number[]
}
type Profile = {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const mib = 2 ** 20
const large = Buffer.alloc(256 * mib, 'content')
const small = large.subarray(0, 4_096)
const smallCount = 2_000

const jobs: Readonly<Record<string, (world: BenchWorld) => Promise<unknown>>> = {
  write: (world) => exchange(world, 1, { method: 'PUT', path: '/v1/files/public/w', body: large }),
  read: async (world) => {
    await exchange(world, 1, { method: 'PUT', path: '/v1/files/public/r', body: large })
    for (let round = 0; round < 4; round++)
      await exchange(world, 3, { method: 'GET', path: '/v1/files/public/r' })
  },
  create: (world) =>
    repeat(world, { count: smallCount, clients: 16 }, (index) =>
      exchange(world, 1, { method: 'PUT', path: `/v1/files/public/c${index}`, body: small }),
    ),
  overwrite: async (world) => {
    const path = (index: number): string => `/v1/files/public/o${index % 128}`
    const body = small.subarray(0, 256)
    const put = (index: number): Promise<number> =>
      exchange(world, 1, { method: 'PUT', path: path(index), body })
    await repeat(world, { count: 128, clients: 16 }, put)
    const run = await repeat(world, { count: smallCount, clients: 64 }, put)
    console.log(`${run.perSecond.toFixed(0)}/s, ${(run.cpuMs / run.count).toFixed(2)} ms CPU each`)
  },
  stat: async (world) => {
    await exchange(world, 1, { method: 'PUT', path: '/v1/files/public/s', body: small })
    await repeat(world, { count: 4 * smallCount, clients: 16 }, () =>
      exchange(world, 2, { method: 'HEAD', path: '/v1/files/public/s' }),
    )
  },
}

export async function profileWorld(
  job: string,
  options: { readonly out: string; readonly lineCount: number },
): Promise<void> {
  const work = jobs[job]
  if (work === undefined) throw new Error(`a job is one of ${Object.keys(jobs).join(', ')}`)
  mkdirSync(options.out, { recursive: true })
  const out = mkdtempSync(join(options.out, `${job}-`))
  const folder = mkdtempSync(join(tmpdir(), 'unosys-bench-'))
  const nodeFlags = ['--cpu-prof', `--cpu-prof-dir=${out}`]
  const world = await startWorld({ folder: join(folder, 'world'), nodeFlags })
  try {
    await work(world)
  } finally {
    await world.stop()
  }
  const files = readdirSync(out)
  for (const { n, pid } of world.processors) {
    // Thread 0 is the one that the kernel runs on; others are the journals' workers.
    const file = files.find((name) => name.includes(`.${pid}.0.`))
    if (file !== undefined) print(`Processor ${n}`, join(out, file), options.lineCount)
  }
  console.log(`profiles: ${out}`)
  rmSync(folder, { recursive: true, force: true })
}

function nameOf({ callFrame }: ProfileNode): string {
  const { functionName, url, lineNumber } = callFrame
  const place = url.split('/').slice(-2).join('/')
  return `${functionName || '(anonymous)'} ${place}${place === '' ? '' : `:${lineNumber + 1}`}`
}

function print(title: string, file: string, lineCount: number): void {
  const { self, total, busyUs } = costsOf(JSON.parse(readFileSync(file, 'utf8')) as Profile)
  console.log(`\n${title}: ${(busyUs / 1_000).toFixed(0)} ms busy`)
  for (const [kind, costs] of [
    ['by itself', self],
    ['with what it calls', total],
  ] as const) {
    console.log(`  ${kind}`)
    const sorted = [...costs].sort((a, b) => b[1] - a[1]).slice(0, lineCount)
    for (const [name, us] of sorted)
      console.log(`  ${((us / busyUs) * 100).toFixed(1).padStart(6)} %  ${name}`)
  }
}

type Costs = {
  readonly self: ReadonlyMap<string, number>
  readonly total: ReadonlyMap<string, number>
  readonly busyUs: number
}

/** Time by function, without the time in which the thread waited. */
function costsOf(profile: Profile): Costs {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]))
  const parents = new Map<number, number>()
  for (const { id, children = [] } of profile.nodes)
    for (const child of children) parents.set(child, id)
  const self = new Map<string, number>()
  const total = new Map<string, number>()
  const add = (map: Map<string, number>, name: string, us: number): void => {
    map.set(name, (map.get(name) ?? 0) + us)
  }
  let busyUs = 0
  for (const [index, sample] of profile.samples.entries()) {
    const us = profile.timeDeltas[index] ?? 0
    const node = byId.get(sample)
    if (node === undefined || node.callFrame.functionName === '(idle)') continue
    busyUs += us
    add(self, nameOf(node), us)
    const seen = new Set<string>()
    for (let at: number | undefined = sample; at !== undefined; at = parents.get(at)) {
      const one = byId.get(at)
      if (one !== undefined) seen.add(nameOf(one))
    }
    for (const name of seen) add(total, name, us)
  }
  return { self, total, busyUs }
}
