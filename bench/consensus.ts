/**
 * `npm run bench -- consensus`: small strong writes (256 B) and linearizable reads over real
 * Processors on this machine: their own processes, sockets and disks. Once as an application sees
 * them, over HTTP; once at the group, without files and HTTP; and what one process can do that
 * only makes each message durable and sends it back.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { about, aboutText } from './about.ts'
import {
  type ConsensusArguments,
  type Level,
  parseConsensusArguments,
  UsageError,
} from './consensus-arguments.ts'
import { type ConsensusLine, consensusTable, lineText } from './consensus-lines.ts'
import { type Lie, type Measured, startEcho, startGroup, startHttp } from './consensus-worlds.ts'
import type { GroupJob } from './group-jobs.ts'
import { fixed } from './lines.ts'
import { cpuMsOf, type Run, runOf } from './measure.ts'

function argumentsOrExit(): ConsensusArguments {
  try {
    return parseConsensusArguments(process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`npm run bench -- consensus: ${error.message}\n`)
    process.exit(2)
  }
}

const options = argumentsOrExit()
const { memberCounts, clientCounts, ms, nodeFlags } = options
const facts = about()
const faultyClients = 64
/** Links notice a silent peer after two seconds. */
const noticeMs = 3_500
const folder = mkdtempSync(join(options.dir, 'unosys-consensus-'))
const lines: ConsensusLine[] = []
const notes: string[] = []

const pause = (delayMs: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, delayMs))

function add(line: ConsensusLine): void {
  lines.push(line)
  process.stderr.write(`${lineText(line)}\n`)
}

function note(text: string): void {
  notes.push(text)
  process.stderr.write(`${text}\n`)
}

const counted = [
  'links.sent_messages',
  'links.sent_envelopes',
  'disk.syncs_total',
  'journal.syncs_total',
]

/** What the Processors that are not stopped counted so far. */
async function countsOf(world: Measured, stopped: number): Promise<readonly number[]> {
  const live = world.processors.slice(0, world.processors.length - stopped)
  const all = await Promise.all(live.map((processor) => world.countsOf(processor)))
  return counted.map((name) => all.reduce((sum, counts) => sum + (counts[name] ?? 0), 0))
}

async function measure(
  world: Measured,
  order: {
    readonly job: GroupJob
    readonly clients: number
    readonly stopped: number
    readonly faulty?: string
  },
): Promise<Run> {
  const { job, clients, stopped } = order
  const pids = world.processors.map(({ pid }) => pid)
  const before = await countsOf(world, stopped)
  const cpuBefore = cpuMsOf(pids)
  const timed = await world.run({ job, clients, ms })
  const run = runOf({ ...timed, cpuMs: cpuMsOf(pids) - cpuBefore })
  const after = await countsOf(world, stopped)
  const [messages = 0, envelopes = 0, disk = 0, journal = 0] = after.map(
    (count, index) => (count - (before[index] ?? 0)) / run.count,
  )
  add({
    level: world.level,
    members: world.processors.length,
    faulty: order.faulty ?? (stopped === 0 ? '0' : `${stopped} silent`),
    clients,
    job,
    run,
    perOperation: { messages, envelopes, syncs: disk + journal },
  })
  return run
}

/**
 * Members that stop without a word, links still open at first: as many as may lie, but over HTTP
 * one, since of a block's three holders no more may be missing.
 */
async function silence(world: Measured): Promise<void> {
  const liarsMax = Math.floor((world.processors.length - 1) / 3)
  const stopped = world.level === 'HTTP' ? 1 : liarsMax
  for (const { child } of world.processors.slice(-stopped)) child.kill('SIGSTOP')
  await pause(noticeMs)
  for (const job of ['write', 'read'] as const)
    await measure(world, { job, clients: faultyClients, stopped })
  for (const { child } of world.processors.slice(-stopped)) child.kill('SIGCONT')
  await pause(noticeMs)
}

/** As many members that lie as a group bears. */
async function lied(nodeCount: number, lie: Lie): Promise<void> {
  const liars = Math.floor((nodeCount - 1) / 3)
  const at = join(folder, `${lie}-${nodeCount}`)
  const world = await startGroup({ folder: at, nodeCount, nodeFlags, liars, lie })
  try {
    await world.run({ job: 'write', clients: faultyClients, ms })
    for (const clients of [1, faultyClients])
      for (const job of ['write', 'read'] as const)
        await measure(world, { job, clients, stopped: 0, faulty: `${liars} ${lie}` })
    if (lie === 'equivocating') await noticed(world, liars)
  } finally {
    await world.stop()
  }
}

/** Contradicting votes come to light: beside a liar that told no lie, figures are worth nothing. */
async function noticed(world: Measured, liars: number): Promise<void> {
  const honest = world.processors.slice(0, -liars)
  const counts = await Promise.all(honest.map((processor) => world.countsOf(processor)))
  const found = counts.reduce((sum, count) => sum + (count['consensus.evidence'] ?? 0), 0)
  if (found === 0) throw new Error('no member found evidence against the equivocating ones')
  note(`${world.processors.length} members, ${liars} equivocating: ${found} proofs of it kept`)
}

/** Each member leads in its turn, so a killed one is the leader's or about to be. */
async function killed(world: Measured): Promise<void> {
  const clients = 16
  const running = world.run({ job: 'write', clients, ms: 4_000 })
  await pause(1_500)
  world.processors.at(-1)?.child.kill('SIGKILL')
  const { gapMs } = await running
  const what = `${world.level}, ${world.processors.length} members, ${clients} clients`
  note(`${what}: longest pause of writes around a member's crash: ${fixed(gapMs)} ms`)
}

async function floor(): Promise<void> {
  const echo = await startEcho(join(folder, 'echo'))
  try {
    note(`one sync after the other: ${fixed(echo.syncsPerSecond)}/s`)
    for (const clients of clientCounts) {
      const before = cpuMsOf([echo.pid])
      const timed = await echo.run({ clients, ms: Math.min(ms, 2_000) })
      const run = runOf({ ...timed, cpuMs: cpuMsOf([echo.pid]) - before })
      add({ level: 'floor', members: 0, faulty: '', clients, job: 'write', run })
    }
  } finally {
    await echo.stop()
  }
}

const starts: Readonly<Record<Level, typeof startGroup>> = { group: startGroup, http: startHttp }

async function world(level: Level, nodeCount: number): Promise<void> {
  const at = join(folder, `${level}-${nodeCount}`)
  const measured = await starts[level]({ folder: at, nodeCount, nodeFlags, liars: 0 })
  try {
    // The engine compiles what runs often: not on the account of the first figures.
    await measured.run({ job: 'write', clients: faultyClients, ms })
    for (const clients of clientCounts)
      for (const job of ['write', 'read'] as const)
        await measure(measured, { job, clients, stopped: 0 })
    if (!options.faults) return
    await silence(measured)
    await killed(measured)
  } finally {
    await measured.stop()
  }
}

await floor()
for (const level of options.levels) {
  for (const members of memberCounts) {
    await world(level, members)
    if (level !== 'group' || !options.faults) continue
    for (const lie of ['lying', 'equivocating'] as const) await lied(members, lie)
  }
}
if (options.json) console.log(JSON.stringify({ ...facts, lines, notes }))
else console.log([aboutText(facts), '', consensusTable(lines), '', ...notes].join('\n'))
// Only now: removing files makes creating others slow for a minute (docs/performance.md).
if (!options.keep) rmSync(folder, { recursive: true, force: true })
