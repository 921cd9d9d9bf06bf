import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isUnosysError } from '../base/error.ts'
import type { Connection, Listener, Transport } from '../ports/transport.ts'
import { Scheduler } from './scheduler.ts'
import { SimNetwork } from './sim-network.ts'
import { SimProcess } from './sim-process.ts'
import { SimRandom } from './sim-random.ts'
import { TraceRecorder } from './trace.ts'
import { calmWeather, roughWeather, type Weather } from './weather.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const limits = { messageBytesMax: 1 << 20, connectionCountMax: 10 }

/** A connection whose events are written down. */
class Heard {
  readonly connection: Connection
  readonly messages: number[] = []
  readonly closes: string[] = []
  pongCount = 0

  constructor(connection: Connection) {
    this.connection = connection
    connection.listen({
      onMessage: (bytes) => this.messages.push(numberOf(bytes)),
      onPong: () => this.pongCount++,
      onClose: (reason) => this.closes.push(reason),
    })
  }

  send(...numbers: number[]): void {
    for (const number of numbers) this.connection.send(bytesOf(number))
  }
}

const bytesOf = (number: number): Uint8Array => Uint8Array.of(number >> 8, number & 0xff)
const numberOf = (bytes: Uint8Array): number => ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

class World {
  readonly recorder = new TraceRecorder()
  readonly scheduler = new Scheduler({ settle, onTrace: this.recorder.listen })
  readonly network: SimNetwork
  readonly accepted: Heard[] = []

  constructor(seed: number, weather: Weather = calmWeather) {
    this.network = new SimNetwork({
      scheduler: this.scheduler,
      random: new SimRandom(seed),
      weather,
    })
  }

  node(name: string): { process: SimProcess; transport: Transport } {
    const process = new SimProcess(this.scheduler, name)
    return { process, transport: this.network.transport(process) }
  }

  async listen(transport: Transport, address: string, options = limits): Promise<Listener> {
    return transport.listen(address, options, (connection) =>
      this.accepted.push(new Heard(connection)),
    )
  }

  /** Two nodes `a` and `b`, `a` connected to `b`. */
  async pair(): Promise<{ a: Heard; b: Heard; aProcess: SimProcess; bProcess: SimProcess }> {
    const { process: aProcess, transport: from } = this.node('a')
    const { process: bProcess, transport: to } = this.node('b')
    await this.listen(to, 'b:1')
    const a = new Heard(await this.settled(dial(from, 'b:1')))
    const b = this.accepted[0]
    assert.ok(b)
    return { a, b, aProcess, bProcess }
  }

  /** Runs the world until the promise has settled. */
  async settled<Value>(promise: Promise<Value>): Promise<Value> {
    let done = false
    const end = (): void => {
      done = true
    }
    promise.then(end, end)
    assert.equal(await this.scheduler.run({ until: () => done }), 'reached')
    return promise
  }

  async idle(): Promise<void> {
    assert.equal(await this.scheduler.run({}), 'idle')
  }
}

const dial = (transport: Transport, address: string, signal = new AbortController().signal) =>
  transport.dial(address, { ...limits, signal })

const isUnreachable = (error: unknown): boolean => isUnosysError(error, 'transport/unreachable')

test('transport: messages arrive in order, both ways, as copies', async () => {
  const world = new World(1)
  const { a, b } = await world.pair()
  assert.equal(a.connection.initiator, true)
  assert.equal(b.connection.initiator, false)
  assert.equal(b.connection.remoteAddress, 'a')
  const sent = Uint8Array.of(0, 7)
  a.connection.send(sent)
  a.send(...upTo(200))
  b.send(...upTo(100))
  assert.deepEqual(b.messages, [], 'nothing arrives within the turn that sends')
  await world.idle()
  assert.deepEqual(b.messages, [7, ...upTo(200)])
  assert.deepEqual(a.messages, upTo(100))
})

test('transport: messages sent before the other side listens wait for it', async () => {
  const world = new World(2)
  const { transport: from } = world.node('a')
  const { transport: to } = world.node('b')
  await to.listen('b:1', limits, (connection) => {
    const heard = new Heard(connection)
    heard.send(1, 2, 3)
  })
  const connection = await world.settled(dial(from, 'b:1'))
  await world.idle()
  const a = new Heard(connection)
  await world.idle()
  assert.deepEqual(a.messages, [1, 2, 3])
})

test('transport: a port 0 is resolved, a taken address refused and free again after close', async () => {
  const world = new World(3)
  const { transport } = world.node('a')
  const first = await world.listen(transport, 'a:0')
  const second = await world.listen(transport, 'a:0')
  assert.match(first.address, /^a:[1-9][0-9]*$/)
  assert.notEqual(first.address, second.address)
  await assert.rejects(world.listen(transport, first.address), (error) =>
    isUnosysError(error, 'transport/address-in-use'),
  )
  await first.close()
  await world.listen(transport, first.address)
})

