/**
 * A world of real Processors for measurements: fresh folders, free ports, one process each, with
 * the flags that every Processor has. Nothing is removed while anything is measured: ext4 steps
 * over freshly deleted inodes one by one and makes creating files several times slower for a
 * minute.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createWorld } from '../src/main/create-world.ts'
import {
  processorEnvironment,
  processorFlags,
  processorProgram,
} from '../src/main/processor-process.ts'

export type BenchProcessor = {
  readonly n: number
  readonly api: string
  readonly pid: number
  readonly child: ChildProcess
}

export type BenchWorld = {
  readonly folder: string
  readonly token: string
  readonly processors: readonly BenchProcessor[]
  /** From the first spawn to the first answer of the whole world. */
  readonly startMs: number
  stop(): Promise<void>
}

export type WorldOptions = {
  /** Made here; must not exist. */
  readonly folder: string
  readonly nodeCount?: number
  /** Flags of Node beside those that every Processor has: `--cpu-prof` and the like. */
  readonly nodeFlags?: readonly string[]
  /** In the place of the Processor's: then nobody waits for an API that answers. */
  readonly program?: string
  /** More arguments of Processor n's program. */
  readonly argumentsOf?: (n: number) => readonly string[]
}

const stopGraceMs = 10_000
const readyMsMax = 60_000

/** Start one; every Processor answers when the promise resolves. */
export async function startWorld(options: WorldOptions): Promise<BenchWorld> {
  const { folder, nodeCount = 4, nodeFlags = [], program } = options
  mkdirSync(folder, { recursive: true })
  const data = join(folder, 'world')
  const linkPorts = await freePorts(nodeCount)
  await createWorld({
    outFolder: data,
    nodeCount,
    httpPorts: Array.from({ length: nodeCount }, () => 0),
    linkAddresses: linkPorts.map((port) => `127.0.0.1:${port}`),
  })
  const startedAtMs = performance.now()
  const children = Array.from({ length: nodeCount }, (_, index) => {
    const flags = [...processorFlags, ...nodeFlags, program ?? processorProgram]
    const own = ['--supervised', '--data', join(data, String(index + 1)), '--log-level', 'warn']
    own.push(...(options.argumentsOf?.(index + 1) ?? []))
    return spawn(process.execPath, [...flags, ...own], {
      env: processorEnvironment(),
      stdio: ['pipe', 'pipe', 'inherit'],
    })
  })
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(stopChild))
  }
  try {
    const processors = await Promise.all(children.map(readyOf))
    const token = readFileSync(join(data, 'token'), 'utf8').trim()
    if (program === undefined)
      await Promise.all(processors.map(({ api }) => firstAnswer(api, token)))
    const startMs = performance.now() - startedAtMs
    return { folder, token, processors, startMs, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Ports that nobody listens on now. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return address.port
  })
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return ports
}

function readyOf(child: ChildProcess): Promise<BenchProcessor> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (chunk) => {
      text += String(chunk)
      for (const line of text.split('\n').slice(0, -1)) {
        if (!line.startsWith('{')) continue
        const event = JSON.parse(line) as { event: string; message?: string } & BenchProcessor
        if (event.event === 'ready') resolve({ n: event.n, api: event.api, pid: event.pid, child })
        else reject(new Error(event.message ?? line))
      }
    })
    child.once('exit', (code) => reject(new Error(`a Processor ended with code ${code}`)))
  })
}

async function firstAnswer(api: string, token: string): Promise<void> {
  const untilMs = performance.now() + readyMsMax
  for (;;) {
    const answer = await fetch(`${api}/v1/files/public/`, {
      headers: { authorization: `Bearer ${token}` },
    })
    await answer.arrayBuffer()
    if (answer.ok) return
    if (performance.now() > untilMs) throw new Error(`no answer from ${api}: ${answer.status}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const overdue = setTimeout(() => child.kill('SIGKILL'), stopGraceMs)
  await exited
  clearTimeout(overdue)
}
