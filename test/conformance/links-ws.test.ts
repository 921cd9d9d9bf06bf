/** Links over real WebSockets, real keys, real processes. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { noiseHandshake } from '../../src/adapters/noise-handshake.ts'
import { Handshakes } from '../../src/kernel/links/handshake.ts'
import { channels, type Links, linkCounters } from '../../src/kernel/links/index.ts'
import { SimRandom } from '../../src/simulator/sim-random.ts'
import { realLinks } from './links-process.ts'
import {
  bodyOf,
  byId,
  bytesOf,
  computerKey,
  crypto,
  keysOf,
  pattern,
  testWorld,
} from './links-world.ts'

const [small = 0, large = 1] = byId(2)

async function until(condition: () => boolean, limitMs: number): Promise<number> {
  const startMs = performance.now()
  while (!condition()) {
    assert.ok(performance.now() - startMs < limitMs, `not reached within ${limitMs} ms`)
    await sleep(5)
  }
  return performance.now() - startMs
}

async function listening(
  onSocket?: (socket: Socket) => void,
): Promise<{ server: Server; port: number }> {
  const server = createServer(onSocket).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert(address !== null && typeof address === 'object')
  return { server, port: address.port }
}

async function freeAddresses(count: number): Promise<string[]> {
  const places = await Promise.all(Array.from({ length: count }, () => listening()))
  for (const { server } of places) server.close()
  return places.map(({ port }) => `127.0.0.1:${port}`)
}

const running = new Set<{ stop(): Promise<void> }>()
after(async () => {
  for (const each of running) await each.stop()
})

async function started(index: number, addresses: readonly string[]) {
  const { links, metrics } = realLinks(index, addresses)
  running.add(links)
  await links.start()
  return { links, metrics }
}

async function child(index: number, addresses: readonly string[]): Promise<ChildProcess> {
  const file = join(import.meta.dirname, 'links-process.ts')
  const forked = fork(file, [String(index), ...addresses])
  running.add({
    stop: async () => {
      forked.kill('SIGKILL')
    },
  })
  await once(forked, 'message')
  return forked
}

const idOf = (index: number) => keysOf(index).id
const ask = (links: Links, to: number, bytes: Uint8Array) =>
  links.request(
    idOf(to),
    { channel: channels.blocks, head: bytesOf('x'), body: bodyOf(bytes) },
    { deadlineMs: 10_000 },
  )

test('two Processors link over WebSockets and exchange bodies of all sizes', async () => {
  const addresses = await freeAddresses(2)
  const [a, b] = await Promise.all([started(0, addresses), started(1, addresses)])
  await until(() => a.links.isUp(idOf(1)) && b.links.isUp(idOf(0)), 5_000)
  for (const length of [0, 100, 10_000, 65_536, 4_000_000]) {
    const reply = await ask(a.links, 1, pattern(length))
    assert.deepEqual(reply.body?.bytes, pattern(length))
  }
  const many = await Promise.all(
    Array.from({ length: 200 }, () => ask(b.links, 0, pattern(20_000))),
  )
  assert.equal(many.length, 200)
  assert.equal(a.metrics.faults + b.metrics.faults, 0)
  await Promise.all([a.links.stop(), b.links.stop()])
})

// How soon, to the millisecond, is shown in simulated time (src/kernel/links/links.test.ts: at once
// and within three seconds). Real sockets show by what it is noticed: the end of the connection,
// which comes at once, or the silence, for which the margin is what a busy machine needs.
for (const [what, signal, silentCount] of [
  ['killed is noticed at once, by the end of its connection', 'SIGKILL', 0],
  ['stopped is noticed by its silence', 'SIGSTOP', 1],
] as const)
  test(`C91: a real Processor that is ${what}`, async () => {
    const addresses = await freeAddresses(2)
    const [a, forked] = await Promise.all([started(0, addresses), child(1, addresses)])
    await until(() => a.links.isUp(idOf(1)), 5_000)
    await ask(a.links, 1, pattern(10))
    forked.kill(signal)
    await until(() => !a.links.isUp(idOf(1)), 10_000)
    assert.equal(a.metrics.of(linkCounters.Silent), silentCount)
    forked.kill('SIGKILL')
    await a.links.stop()
  })

test('C92: a standard WebSocket client shakes hands with a Processor', async () => {
  const addresses = await freeAddresses(2)
  const node = await started(1, addresses)
  const { id: self, nodeKey, linkKey } = keysOf(0)
  const identity = { world: testWorld, self, nodeKey, linkKey, computerKeys: [computerKey] }
  const random = new SimRandom(1)
  const side = new Handshakes(identity, { crypto, handshake: noiseHandshake, random }).dial(idOf(1))
  const socket = new WebSocket(`ws://${addresses[1]}/unosys/link`)
  socket.binaryType = 'arraybuffer'
  await once(socket, 'open')
  socket.send(new Uint8Array(side.first))
  const [event] = (await once(socket, 'message')) as [MessageEvent<ArrayBuffer>]
  const { done } = side.receive(new Uint8Array(event.data))
  assert.equal(done?.peer, idOf(1))
  socket.close()
  await node.links.stop()
})

type SeenFrame = { readonly opcode: number; readonly isFinal: boolean; readonly length: number }

/** Reads the frames of one direction, from the end of the HTTP head on. */
class FrameReader {
  readonly frames: SeenFrame[] = []
  #bytes = Buffer.alloc(0)
  #skip = 0
  #inHead = true