test('transport: dials fail where nobody listens, when aborted, and when the listener is full', async () => {
  const world = new World(4)
  const { transport: from } = world.node('a')
  const { transport: to } = world.node('b')
  await assert.rejects(world.settled(dial(from, 'b:1')), isUnreachable)
  await world.listen(to, 'b:1', { ...limits, connectionCountMax: 1 })
  await assert.rejects(dial(from, 'b:1', AbortSignal.abort()), isUnreachable)

  const abort = new AbortController()
  const aborted = dial(from, 'b:1', abort.signal)
  abort.abort()
  await assert.rejects(aborted, isUnreachable)

  const first = new Heard(await world.settled(dial(from, 'b:1')))
  await assert.rejects(world.settled(dial(from, 'b:1')), isUnreachable)
  first.connection.close('room for another')
  await world.idle()
  await world.settled(dial(from, 'b:1'))
})

test('transport: a dial aborted while the answer is under way leaves no connection behind', async () => {
  const world = new World(5)
  const { transport: from } = world.node('a')
  const { transport: to } = world.node('b')
  await world.listen(to, 'b:1')
  const abort = new AbortController()
  const aborted = assert.rejects(dial(from, 'b:1', abort.signal), isUnreachable)
  await world.scheduler.run({ until: () => world.accepted.length === 1 })
  abort.abort()
  await aborted
  await world.idle()
  assert.equal(world.accepted[0]?.closes.length, 1)
  assert.equal(world.network.connectionCount, 0)
})

test('transport: close is idempotent, heard by both sides once, and never from within', async () => {
  const world = new World(6)
  const { a, b } = await world.pair()
  a.connection.close('done')
  a.connection.close('again')
  assert.deepEqual(a.closes, [])
  a.send(1)
  b.send(2)
  await world.idle()
  assert.deepEqual(a.closes, ['done'])
  assert.deepEqual(b.closes, ['closed by the peer'])
  assert.deepEqual([a.messages, b.messages], [[], []])
  b.connection.close('late')
  b.send(3)
  a.connection.ping()
  await world.idle()
  assert.equal(b.closes.length, 1)
  assert.equal(a.connection.bufferedBytes(), 0)
  assert.equal(world.network.connectionCount, 0)
})

test('transport: a message too large ends the connection that brings it', async () => {
  const world = new World(7)
  const { a, b } = await world.pair()
  a.connection.send(new Uint8Array(limits.messageBytesMax + 1))
  await world.idle()
  assert.deepEqual(b.closes, ['message too large'])
  assert.equal(a.closes.length, 1)
})

test('transport: a paused side reads nothing, and the sender feels it', async () => {
  const world = new World(8)
  const { a, b } = await world.pair()
  const chunk = 64 * 1024
  let drained = 0
  a.connection.onDrain(chunk, () => drained++)
  b.connection.pause()
  for (let index = 0; index < 16; index++) a.connection.send(new Uint8Array(chunk))
  a.connection.ping()
  world.scheduler.after(100, () => {}, 'wait')
  await world.idle()
  assert.deepEqual(b.messages, [])
  assert.equal(a.pongCount, 0, 'a side that does not read does not answer a ping')
  assert.equal(a.connection.bufferedBytes(), 12 * chunk, 'the window takes 256 KiB')
  assert.equal(drained, 0)
  b.connection.resume()
  await world.idle()
  assert.equal(b.messages.length, 16)
  assert.equal(a.connection.bufferedBytes(), 0)
  assert.equal(drained, 1)
  assert.equal(a.pongCount, 1)
})

test('transport: a fast sender waits for its line; drain tells when it has fallen', async () => {
  const world = new World(9, { ...calmWeather, bytesPerMs: 1_000, windowBytes: 1 << 30 })
  const { a } = await world.pair()
  const drainedAtMs: number[] = []
  const startMs = world.scheduler.nowMs
  a.connection.onDrain(10_000, () => drainedAtMs.push(world.scheduler.nowMs - startMs))
  for (let index = 0; index < 10; index++) a.connection.send(new Uint8Array(10_000))
  assert.equal(a.connection.bufferedBytes(), 100_000)
  await world.idle()
  assert.equal(drainedAtMs.length, 1)
  assert.ok(Math.abs((drainedAtMs[0] ?? 0) - 90) < 0.1, `after ${drainedAtMs[0]} ms`)
})

test('transport: a ping is answered, but not by a frozen process', async () => {
  const world = new World(10)
  const { a, b, bProcess } = await world.pair()
  a.connection.ping()
  await world.idle()
  assert.equal(a.pongCount, 1)
  bProcess.freeze()
  a.connection.ping()
  a.send(5)
  await world.idle()
  assert.equal(a.pongCount, 1)
  assert.deepEqual(b.messages, [])
  bProcess.thaw()
  await world.idle()
  assert.equal(a.pongCount, 2)
  assert.deepEqual(b.messages, [5])
})

