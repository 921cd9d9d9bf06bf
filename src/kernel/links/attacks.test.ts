/** A man in the middle, liars and noise: each is dropped, counted, and disturbs nothing else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  bodyOf,
  bytesOf,
  crypto,
  keysOf,
  LinkWorld,
  linked,
  pattern,
  type TestNode,
} from '../../../test/conformance/links-world.ts'
import type { Connection } from '../../ports/transport.ts'
import { SimProcess } from '../../simulator/sim-process.ts'
import { counters } from './counters.ts'
import { channels } from './interface.ts'

type Frame = { readonly from: string; readonly to: string; readonly bytes: Uint8Array }

/** Three linked nodes; the attack is on the link of the first two, the third watches. */
async function three(): Promise<{ world: LinkWorld; a: TestNode; b: TestNode; c: TestNode }> {
  const world = new LinkWorld({ count: 3 })
  const [a, b, c] = [world.node(0).echo(), world.node(1).echo(), world.node(2).echo()]
  await world.start(a, b, c)
  return { world, a, b, c }
}

/** The link of `a` and `b` came back, and those of `c` never went. */
async function healed(world: LinkWorld, a: TestNode, b: TestNode, c: TestNode): Promise<void> {
  world.network.interceptWith(undefined)
  await world.until(() => linked(a, b, c), 10_000)
  await world.settled(a.ask(b, 'again'))
  await world.settled(c.ask(b, 'and c'))
  assert.deepEqual(
    c.changes.map(([, up]) => up),
    [true, true],
    'the other links never went down',
  )
}

const flip = (bytes: Uint8Array, at: number): Uint8Array =>
  bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))

/** Bytes of the first body that follows as its own frame. */
const bigBody = bodyOf(pattern(50_000))

/** What the man in the middle makes of the n-th frame from `a` to `b`. */
const attacks: [string, (frames: readonly Uint8Array[]) => readonly Uint8Array[]][] = [
  ['an altered bit', ([...frames]) => [flip(frames.at(-1) ?? bytesOf(''), 20)]],
  [
    'an altered tag',
    ([...frames]) => [flip(frames.at(-1) ?? bytesOf(''), -1 + (frames.at(-1)?.length ?? 0))],
  ],
  [
    'a frame that comes twice',
    (frames) => [frames.at(-1), frames.at(-1)].filter((f) => f !== undefined),
  ],
  ['an old frame again', (frames) => [frames.at(-2) ?? bytesOf('')]],
  ['a frame cut short', (frames) => [frames.at(-1)?.subarray(0, -1) ?? bytesOf('')]],
  ['a frame made longer', (frames) => [Uint8Array.of(...(frames.at(-1) ?? []), 0)]],
  ['an empty frame', () => [new Uint8Array(0)]],
  ['noise', () => [pattern(333)]],
  ['a very long frame', () => [new Uint8Array(600_000)]],
]

for (const [what, attack] of attacks)
  for (const target of ['an envelope', 'a body'] as const)
    test(`C68: ${what} in the place of ${target} is dropped, counted, and ends only that link`, async () => {
      const { world, a, b, c } = await three()
      await world.settled(a.ask(b, 'before'))
      const seen: Uint8Array[] = []
      let attacked = false
      world.network.interceptWith(({ from, to, bytes }: Frame) => {
        if (from !== a.name || to !== b.name) return [bytes]
        seen.push(bytes)
        if (attacked || (bytes.length === bigBody.bytes.length) !== (target === 'a body'))
          return [bytes]
        if (seen.length < 2) return [bytes]
        attacked = true
        return attack(seen)
      })
      a.say(b, 'first')
      await world.run(10)
      const head = bytesOf('second')
      a.links.send(b.id, { channel: channels.blocks, head, body: bigBody })
      a.links.send(b.id, { channel: channels.blocks, head: bytesOf('third') })
      await world.run(10)
      a.say(b, 'fourth')
      await world.until(() => !b.links.isUp(a.id), 5_000)
      assert.ok(attacked)
      assert.equal(b.metrics.faults, 1)
      for (const { head: got, body } of b.heard) {
        assert.ok(['first', 'second', 'third'].includes(new TextDecoder().decode(got)))
        if (body !== undefined) assert.deepEqual(body, bigBody, 'nothing altered is handed up')
      }
      await healed(world, a, b, c)
    })

test('C68: a frame that is left out, or two that change places, end the link', async () => {
  for (const how of ['left out', 'swapped'] as const) {
    const { world, a, b, c } = await three()
    let held: Uint8Array | undefined
    let count = 0
    world.network.interceptWith(({ from, to, bytes }: Frame) => {
      if (from !== a.name || to !== b.name || ++count > 2) return [bytes]
      if (count === 2) return how === 'swapped' && held ? [bytes, held] : [bytes]
      held = bytes
      return []
    })
    a.say(b, 'one')
    await world.run(10)
    a.say(b, 'two')
    await world.until(() => !b.links.isUp(a.id), 5_000)
    assert.equal(b.metrics.of(counters.Unauthentic), 1)
    assert.deepEqual(b.texts, [])
    await healed(world, a, b, c)
  }
})

