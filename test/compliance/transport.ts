import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUnosysError } from '../../src/base/error.ts'
import type { Connection, Listener, Transport } from '../../src/ports/transport.ts'

export type TransportWorld = {
  /** Two machines. */
  readonly near: Transport
  readonly far: Transport
  /** Where `far` listens; port 0. */
  readonly farAddress: string
  /** Resolves once the condition holds; fails after a while. */
  readonly until: (condition: () => boolean) => Promise<void>
  readonly close: () => Promise<void>
}

export type TransportSubject = {
  readonly name: string
  readonly open: () => Promise<TransportWorld>
}

const messageBytesMax = 1024 * 1024
const limits = { messageBytesMax, connectionCountMax: 10 }
const never = new AbortController().signal

/** A connection whose events are written down. */
class Heard {
  readonly connection: Connection
  readonly messages: Uint8Array[] = []
  readonly closes: string[] = []
  pongCount = 0

  constructor(connection: Connection) {
    this.connection = connection
    connection.listen({
      onMessage: (bytes) => this.messages.push(bytes.slice()),
      onPong: () => this.pongCount++,
      onClose: (reason) => this.closes.push(reason),
    })
  }

  get numbers(): number[] {
    return this.messages.map((bytes) => bytes[0] ?? -1)
  }
}

/** Bytes that tell their length and place. */
function patterned(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + length) & 0xff)
}

/** What `promise` came to, with the world's time running. */
async function outcome<Value>(world: TransportWorld, promise: Promise<Value>): Promise<Value> {
  let ended = false
  const end = (): void => {
    ended = true
  }
  promise.then(end, end)
  await world.until(() => ended)
  return promise
}

async function failsWith(
  world: TransportWorld,
  promise: Promise<unknown>,
  code: string,
): Promise<void> {
  await assert.rejects(outcome(world, promise), (error) => isUnosysError(error, code))
}

type Pair = { near: Heard; far: Heard; listener: Listener }

async function listen(
  world: TransportWorld,
  onConnection: (connection: Connection) => void,
  options = limits,
): Promise<Listener> {
  return outcome(world, world.far.listen(world.farAddress, options, onConnection))
}

async function connected(world: TransportWorld, farLimits = limits): Promise<Pair> {
  const accepted: Heard[] = []
  const listener = await listen(world, (one) => accepted.push(new Heard(one)), farLimits)
  const dial = world.near.dial(listener.address, { ...limits, signal: never })
  const near = new Heard(await outcome(world, dial))
  await world.until(() => accepted.length === 1)
  const [far] = accepted
  assert.ok(far !== undefined)
  return { near, far, listener }
}

/** What every `Transport` promises. */
export function transportCompliance(subject: TransportSubject): void {
  messages(subject)
  flow(subject)
  endings(subject)
  dialling(subject)
}

type Check = (title: string, run: (world: TransportWorld) => Promise<void>) => void

function checksOf({ name, open }: TransportSubject): Check {
  return (title, run) => {
    test(`${name}: ${title}`, { timeout: 30_000 }, async () => {
      const world = await open()
      try {
        await run(world)
      } finally {
        await world.close()
      }
    })
  }
}