test('network: a cut loses a suffix in each direction and is heard on both sides', async () => {
  const received = new Set<number>()
  for (let seed = 0; seed < 60; seed++) {
    const world = new World(seed)
    const { a, b } = await world.pair()
    a.send(...upTo(10))
    b.send(...upTo(10))
    world.network.cut('b', 'a')
    await world.idle()
    assert.deepEqual(b.messages, upTo(b.messages.length), 'a prefix')
    assert.deepEqual(a.messages, upTo(a.messages.length), 'a prefix')
    assert.deepEqual(a.closes, ['connection reset'])
    assert.deepEqual(b.closes, ['connection reset'])
    assert.equal(world.network.connectionCount, 0)
    received.add(b.messages.length)
  }
  assert.ok(received.has(0) && received.has(10) && received.size > 8, 'all lengths come up')
})

test('network: weather cuts connections, and a new connection may overtake the old one', async () => {
  let overtakenCount = 0
  for (let seed = 0; seed < 60; seed++) {
    const world = new World(seed, { ...calmWeather, delayMs: { min: 1, max: 400 } })
    const { process, transport } = world.node('a')
    const { transport: to } = world.node('b')
    const order: number[] = []
    await to.listen('b:1', limits, (connection) =>
      connection.listen({
        onMessage: (bytes) => order.push(numberOf(bytes)),
        onPong: () => {},
        onClose: () => {},
      }),
    )
    const first = new Heard(await world.settled(dial(transport, 'b:1')))
    const second = new Heard(await world.settled(dial(transport, 'b:1')))
    first.send(...upTo(10))
    first.connection.close('again')
    process.after(50, () => second.send(100), 'send')
    await world.idle()
    const at = order.indexOf(100)
    if (at >= 0 && at < order.length - 1) overtakenCount++
  }
  assert.ok(overtakenCount > 0, 'order holds within a connection only')
})

test('network: a one-way block holds one direction; what was sent arrives after it', async () => {
  const world = new World(12)
  const { a, b } = await world.pair()
  world.network.stall({ from: 'a', to: 'b', forMs: 500 })
  a.send(1, 2)
  b.send(3)
  await world.scheduler.run({ timeMsMax: 400 })
  assert.deepEqual([a.messages, b.messages], [[3], []])
  await world.idle()
  assert.deepEqual(b.messages, [1, 2])
  assert.deepEqual([a.closes, b.closes], [[], []])
})

test('network: a partition divides, also for dials; healing brings all through', async () => {
  const world = new World(13)
  const { a, b } = await world.pair()
  const { transport: c } = world.node('c')
  world.network.partition([['a'], ['b']])
  a.send(1)
  b.send(2)
  const dialled = dial(c, 'b:1')
  await world.scheduler.run({ timeMsMax: 2_500 })
  assert.deepEqual([a.messages, b.messages], [[], []])
  world.network.heal()
  await world.settled(dialled)
  await world.idle()
  assert.deepEqual([a.messages, b.messages], [[2], [1]])
})

test('network: a dial over a blocked way gives up after its retries', async () => {
  const world = new World(14)
  const { transport } = world.node('a')
  const { transport: to } = world.node('b')
  await world.listen(to, 'b:1')
  world.network.block({ from: 'b', to: 'a' })
  await assert.rejects(world.settled(dial(transport, 'b:1')), isUnreachable)
  assert.ok(world.scheduler.nowMs > 31_000, `${world.scheduler.nowMs}`)
})

test('network: a killed process is heard by its peers at once, and can come back', async () => {
  const world = new World(15)
  const { a, b } = await world.pair()
  b.connection.onDrain(0, () => {})
  world.network.crash('b')
  b.send(9)
  a.send(1)
  await world.idle()
  assert.deepEqual(a.closes, ['connection reset'])
  assert.deepEqual([b.messages, b.closes], [[], []], 'a dead process hears nothing')
  assert.equal(world.network.connectionCount, 0)
  const { transport: again } = world.node('b')
  await world.listen(again, 'b:1')
})

test('network: a host gone without a word is silent until it is up again (half-open)', async () => {
  const world = new World(16)
  const { a } = await world.pair()
  const { transport: c } = world.node('c')
  world.network.crash('b', { silent: true })
  a.send(1)
  a.connection.ping()
  await world.idle()
  assert.deepEqual([a.closes, a.pongCount], [[], 0])
  const timedOut = dial(c, 'b:1')
  await assert.rejects(world.settled(timedOut), isUnreachable)
  assert.ok(world.scheduler.nowMs > 31_000, 'no host answers the dial either')
  world.node('b')
  await world.idle()
  assert.deepEqual(a.closes, ['connection reset'])
  assert.equal(world.network.connectionCount, 0)
})

