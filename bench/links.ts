/**
 * Links on loopback, two processes: bodies written and read, small requests, and the floor in the
 * same run (the bare transport with the same sizes). `node bench/links.ts [seconds]`
 */
import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createServer } from 'node:net'
import { nodeClock } from '../src/adapters/node-clock.ts'
import { createNodeCrypto } from '../src/adapters/node-crypto.ts'
import { nodeRandom } from '../src/adapters/node-random.ts'
import { noiseHandshake } from '../src/adapters/noise-handshake.ts'
import { createWsTransport } from '../src/adapters/ws-transport.ts'
import { toHex } from '../src/base/bytes.ts'
import { nodeIdOf, worldIdOf } from '../src/base/ids.ts'
import {
  channels,
  createLinks,
  type Links,
  type OutgoingMessage,
} from '../src/kernel/links/index.ts'
import type { Log } from '../src/ports/log.ts'
import type { Metrics } from '../src/ports/metrics.ts'
import type { Connection } from '../src/ports/transport.ts'

const crypto = createNodeCrypto()
const log: Log = { debug() {}, info() {}, warn() {}, error() {}, for: () => log }
const counts = new Map<string, number>()
const metrics: Metrics = {
  count: (name, by = 1) => counts.set(name, (counts.get(name) ?? 0) + by),
  gauge() {},
  snapshot: () => Object.fromEntries(counts),
}
const transportLimits = { messageBytesMax: 8 << 20, connectionCountMax: 16 }
const bodyBytes = 64 * 1024
const smallBytes = 512
const inFlightBodies = 16
const inFlightSmall = 64

const seedOf = (text: string): Uint8Array => createHash('sha256').update(text).digest()

function linksOf(index: number, ports: readonly number[]): Links {
  const keys = [0, 1].map((which) => crypto.signKeyPair(seedOf(`node ${which}`)))
  const peers = keys.map(({ publicKey }, which) => ({
    node: nodeIdOf(toHex(publicKey)),
    address: `127.0.0.1:${ports[which]}`,
  }))
  const nodeKey = keys[index]
  if (nodeKey === undefined) throw new Error('no such node')
  return createLinks({
    ports: {
      clock: nodeClock,
      random: nodeRandom,
      crypto,
      handshake: noiseHandshake,
      transport: createWsTransport(),
      log,
      metrics,
    },
    world: worldIdOf('22'.repeat(32)),
    nodeKey,
    linkKey: crypto.boxKeyPair(seedOf(`link ${index}`)),
    computerKeys: [{ epoch: 1, key: seedOf('computer key') }],
    listenAddress: `127.0.0.1:${ports[index]}`,
    peers,
  })
}

const body = { bytes: new Uint8Array(bodyBytes).fill(7), hash: new Uint8Array(32) }
body.hash.set(crypto.sha256(body.bytes))
const ack = { head: new Uint8Array(16) }

/** The other process: takes bodies, gives bodies, echoes small heads. */
async function serve(ports: readonly number[]): Promise<void> {
  const links = linksOf(1, ports)
  links.handle(channels.blocks, {
    onRequest: ({ body: got }) => (got === undefined ? { ...ack, body } : ack),
  })
  links.handle(channels.group, { onRequest: ({ head }) => ({ head }) })
  await links.start()
  await createWsTransport().listen(`127.0.0.1:${ports[2]}`, transportLimits, (connection) =>
    connection.listen({
      onMessage: () => connection.send(ack.head.slice()),
      onPong() {},
      onClose() {},
    }),
  )
  process.on('message', () => process.send?.(process.cpuUsage()))
  process.on('disconnect', () => process.exit())
  process.send?.('ready')
}

type Result = { what: string; perSecond: number; unit: string; cpuMs: number }