function messages(subject: TransportSubject): void {
  const check = checksOf(subject)

  check(
    'C91: messages arrive whole and in order, of any size, in both directions at once',
    async (world) => {
      const { near, far } = await connected(world)
      const lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 200_000, messageBytesMax, 3]
      for (const length of lengths) {
        near.connection.send(patterned(length))
        far.connection.send(patterned(length))
      }
      for (const { messages } of [near, far]) {
        await world.until(() => messages.length === lengths.length)
        for (const [index, length] of lengths.entries())
          assert.deepEqual(messages[index], patterned(length))
      }
    },
  )

  check('what arrives is a plain Uint8Array, whose slice is a copy', async (world) => {
    const { near, far } = await connected(world)
    near.connection.send(patterned(100))
    await world.until(() => far.messages.length === 1)
    const bytes = far.messages[0] as Uint8Array
    assert.equal(bytes.constructor, Uint8Array)
    const copy = bytes.slice(0, 1)
    copy[0] = 255 - (copy[0] ?? 0)
    assert.deepEqual(bytes, patterned(100))
  })

  check('who dialled knows it, and the address of a peer has no port', async (world) => {
    const { near, far } = await connected(world)
    assert.equal(near.connection.initiator, true)
    assert.equal(far.connection.initiator, false)
    assert.notEqual(far.connection.remoteAddress, '')
    assert.doesNotMatch(far.connection.remoteAddress, /:\d+$/)
  })

  check('what is sent as soon as a connection is there is not lost', async (world) => {
    const listener = await listen(world, (connection) => {
      connection.send(Uint8Array.of(1))
      connection.send(Uint8Array.of(2))
      new Heard(connection)
    })
    const dial = world.near.dial(listener.address, { ...limits, signal: never })
    const near = dial.then((connection) => new Heard(connection))
    const heard = await outcome(world, near)
    await world.until(() => heard.messages.length === 2)
    assert.deepEqual(heard.numbers, [1, 2])
  })

  check(
    'a message larger than the peer accepts ends the connection and is not delivered',
    async (world) => {
      const { near, far } = await connected(world, { ...limits, messageBytesMax: 1000 })
      near.connection.send(new Uint8Array(1000))
      near.connection.send(new Uint8Array(1001))
      near.connection.send(new Uint8Array(1))
      await world.until(() => near.closes.length === 1 && far.closes.length === 1)
      assert.ok(far.messages.every((bytes) => bytes.length === 1000))
    },
  )

  check('a sign of life is answered', async (world) => {
    const { near, far } = await connected(world)
    near.connection.ping()
    await world.until(() => near.pongCount === 1)
    far.connection.ping()
    await world.until(() => far.pongCount === 1)
    assert.deepEqual([near.pongCount, far.pongCount], [1, 1])
    assert.deepEqual([near.messages, far.messages], [[], []])
  })
}

function flow(subject: TransportSubject): void {
  const check = checksOf(subject)
  const pieceBytes = 256 * 1024
  /** More than both operating systems hold. */
  const pieceCount = 64

  check('nothing is delivered while reading is paused, and everything after', async (world) => {
    const { near, far } = await connected(world)
    far.connection.pause()
    for (let number = 1; number <= 20; number++) near.connection.send(Uint8Array.of(number))
    near.connection.send(new Uint8Array(200_000))
    far.connection.send(Uint8Array.of(99))
    await world.until(() => near.messages.length === 1)
    assert.deepEqual(far.messages, [])
    far.connection.resume()
    await world.until(() => far.messages.length === 21)
    assert.deepEqual(
      far.numbers.slice(0, 20),
      Array.from({ length: 20 }, (_, index) => index + 1),
    )
  })

  check('pausing from within a delivery holds the rest, in order', async (world) => {
    const accepted: Connection[] = []
    const seen: number[] = []
    const listener = await listen(world, (connection) => {
      accepted.push(connection)
      connection.listen({
        onMessage: (bytes) => {
          seen.push(bytes[0] ?? -1)
          connection.pause()
        },
        onPong: () => {},
        onClose: () => {},
      })
    })
    const dial = world.near.dial(listener.address, { ...limits, signal: never })
    const near = new Heard(await outcome(world, dial))
    for (let number = 1; number <= 5; number++) near.connection.send(Uint8Array.of(number))
    for (let count = 1; count <= 5; count++) {
      await world.until(() => seen.length === count)
      accepted[0]?.resume()
    }
    await world.until(() => seen.length === 5)
    assert.deepEqual(seen, [1, 2, 3, 4, 5])
  })

  check(
    'what a slow reader leaves waits at the sender, is counted, and its fall is told',
    async (world) => {
      const { near, far } = await connected(world)
      let drainCount = 0
      near.connection.onDrain(pieceBytes, () => {
        drainCount++
        assert.ok(near.connection.bufferedBytes() <= pieceBytes)
      })
      assert.equal(near.connection.bufferedBytes(), 0)
      far.connection.pause()
      for (let count = 0; count < pieceCount; count++)
        near.connection.send(new Uint8Array(pieceBytes))
      far.connection.send(Uint8Array.of(1))
      await world.until(() => near.messages.length === 1)
      assert.ok(near.connection.bufferedBytes() > pieceBytes)
      assert.equal(drainCount, 0)
      far.connection.resume()
      await world.until(() => far.messages.length === pieceCount)
      await world.until(() => near.connection.bufferedBytes() === 0)
      await world.until(() => drainCount === 1)
    },
  )
}