test('network: two processes of one name cannot live at once', () => {
  const world = new World(17)
  world.node('a')
  assert.throws(() => world.node('a'), /runs already/)
  assert.throws(() => world.network.crash('nobody'), /no process/)
})

test('network: a man in the middle can alter, drop, repeat and invent', async () => {
  const world = new World(18)
  const { a, b } = await world.pair()
  world.network.interceptWith(({ from, bytes }) => {
    if (from !== 'a') return [bytes]
    const number = numberOf(bytes)
    if (number === 1) return []
    return number === 2 ? [bytes, bytesOf(77), bytes] : [bytesOf(number + 1_000)]
  })
  a.send(0, 1, 2)
  b.send(0)
  await world.idle()
  assert.deepEqual(b.messages, [1_000, 2, 77, 2])
  assert.deepEqual(a.messages, [0])
  world.network.interceptWith(undefined)
  a.send(1)
  await world.idle()
  assert.deepEqual(b.messages.at(-1), 1)
})

test('network: weather can be bad one way only', async () => {
  const world = new World(19)
  const { a, b } = await world.pair()
  const slow = { ...calmWeather, delayMs: { min: 1_000, max: 1_001 } }
  world.network.setWeather(slow, { from: 'a', to: 'b' })
  a.send(1)
  b.send(2)
  await world.scheduler.run({ timeMsMax: 500 })
  assert.deepEqual([a.messages, b.messages], [[2], []])
  await world.idle()
  assert.deepEqual(b.messages, [1])
})

/** Four nodes that dial each other again and again and chatter, in rough weather with crashes. */
async function chatter(seed: number): Promise<{ hash: string; messageCount: number }> {
  const world = new World(seed, { ...roughWeather, cutChance: 0.05 })
  const dice = new SimRandom(seed, 'chatter')
  let messageCount = 0
  const names = ['a', 'b', 'c', 'd']
  const start = (name: string): void => {
    const { process, transport } = world.node(name)
    const own = dice.fork(name)
    let lastOf = new Map<Connection, number>()
    const hear = (connection: Connection): void => {
      lastOf = new Map(lastOf)
      connection.listen({
        onMessage: (bytes) => {
          messageCount++
          const last = lastOf.get(connection) ?? -1
          assert.ok(numberOf(bytes) > last, 'order within a connection')
          lastOf.set(connection, numberOf(bytes))
        },
        onPong: () => {},
        onClose: () => {},
      })
    }
    void transport.listen(`${name}:1`, limits, hear)
    const talk = async (): Promise<void> => {
      const peer = own.pick(names)
      const signal = new AbortController()
      process.after(3_000, () => signal.abort(), 'dial timeout')
      const connection = await dial(transport, `${peer}:1`, signal.signal).catch(() => undefined)
      process.after(own.below(200), () => void talk(), 'talk')
      if (connection === undefined) return
      hear(connection)
      for (const number of upTo(own.below(30))) connection.send(bytesOf(number))
      process.after(own.below(2_000), () => connection.close('done'), 'done')
    }
    void talk()
  }
  for (const name of names) start(name)
  for (let round = 0; round < 6; round++) {
    await world.scheduler.run({ timeMsMax: 1_000 })
    const victim = dice.pick(names)
    world.network.crash(victim, { silent: dice.happens(0.5) })
    world.network.partition([dice.shuffled(names).slice(0, 2)])
    await world.scheduler.run({ timeMsMax: 1_000 })
    start(victim)
    world.network.heal()
    world.network.setWeather(roughWeather)
  }
  return { hash: world.recorder.hash, messageCount }
}

test('network: the same seed gives the same run, event for event; another seed another run', async () => {
  const hashes = new Set<string>()
  for (let seed = 1; seed <= 10; seed++) {
    const first = await chatter(seed)
    assert.deepEqual(await chatter(seed), first, `seed ${seed} gives two different runs`)
    assert.ok(first.messageCount > 50, `${first.messageCount} messages`)
    hashes.add(first.hash)
  }
  assert.equal(hashes.size, 10)
})

test('network: whatever the weather, each connection brings a prefix of what was sent', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.double({ min: 0, max: 0.2, noNaN: true }),
      fc.integer({ min: 0, max: 80 }),
      async (seed, cutChance, count) => {
        const world = new World(seed)
        const { a, b } = await world.pair()
        world.network.setWeather({ ...roughWeather, cutChance })
        a.send(...upTo(count))
        await world.idle()
        assert.deepEqual(b.messages, upTo(b.messages.length))
        assert.equal(a.closes.length, b.closes.length)
        if (a.closes.length === 0) assert.equal(b.messages.length, count)
      },
    ),
    { numRuns: 50 },
  )
})