  /** True while a message has begun and not ended. */
  get isInside(): boolean {
    return this.#skip > 0
  }

  push(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#bytes, chunk])
    if (this.#inHead) {
      const end = bytes.indexOf('\r\n\r\n')
      this.#inHead = end < 0
      bytes = end < 0 ? bytes : bytes.subarray(end + 4)
    }
    for (; !this.#inHead && bytes.length > 0; ) {
      const taken = Math.min(this.#skip, bytes.length)
      this.#skip -= taken
      bytes = bytes.subarray(taken)
      if (this.#skip > 0 || bytes.length < 14) break
      bytes = bytes.subarray(this.#header(bytes))
    }
    this.#bytes = Buffer.from(bytes)
  }

  #header(bytes: Buffer): number {
    const [first = 0, second = 0] = bytes
    const short = second & 0x7f
    const size = short === 127 ? 10 : short === 126 ? 4 : 2
    const length =
      short === 127
        ? Number(bytes.readBigUInt64BE(2))
        : short === 126
          ? bytes.readUInt16BE(2)
          : short
    const maskBytes = second & 0x80 ? 4 : 0
    this.frames.push({ opcode: first & 0x0f, isFinal: (first & 0x80) !== 0, length })
    this.#skip = length
    return size + maskBytes
  }
}

test('C93: one message at a time in each direction, both directions at once', async () => {
  const real = await freeAddresses(2)
  const up = new FrameReader()
  const down = new FrameReader()
  let bothInside = 0
  const proxy = await listening((socket) => {
    const onward = connect({ host: '127.0.0.1', port: Number(real[large]?.split(':')[1]) })
    const watch = (reader: FrameReader, from: Socket, to: Socket): void => {
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
      from.on('data', (chunk) => {
        reader.push(chunk)
        if (up.isInside && down.isInside) bothInside++
        if (!to.write(chunk)) {
          from.pause()
          to.once('drain', () => from.resume())
        }
      })
    }
    watch(up, socket, onward)
    watch(down, onward, socket)
  })
  running.add({
    stop: async () => {
      proxy.server.close()
    },
  })
  // The smaller id dials first, and knows the other only behind the proxy.
  const seenBySmall = real.map((address, index) =>
    index === large ? `127.0.0.1:${proxy.port}` : address,
  )
  const b = await started(large, real)
  const a = await started(small, seenBySmall)
  await until(() => a.links.isUp(idOf(large)) && b.links.isUp(idOf(small)), 5_000)
  const size = 1_000_000
  const bodies = Array.from({ length: 12 }, () => pattern(size))
  await Promise.all(
    bodies.flatMap((body) => [ask(a.links, large, body), ask(b.links, small, body)]),
  )
  for (const { frames } of [up, down]) {
    assert.ok(
      frames.every(({ isFinal }) => isFinal),
      'a frame is a whole message',
    )
    assert.ok(
      frames.every(({ opcode }) => opcode === 2 || opcode >= 8),
      'binary or control',
    )
    assert.equal(frames.filter(({ length }) => length === size).length, 2 * bodies.length)
  }
  assert.ok(bothInside > 0, 'messages of both directions were under way at once')
  await Promise.all([a.links.stop(), b.links.stop()])
  proxy.server.close()
})
