/**
 * The floor: what this machine gives for the same job when nothing is done that need not be. Four
 * processes; each block is sealed and hashed once, goes to three over tuned links, and is durable
 * in
 * all three before it counts. No HTTP, no agreement, no signatures, no placement.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FloorOrder, FloorReply } from './floor-node.ts'
import { cpuMsOf, type Run, runOf } from './measure.ts'

const program = fileURLToPath(new URL('./floor-node.ts', import.meta.url))
const holderCount = 3

export class Floor {
  readonly #children: readonly ChildProcess[]

  constructor(children: readonly ChildProcess[]) {
    this.#children = children
  }

  /** @param folder made here; must not exist. */
  static async start(folder: string): Promise<Floor> {
    mkdirSync(folder, { recursive: true })
    const env = { ...process.env, UV_THREADPOOL_SIZE: '16' }
    const children = Array.from({ length: holderCount + 1 }, () =>
      fork(program, { env, execArgv: [], serialization: 'advanced' }),
    )
    const floor = new Floor(children)
    const ready = await Promise.all(
      children
        .slice(1)
        .map((child, index) => ask(child, { kind: 'hold', folder: join(folder, String(index)) })),
    )
    const ports = ready.map((reply) => (reply.kind === 'ready' ? reply.port : 0))
    await ask(floor.#writer, { kind: 'dial', ports })
    return floor
  }

  get #writer(): ChildProcess {
    const [writer] = this.#children
    if (writer === undefined) throw new Error('a floor has a writer')
    return writer
  }

  /** Write or read `count` blocks, `window` of them at once. */
  async run(order: Extract<FloorOrder, { kind: 'write' | 'read' }>): Promise<Run> {
    const pids = this.#children.map(({ pid }) => pid ?? 0)
    const before = cpuMsOf(pids)
    const reply = await ask(this.#writer, order)
    if (reply.kind !== 'done') throw new Error('the floor gave no figures')
    const { ms, latenciesMs } = reply
    return runOf({ ms, latenciesMs, cpuMs: cpuMsOf(pids) - before })
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#children.map(
        (child) =>
          new Promise<void>((resolve) => {
            child.once('exit', () => resolve())
            child.disconnect()
          }),
      ),
    )
  }
}

function ask(child: ChildProcess, order: FloorOrder): Promise<FloorReply> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => reject(new Error('a process of the floor ended'))
    child.once('exit', onExit)
    child.once('message', (reply) => {
      child.off('exit', onExit)
      resolve(reply as FloorReply)
    })
    child.send(order)
  })
}