test('C68: frames sent back to their sender, or into another link, do not open', async () => {
  for (const how of ['reflected', 'moved'] as const) {
    const { world, a, b, c } = await three()
    let recorded: Uint8Array | undefined
    let done = false
    world.network.interceptWith(({ from, to, bytes }: Frame) => {
      if (from === a.name && to === b.name) recorded = bytes
      const isTarget =
        how === 'reflected' ? from === b.name && to === a.name : from === a.name && to === c.name
      if (!isTarget || done || recorded === undefined) return [bytes]
      done = true
      return [recorded]
    })
    a.say(b, 'recorded')
    await world.run(10)
    b.say(a, 'to be replaced')
    a.say(c, 'to be replaced')
    const victim = how === 'reflected' ? a : c
    await world.until(() => victim.metrics.of(counters.Unauthentic) === 1, 5_000)
    assert.deepEqual(victim.texts, [])
    world.network.interceptWith(undefined)
    await world.until(() => linked(a, b, c), 10_000)
  }
})

test('C68: a man in the middle with the computer key cannot stand between two nodes', async () => {
  // He answers in the place of b with his own keys: he can shake hands, but is not b.
  const world = new LinkWorld()
  const middle = world.node(1, { keys: keysOf(66) })
  const a = world.node(0)
  await Promise.all([middle.links.start(), a.links.start()])
  await world.run(5_000)
  assert.ok(!a.links.isUp(keysOf(1).id))
  assert.ok(a.metrics.of(counters.WrongIdentity) > 0)
})

test('C63: nothing that is sent can be seen on the wire, and two links have two keys', async () => {
  const world = new LinkWorld({ count: 3 })
  const [a, b, c] = [world.node(0).echo(), world.node(1).echo(), world.node(2).echo()]
  const captured: Frame[] = []
  world.network.interceptWith((frame: Frame) => {
    captured.push(frame)
    return [frame.bytes]
  })
  await world.start(a, b, c)
  const secret = bytesOf('the quick brown fox jumps over the lazy dog')
  const body = bodyOf(new Uint8Array(60_000).map((_, index) => secret[index % secret.length] ?? 0))
  const message = { channel: channels.blocks, head: secret, body }
  captured.length = 0
  for (const peer of [b, c])
    await world.settled(a.links.request(peer.id, message, { deadlineMs: 1_000 }))
  const wire = Buffer.concat(captured.map(({ bytes }) => bytes)).toString('latin1')
  assert.ok(wire.length > 240_000)
  const text = Buffer.from(secret).toString('latin1')
  for (let at = 0; at + 8 <= text.length; at++) assert.ok(!wire.includes(text.slice(at, at + 8)))
  for (const id of [a.id, b.id, c.id])
    assert.ok(!wire.includes(Buffer.from(id, 'hex').toString('latin1')))
  const bodies = captured.filter(({ bytes }) => bytes.length === body.bytes.length)
  assert.equal(bodies.length, 4, 'there and back on two links')
  assert.equal(new Set(bodies.map(({ bytes }) => Buffer.from(bytes).toString('hex'))).size, 4)
})

/** Signatures over envelopes are over a digest; those over link keys are longer. */
const isEnvelopeDigest = (message: Uint8Array): boolean => message.length === 32

for (const [what, forge] of [
  ['unsigned', () => new Uint8Array(64)],
  ['signed with another key', (m) => crypto.sign(keysOf(50).nodeKey.secretKey, m)],
  ['signed for something else', () => crypto.sign(keysOf(0).nodeKey.secretKey, bytesOf('else'))],
] as [string, (message: Uint8Array) => Uint8Array][])
  test(`C62: a frame that is ${what} is dropped and counted, from a node with all other keys`, async () => {
    const world = new LinkWorld({ count: 3 })
    let isForging = false
    const sign = (secretKey: Uint8Array, message: Uint8Array): Uint8Array =>
      isForging && isEnvelopeDigest(message) ? forge(message) : crypto.sign(secretKey, message)
    const liar = world.node(0, { wrap: (ports) => ({ ...ports, crypto: { ...crypto, sign } }) })
    const [b, c] = [world.node(1).echo(), world.node(2).echo()]
    await world.start(liar.echo(), b, c)
    isForging = true
    liar.say(b, 'believe me')
    await world.until(() => !b.links.isUp(liar.id), 100)
    assert.equal(b.metrics.of(counters.BadSignature), 1)
    assert.deepEqual(b.texts, [])
    await world.run(5_000)
    assert.ok(b.metrics.of(counters.BadSignature) > 1, 'nor is a new link proven so')
    assert.equal(b.changes.filter(([peer, up]) => peer === liar.id && up).length, 1)
    isForging = false
    await world.until(() => linked(liar, b, c), 10_000)
    assert.deepEqual(
      c.changes.filter(([peer]) => peer === b.id).map(([, up]) => up),
      [true],
    )
  })

