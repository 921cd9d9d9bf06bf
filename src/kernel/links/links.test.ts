import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  bodyOf,
  bytesOf,
  computerKey,
  failureOf,
  keysOf,
  LinkWorld,
  linked,
  pattern,
  testWorld,
  textOf,
} from '../../../test/conformance/links-world.ts'
import { UnosysError } from '../../base/error.ts'
import { counters } from './counters.ts'
import { LinkCode, LinkError } from './errors.ts'
import { channels } from './interface.ts'

test('every node links with every other, once, and says so', async () => {
  const world = new LinkWorld({ count: 4 })
  const nodes = [0, 1, 2, 3].map((rank) => world.node(rank).echo())
  await world.start(...nodes)
  await world.run(5_000)
  assert.equal(world.network.connectionCount, 6)
  for (const node of nodes) {
    assert.deepEqual(
      node.links.peers().map(({ peer, up }) => [peer, up]),
      nodes.filter((other) => other !== node).map((other) => [other.id, true]),
      'peers are sorted by id',
    )
    assert.equal(node.changes.length, 3)
    assert.equal(node.metrics.faults, 0)
    for (const { roundTripMs } of node.links.peers()) assert.ok(roundTripMs && roundTripMs < 10)
  }
})

test('messages and requests arrive whole, with and without bodies of any size', async () => {
  const world = new LinkWorld()
  const [a, b] = await world.pair()
  for (const length of [0, 1, 5_119, 5_120, 5_121, 65_536, 4_200_000]) {
    const body = bodyOf(pattern(length, length))
    const message = { channel: channels.blocks, head: bytesOf(`${length}`), body }
    const reply = await world.settled(a.links.request(b.id, message, { deadlineMs: 5_000 }))
    assert.equal(textOf(reply.head), `${length}`)
    assert.deepEqual(reply.body, body)
    assert.equal(reply.from, b.id)
    assert.ok(b.links.send(a.id, message))
    await world.until(() => a.heard.length === 1)
    assert.deepEqual(a.heard.pop()?.body, body)
  }
})

test('C91: messages of a channel arrive in the order sent, across all sizes', async () => {
  const world = new LinkWorld({ limits: { queueBytesMax: 1 << 26 } })
  const [a, b] = await world.pair()
  const sent = Array.from({ length: 200 }, (_, index) => `${index}`)
  for (const [index, text] of sent.entries()) {
    const body = bodyOf(pattern((index * 7919) % 40_000))
    const head = bytesOf(text)
    assert.ok(a.links.send(b.id, { channel: channels.blocks, head, ...(index % 3 && { body }) }))
    assert.ok(a.links.send(b.id, { channel: channels.consensus, head }))
  }
  await world.until(() => b.heard.length === 400)
  for (const channel of [channels.blocks, channels.consensus])
    assert.deepEqual(
      b.heard.filter((message) => message.channel === channel).map(({ head }) => textOf(head)),
      sent,
    )
})

test('messages of one turn share an envelope; a body counts by its hash', async () => {
  const world = new LinkWorld()
  const [a, b] = await world.pair()
  const before = a.metrics.of('links.sent_envelopes')
  for (let index = 0; index < 100; index++) a.say(b, `${index}`)
  await world.until(() => b.heard.length === 100)
  assert.equal(a.metrics.of('links.sent_envelopes'), before + 1)
})