function endings(subject: TransportSubject): void {
  const check = checksOf(subject)

  check(
    'closing is told to both sides, once each, later than the call, and again does nothing',
    async (world) => {
      const { near, far } = await connected(world)
      near.connection.close('enough')
      near.connection.close('enough again')
      assert.deepEqual(near.closes, [])
      await world.until(() => near.closes.length > 0 && far.closes.length > 0)
      near.connection.close('and again')
      far.connection.close('me too')
      near.connection.send(Uint8Array.of(1))
      far.connection.ping()
      assert.equal(near.connection.bufferedBytes(), 0)
      far.connection.send(Uint8Array.of(1))
      await world.until(() => true)
      assert.deepEqual(near.closes, ['enough'])
      assert.equal(far.closes.length, 1)
      assert.deepEqual([near.messages, far.messages], [[], []])
    },
  )

  check('who closed hears nothing more', async (world) => {
    const { near, far } = await connected(world)
    for (let count = 0; count < 50; count++) far.connection.send(Uint8Array.of(count))
    await world.until(() => near.messages.length > 0)
    const heardCount = near.messages.length
    near.connection.close('enough')
    await world.until(() => far.closes.length === 1)
    assert.equal(near.messages.length, heardCount)
  })

  check('a side that reads nothing learns of the end when it reads again', async (world) => {
    const { near, far } = await connected(world)
    far.connection.pause()
    near.connection.close('enough')
    await world.until(() => near.closes.length === 1)
    far.connection.resume()
    await world.until(() => far.closes.length === 1)
  })

  check('a closed listener takes nobody in; its connections live on', async (world) => {
    const { near, far, listener } = await connected(world)
    await outcome(world, listener.close())
    const dial = world.near.dial(listener.address, { ...limits, signal: never })
    await failsWith(world, dial, 'transport/unreachable')
    near.connection.send(Uint8Array.of(1))
    await world.until(() => far.messages.length === 1)
  })
}

function dialling(subject: TransportSubject): void {
  const check = checksOf(subject)

  check('no more connections are taken in than allowed, until one ends', async (world) => {
    const accepted: Heard[] = []
    const options = { messageBytesMax, connectionCountMax: 2 }
    const listener = await listen(world, (one) => accepted.push(new Heard(one)), options)
    const dial = (): Promise<Connection> =>
      world.near.dial(listener.address, { ...limits, signal: never })
    const first = new Heard(await outcome(world, dial()))
    new Heard(await outcome(world, dial()))
    await failsWith(world, dial(), 'transport/unreachable')
    assert.equal(accepted.length, 2)
    first.connection.close('room')
    await world.until(() => accepted.some((one) => one.closes.length === 1))
    // The place is free once the operating system has let the socket go.
    let third: Connection | undefined
    while (third === undefined) third = await outcome(world, dial()).catch(() => undefined)
    assert.equal(accepted.length, 3)
  })

  check('nobody there, no address, or a change of mind: the dial fails', async (world) => {
    const { listener, near } = await connected(world)
    near.connection.close('not needed')
    const nobody = `${listener.address.slice(0, listener.address.lastIndexOf(':'))}:1`
    await failsWith(
      world,
      world.near.dial(nobody, { ...limits, signal: never }),
      'transport/unreachable',
    )
    await failsWith(
      world,
      world.near.dial(listener.address, { ...limits, signal: AbortSignal.abort() }),
      'transport/unreachable',
    )
    const controller = new AbortController()
    const dial = world.near.dial(listener.address, { ...limits, signal: controller.signal })
    controller.abort()
    await failsWith(world, dial, 'transport/unreachable')
  })

  check('an address is listened at once', async (world) => {
    const { listener } = await connected(world)
    const again = world.far.listen(listener.address, limits, () => {})
    await failsWith(world, again, 'transport/address-in-use')
  })
}
