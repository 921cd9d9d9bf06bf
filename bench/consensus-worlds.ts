/** The things that are measured alike: a group, a world with its API, and the floor. */
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { pollStatus } from '../src/main/poll-status.ts'
import { exchange } from './client.ts'
import { type EchoReady, echoBytes } from './floor-echo.ts'
import { type GroupJob, type Timed, timedFor } from './group-jobs.ts'
import type { GroupOrder, GroupReply } from './group-node.ts'
import { type BenchProcessor, type BenchWorld, startWorld } from './world.ts'

export type Order = { readonly job: GroupJob; readonly clients: number; readonly ms: number }
type Counts = Readonly<Record<string, number>>

export interface Measured {
  readonly level: string
  /** Processes that do the work. */
  readonly processors: readonly BenchProcessor[]
  run(order: Order): Promise<Timed>
  /** Of one Processor that is not stopped. */
  countsOf(processor: BenchProcessor): Promise<Counts>
  stop(): Promise<void>
}

type Start = {
  readonly folder: string
  readonly nodeCount: number
  readonly nodeFlags: readonly string[]
  /** How many of the last members lie, and how. */
  readonly liars: number
  readonly lie?: Lie
}

/**
 * `lying`: they propose what nobody votes for, and vote for nothing. `equivocating`: what they
 * propose and vote is one thing to some and another to others.
 */
export type Lie = 'lying' | 'equivocating'

/** Replies to orders come in the order of the orders. */
class Orders {
  readonly #child: ChildProcess
  readonly #lines: Interface
  readonly #waiting: ((reply: GroupReply) => void)[] = []

  constructor(child: ChildProcess) {
    if (child.stdout === null) throw new Error('a Processor has a standard output')
    this.#child = child
    this.#lines = createInterface({ input: child.stdout })
    this.#lines.on('line', (line) => this.#waiting.shift()?.(JSON.parse(line) as GroupReply))
  }

  give(order: GroupOrder): Promise<GroupReply> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#child.stdin?.write(`${JSON.stringify(order)}\n`)
    })
  }
}

/** Clients inside Processor 1 that ask the group: no HTTP, no files. */
export async function startGroup(start: Start): Promise<Measured> {
  const program = fileURLToPath(new URL('./group-node.ts', import.meta.url))
  const isLiar = (n: number): boolean => n > start.nodeCount - start.liars
  const argumentsOf = (n: number): string[] => (isLiar(n) ? ['--lie', start.lie ?? 'lying'] : [])
  const world = await startWorld({ ...start, program, argumentsOf })
  const orders = new Map(world.processors.map(({ n, child }) => [n, new Orders(child)]))
  const give = async (n: number, order: GroupOrder): Promise<GroupReply> => {
    const reply = await orders.get(n)?.give(order)
    if (reply === undefined) throw new Error('no such Processor')
    return reply
  }
  await give(1, { kind: 'prepare', token: world.token })
  return {
    level: 'group',
    processors: world.processors,
    run: async (order) => {
      const reply = await give(1, { kind: 'run', ...order })
      if (reply.kind !== 'ran') throw new Error('a run gave no figures')
      return reply
    },
    countsOf: async ({ n }) => {
      const reply = await give(n, { kind: 'counts' })
      if (reply.kind !== 'counts') throw new Error('no counts')
      return reply.counts
    },
    stop: () => stopAll(world),
  }
}

const fileCount = 256

/** Applications of Processor 1: a file of 256 bytes is written over, or looked at. */
export async function startHttp(start: Start): Promise<Measured> {
  const world = await startWorld(start)
  const body = randomBytes(256)
  const path = (index: number): string => `/v1/files/public/c-${index % fileCount}`
  const put = (index: number): Promise<number> =>
    exchange(world, 1, { method: 'PUT', path: path(index), body })
  const head = (index: number): Promise<number> =>
    exchange(world, 1, { method: 'HEAD', path: path(index) })
  await Promise.all(Array.from({ length: fileCount }, (_, index) => put(index)))
  return {
    level: 'HTTP',
    processors: world.processors,
    run: (order) => timedFor(order, order.job === 'write' ? put : head),
    countsOf: async ({ api }) => {
      const status = await pollStatus(api, { token: world.token, timeoutMs: 10_000 })
      if (status === undefined) throw new Error('a Processor gives no status')
      return status.metrics
    },
    stop: () => stopAll(world),
  }
}

async function stopAll(world: BenchWorld): Promise<void> {
  for (const { child } of world.processors) child.kill('SIGCONT')
  await world.stop()
}

export type EchoFloor = {
  readonly syncsPerSecond: number
  readonly pid: number
  run(order: Omit<Order, 'job'>): Promise<Timed>
  stop(): Promise<void>
}

export async function startEcho(folder: string): Promise<EchoFloor> {
  mkdirSync(folder, { recursive: true })
  const program = fileURLToPath(new URL('./floor-echo.ts', import.meta.url))
  const child = fork(program, [folder], { execArgv: [] })
  const [ready] = (await once(child, 'message')) as [EchoReady]
  return {
    syncsPerSecond: ready.syncsPerSecond,
    pid: child.pid ?? 0,
    run: async (order) => {
      const sockets = await Promise.all(
        Array.from({ length: order.clients }, async () => {
          const socket = connect({ port: ready.port, host: '127.0.0.1', noDelay: true })
          await once(socket, 'connect')
          return socket
        }),
      )
      const free = [...sockets]
      const message = randomBytes(echoBytes)
      try {
        return await timedFor(order, async () => {
          const socket = free.pop()
          if (socket === undefined) throw new Error('as many sockets as clients')
          socket.write(message)
          let bytes = 0
          while (bytes < echoBytes) {
            const [chunk] = (await once(socket, 'data')) as [Buffer]
            bytes += chunk.length
          }
          free.push(socket)
        })
      } finally {
        for (const socket of sockets) socket.destroy()
      }
    },
    stop: async () => {
      const exited = once(child, 'exit')
      child.disconnect()
      await exited
    },
  }
}