test('an error of a handler reaches the requester as its code, anything else as internal', async () => {
  const world = new LinkWorld()
  const [a, b] = [world.node(0), world.node(1)]
  b.links.handle(channels.group, {
    onRequest: ({ head }) => {
      if (textOf(head) === 'sync') throw new UnosysError('vault/full', 'no room', {})
      if (textOf(head) === 'bug') throw new TypeError('x is not a function')
      return Promise.reject(new UnosysError('vault/missing', 'not here', {}))
    },
  })
  await world.start(a, b)
  const codes: string[] = []
  for (const text of ['sync', 'async', 'bug']) {
    const error = await world.settled(failureOf(a.ask(b, text)))
    assert.ok(error instanceof LinkError && error.code === LinkCode.Refused)
    assert.equal(error.detail.peer, b.id)
    codes.push(error.detail.peerCode ?? '')
  }
  const { head } = { head: bytesOf('nobody') }
  const nobody = a.links.request(b.id, { channel: channels.blocks, head }, { deadlineMs: 1_000 })
  const error = await world.settled(failureOf(nobody))
  assert.ok(error instanceof LinkError)
  codes.push(error.detail.peerCode ?? '')
  assert.deepEqual(codes, ['vault/full', 'vault/missing', 'internal', 'link/no-handler'])
  assert.ok(linked(a, b))
})

test('C94: a request without an answer fails at its deadline, and the peer stops its work', async () => {
  const world = new LinkWorld()
  const [a, b] = [world.node(0), world.node(1)]
  let stoppedMs = 0
  b.links.handle(channels.group, {
    onRequest: (_message, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          stoppedMs = world.scheduler.nowMs
          reject(new Error('stopped'))
        })
      }),
  })
  await world.start(a, b)
  const startMs = world.scheduler.nowMs
  const error = await world.settled(failureOf(a.ask(b, 'x', 700)))
  assert.equal(error.code, LinkCode.Deadline)
  assert.ok(Math.abs(world.scheduler.nowMs - startMs - 700) < 1)
  await world.until(() => stoppedMs > 0, 50)
  assert.ok(linked(a, b))
})

test('C94: a request waiting for a frozen peer ends within its bound', async () => {
  const world = new LinkWorld()
  const [a, b] = await world.pair()
  b.process.freeze()
  const error = await world.settled(failureOf(a.ask(b, 'x', 1_000)), 1_010)
  assert.equal(error.code, LinkCode.Deadline)
})

test('a request that its caller gives up ends at once, and its late reply is dropped', async () => {
  const world = new LinkWorld()
  const [a, b] = [world.node(0), world.node(1)]
  const aborted: boolean[] = []
  let answer: ((reply: { head: Uint8Array }) => void) | undefined
  b.links.handle(channels.group, {
    onRequest: (_message, signal) => {
      signal.addEventListener('abort', () => aborted.push(true))
      return new Promise((resolve) => {
        answer = resolve
      })
    },
  })
  await world.start(a, b)
  const controller = new AbortController()
  const { signal } = controller
  const message = { channel: channels.group, head: bytesOf('x') }
  const asked = failureOf(a.links.request(b.id, message, { deadlineMs: 10_000, signal }))
  await world.until(() => answer !== undefined)
  controller.abort()
  assert.equal((await asked).code, LinkCode.Cancelled)
  await world.until(() => aborted.length === 1, 100)
  answer?.({ head: bytesOf('too late') })
  await world.run(100)
  const again = failureOf(a.links.request(b.id, message, { deadlineMs: 10_000, signal }))
  assert.equal((await again).code, LinkCode.Cancelled, 'given up before it was asked')
  assert.equal(a.metrics.faults + b.metrics.faults, 0)
  assert.ok(linked(a, b))
})

test('C91: a killed peer is noticed at once, and found again when it is back', async () => {
  const world = new LinkWorld()
  const [a, b] = await world.pair()
  const asked = failureOf(a.ask(b, 'x'))
  world.network.crash(b.name)
  await world.until(() => !a.links.isUp(b.id), 10)
  assert.equal((await asked).code, LinkCode.Down)
  assert.equal((await failureOf(a.ask(b, 'y'))).code, LinkCode.Down)
  assert.equal(a.say(b, 'z'), false)
  await world.run(20_000)
  const back = world.node(1).echo()
  await back.links.start()
  await world.until(() => linked(a, back), 2_500)
  assert.equal(textOf((await world.settled(a.ask(back, 'hello'))).head), 'hello')
})