test('C62: a body that is not the one its message was signed with is dropped and counted', async () => {
  for (const length of [100, 50_000]) {
    const { world, a, b, c } = await three()
    const body = { bytes: pattern(length, 1), hash: crypto.sha256(pattern(length, 2)) }
    a.links.send(b.id, { channel: channels.blocks, head: bytesOf('x'), body })
    await world.until(() => b.metrics.of(counters.BadBody) === 1, 1_000)
    assert.deepEqual(b.texts, [])
    await healed(world, a, b, c)
  }
})

/** Somebody on the network who speaks whatever `speak` says. */
async function intruder(
  world: LinkWorld,
  target: TestNode,
  speak: (connection: Connection) => void,
): Promise<{ closed: () => boolean }> {
  const process = new SimProcess(world.scheduler, `intruder ${world.scheduler.nowMs}`)
  const connection = await world.settled(
    world.network.transport(process).dial(`${target.name}:1`, {
      messageBytesMax: 1 << 20,
      connectionCountMax: 1,
      signal: new AbortController().signal,
    }),
  )
  let closed = false
  connection.listen({
    onMessage: () => {},
    onPong: () => {},
    onClose: () => {
      closed = true
    },
  })
  speak(connection)
  return { closed: () => closed }
}

test('random bytes from strangers close their own connection and disturb no link', async () => {
  const { world, a, b, c } = await three()
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 700 }), { minLength: 1, maxLength: 3 }),
      async (messages) => {
        const { closed } = await intruder(world, b, (connection) => {
          for (const message of messages) connection.send(message)
        })
        await world.until(closed, 1_000)
      },
    ),
    { numRuns: 40 },
  )
  assert.ok(b.metrics.faults >= 40)
  assert.ok(linked(a, b, c))
  assert.equal(b.changes.length, 2)
})

test('random changes to any frames never throw out of the layer and disturb no other link', async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const world = new LinkWorld({ count: 3, seed })
    const [a, b, c] = [world.node(0).echo(), world.node(1).echo(), world.node(2).echo()]
    const dice = world.random.fork('attacker')
    world.network.interceptWith(({ from, to, bytes }: Frame) => {
      if (from === c.name || to === c.name || !dice.happens(0.2)) return [bytes]
      const kind = dice.below(5)
      if (kind === 0) return []
      if (kind === 1) return [bytes, bytes]
      if (kind === 2) return [dice.bytes(dice.below(700))]
      if (kind === 3) return [bytes.subarray(0, dice.below(bytes.length + 1))]
      return [flip(bytes, dice.below(Math.max(1, bytes.length)))]
    })
    await Promise.all([a, b, c].map((node) => node.links.start()))
    for (let round = 0; round < 60; round++) {
      a.links.send(b.id, { channel: channels.blocks, head: dice.bytes(20), body: bigBody })
      b.say(a, `${round}`)
      a.ask(b, 'x', 1_000).catch(() => {})
      await world.run(200)
    }
    assert.ok(a.metrics.faults + b.metrics.faults > 0, `seed ${seed} attacked nothing`)
    for (const node of [a, b])
      for (const { body } of node.heard) assert.deepEqual(body ?? bigBody, bigBody)
    assert.deepEqual(
      c.changes.map(([, up]) => up),
      [true, true],
    )
    world.network.interceptWith(undefined)
    await world.until(() => linked(a, b, c), 20_000)
  }
})

test('handshakes that go nowhere are ended in time, and only so many at once', async () => {
  const world = new LinkWorld({ limits: { handshakesPerAddressMax: 5, handshakesMax: 7 } })
  const [a, b] = await world.pair()
  const silent = await Promise.all(
    Array.from({ length: 5 }, async (_, index) => {
      const process = new SimProcess(world.scheduler, `silent ${index}`)
      const transport = world.network.transport(process, 'one address')
      const options = { messageBytesMax: 1, connectionCountMax: 1 }
      const signal = new AbortController().signal
      let closed = false
      const dialled = transport.dial(`${b.name}:1`, { ...options, signal })
      dialled.then(
        (connection) =>
          connection.listen({
            onMessage: () => {},
            onPong: () => {},
            onClose: () => {
              closed = true
            },
          }),
        () => {},
      )
      return { closed: () => closed }
    }),
  )
  await world.run(50)
  assert.ok(silent.every(({ closed }) => !closed()))
  const process = new SimProcess(world.scheduler, 'one more')
  const transport = world.network.transport(process, 'one address')
  const sixth = await world.settled(
    transport.dial(`${b.name}:1`, {
      messageBytesMax: 1,
      connectionCountMax: 1,
      signal: new AbortController().signal,
    }),
  )
  let closed = false
  sixth.listen({
    onMessage: () => {},
    onPong: () => {},
    onClose: () => {
      closed = true
    },
  })
  await world.until(() => closed, 100)
  assert.equal(b.metrics.of(counters.Limit), 1)
  await world.until(() => silent.every((each) => each.closed()), 6_000)
  assert.equal(b.metrics.of(counters.Timeout), 5)
  assert.ok(linked(a, b) && a.changes.length === 1)
})