/** Calls of `once` per second, `inFlight` at a time. */
async function rate(seconds: number, inFlight: number, once: () => Promise<unknown>) {
  const endMs = performance.now() + seconds * 1000
  const startMs = performance.now()
  let count = 0
  const worker = async (): Promise<void> => {
    while (performance.now() < endMs) {
      await once()
      count++
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  return { count, seconds: (performance.now() - startMs) / 1000 }
}

async function cpuMsOf(child: ChildProcess): Promise<number> {
  const answer = new Promise<NodeJS.CpuUsage>((resolve) => child.once('message', resolve))
  child.send('cpu')
  const theirs = await answer
  const ours = process.cpuUsage()
  return (theirs.user + theirs.system + ours.user + ours.system) / 1000
}

async function measure(
  child: ChildProcess,
  input: {
    what: string
    seconds: number
    inFlight: number
    bytes: number | undefined
    once: () => Promise<unknown>
  },
): Promise<Result> {
  await rate(0.5, input.inFlight, input.once)
  const before = await cpuMsOf(child)
  const { count, seconds } = await rate(input.seconds, input.inFlight, input.once)
  const cpuMs = (await cpuMsOf(child)) - before
  const units = input.bytes === undefined ? count / 1000 : (count * input.bytes) / 1e6
  return {
    what: input.what,
    perSecond: units / seconds,
    unit: input.bytes === undefined ? 'k requests/s' : 'MB/s',
    cpuMs: cpuMs / units,
  }
}

/** The bare transport: one message up, a short one down. */
async function bareRequests(port: number): Promise<(bytes: number) => Promise<void>> {
  const connection: Connection = await createWsTransport().dial(`127.0.0.1:${port}`, {
    ...transportLimits,
    signal: new AbortController().signal,
  })
  const waiting: (() => void)[] = []
  connection.listen({ onMessage: () => waiting.shift()?.(), onPong() {}, onClose() {} })
  return (bytes) =>
    new Promise((resolve) => {
      waiting.push(resolve)
      connection.send(new Uint8Array(bytes))
    })
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer().listen(0, '127.0.0.1', () => resolve(server))
        }),
    ),
  )
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

async function main(seconds: number): Promise<void> {
  const ports = await freePorts(3)
  const child = fork(import.meta.filename, ['serve', ...ports.map(String)])
  try {
    await new Promise((resolve) => child.once('message', resolve))
    const links = linksOf(0, ports)
    const peer = linksOf(1, ports).self
    await links.start()
    while (!links.isUp(peer)) await new Promise((resolve) => setTimeout(resolve, 10))
    const ask = (message: OutgoingMessage) => links.request(peer, message, { deadlineMs: 30_000 })
    const bare = await bareRequests(ports[2] ?? 0)
    const head = new Uint8Array(smallBytes)
    const bulk = { seconds, inFlight: inFlightBodies, bytes: bodyBytes }
    const small = { seconds, inFlight: inFlightSmall, bytes: undefined }
    const results = [
      await measure(child, { what: 'bare 64 KiB', ...bulk, once: () => bare(bodyBytes) }),
      await measure(child, {
        what: 'link 64 KiB written',
        ...bulk,
        once: () => ask({ channel: channels.blocks, head: ack.head, body }),
      }),
      await measure(child, {
        what: 'link 64 KiB read',
        ...bulk,
        once: () => ask({ channel: channels.blocks, head: ack.head }),
      }),
      await measure(child, { what: 'bare 512 B', ...small, once: () => bare(smallBytes) }),
      await measure(child, {
        what: 'link 512 B',
        ...small,
        once: () => ask({ channel: channels.group, head }),
      }),
      await measure(child, {
        what: 'link 512 B, one at a time',
        ...small,
        inFlight: 1,
        once: () => ask({ channel: channels.group, head }),
      }),
    ]
    for (const { what, perSecond, unit, cpuMs } of results)
      console.log(
        `${what.padEnd(28)} ${perSecond.toFixed(1).padStart(8)} ${unit.padEnd(13)}` +
          ` ${cpuMs.toFixed(2).padStart(7)} ms CPU each`,
      )
    console.log(metrics.snapshot())
    await links.stop()
  } finally {
    child.disconnect()
  }
  process.exit()
}

const [mode, ...rest] = process.argv.slice(2)
if (mode === 'serve') await serve(rest.map(Number))
else await main(Number(mode ?? 3))