for (const how of ['stopped', 'gone without a word', 'cut off'] as const)
  test(`C91: a peer that is ${how} is noticed within three seconds`, async () => {
    const world = new LinkWorld()
    const [a, b] = await world.pair()
    await world.run(5_300)
    if (how === 'stopped') b.process.freeze()
    else if (how === 'cut off') world.network.partition([[a.name], [b.name]])
    else world.network.crash(b.name, { silent: true })
    await world.until(() => !a.links.isUp(b.id), 3_000)
    assert.equal(a.metrics.of(counters.Silent), 1)
  })

test('a process that stood still itself does not take its peers for dead', async () => {
  const world = new LinkWorld()
  const [a, b] = await world.pair()
  await world.run(1_000)
  a.process.freeze()
  await world.run(1_900)
  a.process.thaw()
  await world.run(10_000)
  assert.equal(a.metrics.of(counters.Silent), 0)
  assert.ok(linked(a, b))
})

test('a link that breaks comes back by itself; requests under way fail, later ones do not', async () => {
  const world = new LinkWorld()
  const [a, b] = await world.pair()
  for (let round = 0; round < 5; round++) {
    const asked = failureOf(a.ask(b, 'x'))
    world.network.cut(a.name, b.name)
    assert.equal((await world.settled(asked)).code, LinkCode.Down)
    await world.until(() => linked(a, b), 3_000)
    await world.settled(a.ask(b, 'y'))
  }
})

test('who is not of this world is refused, although it has the computer key', async () => {
  const world = new LinkWorld({ count: 3 })
  const [a, b] = [world.node(0).echo(), world.node(1).echo()]
  await world.start(a, b)
  const stranger = world.node(2, { keys: keysOf(77), name: 'stranger' })
  await stranger.links.start()
  await world.run(3_000)
  assert.ok(a.metrics.of(counters.UnknownNode) > 0)
  assert.ok(!stranger.links.isUp(a.id) && stranger.changes.length === 0)
  assert.ok(linked(a, b) && a.changes.length === 1)
})

test('a node that answers in the place of another is refused by the dialler', async () => {
  const world = new LinkWorld({ count: 3 })
  const impostor = world.node(1, { keys: keysOf(77) })
  const a = world.node(0, { limits: { dialGraceMs: 0 } }).echo()
  await Promise.all([impostor.links.start(), a.links.start()])
  await world.run(3_000)
  assert.ok(a.metrics.of(counters.WrongIdentity) > 0)
  assert.equal(a.changes.length, 0)
})

test('C65: without the computer key no link starts, and the listener says nothing', async () => {
  const world = new LinkWorld()
  const a = world.node(0).echo()
  const b = world.node(1, { computerKeys: [{ epoch: computerKey.epoch, key: pattern(32, 1) }] })
  const fromA: number[] = []
  world.network.interceptWith(({ from, bytes }) => {
    if (from === a.name) fromA.push(bytes.length)
    return [bytes]
  })
  a.transport.dial = () => Promise.reject(new Error('a only listens here'))
  await Promise.all([a.links.start(), b.links.start()])
  await world.run(3_000)
  assert.ok(a.metrics.of(counters.Handshake) > 0)
  assert.deepEqual(fromA, [])
  assert.ok(!a.links.isUp(b.id) && !b.links.isUp(a.id))
})

test('C66: a computer key of the last epoch still links, one that is retired does not', async () => {
  const older = { epoch: 2, key: pattern(32, 2) }
  const both = [older, computerKey]
  const links = async (a: typeof both, b: typeof both): Promise<boolean> => {
    const world = new LinkWorld()
    const nodes = [world.node(0, { computerKeys: a }), world.node(1, { computerKeys: b })] as const
    await Promise.all(nodes.map((node) => node.links.start()))
    await world.run(5_000)
    return linked(...nodes)
  }
  assert.ok(await links([older], both), 'one is ahead of the other')
  assert.ok(await links(both, [older]), 'in whichever direction')
  assert.ok(!(await links([older], [computerKey])))
})

