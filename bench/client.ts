/** A client of one Processor for measurements: kept connections, whole bodies, nothing clever. */
import { Agent, request } from 'node:http'
import { cpuMsOf, type Run, runOf } from './measure.ts'
import type { BenchWorld } from './world.ts'

export type Exchange = {
  readonly method: string
  readonly path: string
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>
  readonly bodyBytes?: number
  /** Hears each chunk of the answer and where it stands. */
  readonly onChunk?: (chunk: Buffer, offset: number) => void
}

const agent = new Agent({ keepAlive: true, maxSockets: 256 })

/** Sends one request to Processor `n`; resolves with the number of bytes of the answer. */
export function exchange(world: BenchWorld, n: number, what: Exchange): Promise<number> {
  const api = new URL(world.processors[n - 1]?.api ?? '')
  return new Promise((resolve, reject) => {
    const { body } = what
    const length = what.bodyBytes ?? (body instanceof Uint8Array ? body.length : 0)
    const outgoing = request(
      {
        agent,
        host: api.hostname,
        port: api.port,
        method: what.method,
        path: what.path,
        headers: { authorization: `Bearer ${world.token}`, 'content-length': length },
      },
      (answer) => {
        let bytes = 0
        answer.on('data', (chunk: Buffer) => {
          what.onChunk?.(chunk, bytes)
          bytes += chunk.length
        })
        answer.on('end', () => {
          if ((answer.statusCode ?? 500) < 300) resolve(bytes)
          else reject(new Error(`${what.method} ${what.path}: ${answer.statusCode}`))
        })
        answer.on('error', reject)
      },
    )
    outgoing.on('error', reject)
    if (body === undefined || body instanceof Uint8Array) outgoing.end(body)
    else pour(body, outgoing).catch(reject)
  })
}

async function pour(
  body: AsyncIterable<Uint8Array>,
  outgoing: ReturnType<typeof request>,
): Promise<void> {
  for await (const chunk of body) {
    if (!outgoing.write(chunk)) await new Promise((resolve) => outgoing.once('drain', resolve))
  }
  outgoing.end()
}

/** `count` calls of `work`, `clients` of them at once. */
export async function repeat(
  world: BenchWorld,
  input: { readonly count: number; readonly clients: number },
  work: (index: number) => Promise<unknown>,
): Promise<Run> {
  const pids = world.processors.map(({ pid }) => pid)
  const latenciesMs: number[] = []
  const beforeMs = cpuMsOf(pids)
  const startMs = performance.now()
  let next = 0
  const lane = async (): Promise<void> => {
    for (let index = next++; index < input.count; index = next++) {
      const askedMs = performance.now()
      await work(index)
      latenciesMs.push(performance.now() - askedMs)
    }
  }
  await Promise.all(Array.from({ length: input.clients }, lane))
  const ms = performance.now() - startMs
  return runOf({ ms, latenciesMs, cpuMs: cpuMsOf(pids) - beforeMs })
}