test('other worlds do not link', async () => {
  const world = new LinkWorld()
  const elsewhere = testWorld.replaceAll('1', '2') as typeof testWorld
  const [a, b] = [world.node(0), world.node(1, { world: elsewhere })]
  await Promise.all([a.links.start(), b.links.start()])
  await world.run(3_000)
  assert.ok(!a.links.isUp(b.id) && !b.links.isUp(a.id))
  assert.ok(a.metrics.of(counters.Handshake) + b.metrics.of(counters.Handshake) > 0)
})

test('a traffic key gives way to the next after so many frames, and nothing is lost', async () => {
  const world = new LinkWorld({ limits: { rekeyFrames: 5 } })
  const [a, b] = await world.pair()
  for (let index = 0; index < 50; index++) {
    const body = bodyOf(pattern(20_000, index))
    const head = bytesOf(`${index}`)
    const message = { channel: channels.blocks, head, body }
    const reply = await world.settled(a.links.request(b.id, message, { deadlineMs: 1_000 }))
    assert.deepEqual(reply.body, body)
  }
  assert.ok(a.metrics.of('links.rekeys') >= 15 && b.metrics.of('links.rekeys') >= 15)
  assert.equal(a.metrics.faults + b.metrics.faults, 0)
  assert.equal(a.changes.length, 1)
})

test('a traffic key gives way to the next after so long, on an idle link too', async () => {
  const world = new LinkWorld({ limits: { rekeyAfterMs: 10_000 } })
  const [a, b] = await world.pair()
  await world.run(60_000)
  assert.ok(a.metrics.of('links.rekeys') >= 5 && b.metrics.of('links.rekeys') >= 5)
  await world.settled(a.ask(b, 'still there'))
  assert.equal(a.metrics.faults + b.metrics.faults, 0)
})

test('stop ends links, requests and timers; nothing happens after', async () => {
  const world = new LinkWorld()
  const [a, b] = await world.pair()
  const asked = failureOf(a.ask(b, 'x'))
  await a.links.stop()
  await a.links.stop()
  assert.equal((await asked).code, LinkCode.Down)
  assert.ok(!a.links.isUp(b.id))
  await world.until(() => !b.links.isUp(a.id), 100)
  await b.links.stop()
  await world.run(10_000)
  assert.equal(world.network.connectionCount, 0)
  assert.equal(world.scheduler.waitingCount, 0, 'no timer is left')
})

test('a port that is taken fails the start', async () => {
  const world = new LinkWorld()
  const a = world.node(0)
  const b = world.node(1, { listenAddress: `${a.name}:1` })
  await a.links.start()
  await assert.rejects(b.links.start(), { code: 'transport/address-in-use' })
})

test('a listener of changes hears both ways until it is taken off', async () => {
  const world = new LinkWorld()
  const [a, b] = [world.node(0), world.node(1)]
  const heard: [string, boolean, boolean][] = []
  const off = a.links.onChange((peer, up) => heard.push([peer, up, a.links.isUp(peer)]))
  await world.start(a, b)
  world.network.crash(b.name)
  await world.until(() => !a.links.isUp(b.id))
  assert.deepEqual(heard, [
    [b.id, true, true],
    [b.id, false, false],
  ])
  off()
  const back = world.node(1)
  await world.start(back)
  await world.until(() => linked(a, back))
  assert.equal(heard.length, 2)
})

test('what a layer above may not do is an assertion', async () => {
  const world = new LinkWorld()
  const [a, b] = await world.pair()
  const send = (bytes: number, body?: number): void => {
    const head = new Uint8Array(bytes)
    const rest = body === undefined ? {} : { body: bodyOf(new Uint8Array(body)) }
    a.links.send(b.id, { channel: channels.group, head, ...rest })
  }
  assert.throws(() => send(256 * 1024 + 1), /too long/)
  assert.throws(() => send(1, 5 * 1024 * 1024), /too long/)
  assert.throws(() => a.ask(b, 'x', 0), /deadline/)
  assert.throws(() => a.links.handle(channels.group, {}), /before the start/)
  await assert.rejects(a.links.start(), /once/)
})
