/** What a genuine peer could do with its keys: bounded, counted, and hurting only its link. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Rogue } from '../../../test/conformance/links-rogue.ts'
import type { TestNode } from '../../../test/conformance/links-world.ts'
import {
  bytesOf,
  crypto,
  failureOf,
  LinkWorld,
  pattern,
  textOf,
} from '../../../test/conformance/links-world.ts'
import { encode } from '../../base/codec.ts'
import { calmWeather } from '../../simulator/weather.ts'
import { counters } from './counters.ts'
import { type ChannelHandler, channels, type OutgoingMessage } from './interface.ts'
import { smallReplyBytes } from './limits.ts'
import { messageKinds } from './message.ts'

type Reply = Omit<OutgoingMessage, 'channel'>

/** A node with an honest peer and a rogue one. */
async function withRogue(
  options: { echo?: boolean; limits?: object } = {},
): Promise<{ world: LinkWorld; node: TestNode; honest: TestNode; rogue: Rogue }> {
  const world = new LinkWorld({ count: 3, limits: options.limits ?? {} })
  const node = world.node(1)
  const honest = world.node(2).echo()
  if (options.echo !== false) node.echo()
  await world.start(node, honest)
  const rogue = await Rogue.dial(world, 0, node)
  return { world, node, honest, rogue }
}

const breaches: [string, (rogue: Rogue) => void, string][] = [
  ['an unknown kind of record', (r) => r.sendParts([], { kind: 9 }), counters.Malformed],
  [
    'an envelope with the wrong number',
    (r) => r.sendParts([], { sequence: 7 }),
    counters.Malformed,
  ],
  [
    'an envelope of another link',
    (r) => r.sendParts([], { transcript: pattern(64) }),
    counters.BadSignature,
  ],
  ['an unknown kind of message', (r) => r.sendContents({ kind: 9 as 1 }), counters.Malformed],
  ['an unknown channel', (r) => r.sendContents({ channel: 9 as 1 }), counters.Malformed],
  ['a one-way message with a number', (r) => r.sendContents({ id: 3 }), counters.Malformed],
  [
    'a request without deadline',
    (r) => r.sendContents({ kind: messageKinds.request, id: 3 }),
    counters.Malformed,
  ],
  ['an empty record', (r) => r.sendRecord(new Uint8Array(0)), counters.Malformed],
  [
    'a body that never comes',
    (r) => {
      r.sendContents({ body: { length: 9_000, hash: pattern(32) } })
    },
    counters.Malformed,
  ],
]

for (const [what, breach, counter] of breaches)
  test(`${what} from a genuine peer is counted and ends its link`, async () => {
    const { world, node, honest, rogue } = await withRogue()
    breach(rogue)
    if (counter === counters.Malformed) rogue.sendContents({ head: bytesOf('after') })
    await world.until(() => rogue.closed, 1_000)
    assert.equal(node.metrics.of(counter), 1)
    assert.deepEqual(node.texts, [])
    assert.ok(node.links.isUp(honest.id))
  })

test('random plain bytes, rightly sealed, never throw out of the layer', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      const { world, node, honest, rogue } = await withRogue()
      rogue.sendRecord(bytes)
      await world.until(() => rogue.closed, 1_000)
      assert.equal(node.metrics.faults, 1)
      assert.ok(node.links.isUp(honest.id))
    }),
    { numRuns: 20 },
  )
})

test('a request number that is still open is not used twice', async () => {
  const world = new LinkWorld()
  const node = world.node(1)
  node.links.handle(channels.group, { onRequest: () => new Promise(() => {}) })
  await node.links.start()
  const rogue = await Rogue.dial(world, 0, node)
  rogue.request(1)
  await world.run(10)
  assert.ok(node.links.isUp(rogue.id))
  rogue.request(1)
  await world.until(() => rogue.closed, 1_000)
  assert.equal(node.metrics.of(counters.Misuse), 1)
})

test('a reply to nothing is dropped; one on another channel ends the link', async () => {
  const { world, node, rogue } = await withRogue()
  rogue.sendContents({ kind: messageKinds.reply, id: 99 })
  await world.until(() => node.metrics.of('links.late_replies') === 1, 1_000)
  assert.ok(node.links.isUp(rogue.id))
  const head = bytesOf('question')
  const asked = failureOf(
    node.links.request(rogue.id, { channel: channels.group, head }, { deadlineMs: 60_000 }),
  )
  await world.until(() => rogue.heard.length === 1, 1_000)
  const id = rogue.heard[0]?.content.id ?? 0
  rogue.sendContents({ kind: messageKinds.reply, channel: channels.blocks, id })
  assert.equal((await world.settled(asked)).code, 'link/down')
  assert.equal(node.metrics.of(counters.Misuse), 1)
})

test('a flood of requests is refused beyond the bound, and answered below it', async () => {
  const limits = { servedMax: 20, requestsInFlightMax: 20 }
  const world = new LinkWorld({ count: 2, limits })
  const slow = world.node(1)
  const open: (() => void)[] = []
  slow.links.handle(channels.group, {
    asksForRoom: true,
    onRequest: ({ head }) => new Promise((resolve) => open.push(() => resolve({ head }))),
  })
  await slow.links.start()
  const rogue = await Rogue.dial(world, 0, slow)
  const ids = Array.from({ length: 35 }, (_, index) => index + 1)
  rogue.request(...ids)
  await world.until(() => rogue.heard.length === 15, 1_000)
  assert.equal(open.length, 20, 'no more are worked on')
  assert.ok(rogue.heard.every(({ content }) => content.kind === messageKinds.refusal))
  assert.ok(rogue.heard.every(({ content }) => textOf(content.head) === 'link/overloaded'))
  assert.equal(slow.metrics.of('links.refused_requests'), 15)
  for (const finish of open) finish()
  await world.until(() => rogue.heard.length === 35, 1_000)
  rogue.request(100)
  await world.until(() => open.length === 21, 1_000)
})

test('C102: a flood that does not read its refusals loses its link; others notice nothing', async () => {
  const limits = { servedMax: 20, requestsInFlightMax: 20 }
  const window = { windowBytes: 4_000, windowResumeBytes: 1_000 }
  const { world, node, honest, rogue } = await withRogue({
    echo: false,
    limits: { ...limits, ...window },
  })
  world.network.setWeather({ ...calmWeather, windowBytes: 1_000 })
  rogue.connection.pause()
  let id = 1
  await world.until(() => {
    if (!node.links.isUp(rogue.id)) return true
    rogue.request(...Array.from({ length: 50 }, () => id++))
    return false
  }, 5_000)
  assert.equal(node.metrics.of(counters.Flood), 1)
  assert.ok(node.links.isUp(honest.id))
  assert.equal(honest.changes.length, 1)
})

const bodyBytes = 60_000
const replyBytesMax = 500_000

/** A node that has served what a rogue does not read, until no more is served. */
async function unread(
  handler: (serve: () => Reply, world: LinkWorld) => ChannelHandler,
): Promise<{ world: LinkWorld; node: TestNode; rogue: Rogue; served: number[] }> {
  const world = new LinkWorld({ count: 2, limits: { replyBytesMax } })
  const node = world.node(1)
  const served: number[] = []
  const hash = crypto.sha256(new Uint8Array(bodyBytes))
  const { asksForRoom, onRequest } = handler(
    () => ({ head: bytesOf('x'), body: { bytes: new Uint8Array(bodyBytes), hash } }),
    world,
  )
  node.links.handle(channels.blocks, {
    asksForRoom: asksForRoom === true,
    onRequest: (message, signal, room) => {
      const count = (reply: Reply): Reply => {
        served.push(Number(textOf(message.head)))
        return reply
      }
      const reply = onRequest?.(message, signal, room)
      assert(reply !== undefined)
      return reply instanceof Promise ? reply.then(count) : count(reply)
    },
  })
  await node.links.start()
  const rogue = await Rogue.dial(world, 0, node)
  rogue.connection.pause()
  const request = { kind: messageKinds.request, channel: channels.blocks, deadlineMs: 60_000 }
  const ids = Array.from({ length: 200 }, (_, index) => index + 1)
  rogue.sendContents(...ids.map((id) => ({ ...request, id, head: bytesOf(`${id}`) })))
  await world.run(500)
  return { world, node, rogue, served }
}

const handlers: [string, (serve: () => Reply, world: LinkWorld) => ChannelHandler][] = [
  ['that answers at once', (serve) => ({ onRequest: () => serve() })],
  ['that answers in a microtask', (serve) => ({ onRequest: async () => serve() })],
  [
    'that reads a disk',
    (serve, world) => ({
      onRequest: async () => {
        await new Promise<void>((resolve) => world.scheduler.after(3, resolve, 'disk'))
        return serve()
      },
    }),
  ],
  [
    'that asks for room',
    (serve, world) => ({
      asksForRoom: true,
      onRequest: async (_message, _signal, room) => {
        await room()
        await new Promise<void>((resolve) => world.scheduler.after(3, resolve, 'disk'))
        return serve()
      },
    }),
  ],
]

for (const [what, handler] of handlers)
  test(`replies that a peer does not read stay bounded, of a handler ${what}`, async () => {
    const { node, rogue, served } = await unread(handler)
    const queuedBytes = node.links.peers().reduce((sum, peer) => sum + peer.queuedBytes, 0)
    const madeAtOnce = 8 * (bodyBytes + 200)
    assert.ok(queuedBytes > 0 && queuedBytes <= replyBytesMax + madeAtOnce, `${queuedBytes}`)
    const takenBySocket = 512 * 1024 + 256 * 1024
    assert.ok(served.length * bodyBytes < replyBytesMax + madeAtOnce + takenBySocket + 512 * 1024)
    assert.ok(node.links.isUp(rogue.id))
  })

for (const [what, handler] of handlers)
  test(`what waits is served in order once the peer reads, by a handler ${what}`, async () => {
    const { world, node, rogue, served } = await unread(handler)
    assert.ok(served.length < 200)
    rogue.connection.resume()
    await world.until(() => rogue.heard.length === 200, 10_000)
    const all = Array.from({ length: 200 }, (_, index) => index + 1)
    assert.deepEqual(served, all)
    assert.deepEqual(
      rogue.heard.map(({ content }) => content.id),
      all,
    )
    assert.ok(node.links.isUp(rogue.id))
  })

for (const asksForRoom of [false, true])
  test(`what waits is dropped with its link, asked for by the handler: ${asksForRoom}`, async () => {
    let openCount = 0
    let droppedCount = 0
    const { world, node, rogue, served } = await unread((serve) => ({
      asksForRoom,
      onRequest: async (_message, signal, room) => {
        openCount++
        try {
          await room()
        } catch (error) {
          assert.ok(signal.aborted)
          droppedCount++
          throw error
        } finally {
          openCount--
        }
        return serve()
      },
    }))
    const servedCount = served.length
    assert.equal(openCount, asksForRoom ? 200 - servedCount : 0)
    rogue.connection.close('gone')
    await world.until(() => !node.links.isUp(rogue.id), 5_000)
    await world.run(100)
    assert.deepEqual(
      [served.length, openCount, droppedCount],
      [servedCount, 0, asksForRoom ? 200 - servedCount : 0],
    )
  })

test('what waits ends at its deadline and when it is cancelled, and those behind it go on', async () => {
  const asked: (() => void)[] = []
  const world = new LinkWorld({ count: 2, limits: { repliesMadeMax: 1 } })
  const node = world.node(1)
  const began: string[] = []
  const ended: string[] = []
  node.links.handle(channels.group, {
    asksForRoom: true,
    onRequest: async ({ head }, _signal, room) => {
      await room().catch((error: unknown) => {
        ended.push(textOf(head))
        throw error
      })
      began.push(textOf(head))
      await new Promise<void>((resolve) => asked.push(resolve))
      return { head }
    },
  })
  await node.links.start()
  const rogue = await Rogue.dial(world, 0, node)
  const request = { kind: messageKinds.request, deadlineMs: 60_000 }
  const ids = [1, 2, 3, 4]
  rogue.sendContents(
    ...ids.map((id) => ({
      ...request,
      ...(id === 3 && { deadlineMs: 1_000 }),
      id,
      head: bytesOf(`${id}`),
    })),
  )
  await world.run(100)
  rogue.sendContents({ kind: messageKinds.cancel, id: 2, head: new Uint8Array(0) })
  await world.run(100)
  assert.deepEqual([began, ended], [['1'], ['2']])
  await world.run(1_000)
  assert.deepEqual([began, ended], [['1'], ['2', '3']])
  asked.shift()?.()
  await world.until(() => began.length === 2, 1_000)
  asked.shift()?.()
  await world.until(() => rogue.heard.length === 2, 1_000)
  assert.deepEqual(
    rogue.heard.map(({ content }) => content.id),
    [1, 4],
  )
})

test('a handler that waits for others does not keep those behind it from being served', async () => {
  const world = new LinkWorld({ count: 2, limits: { repliesMadeMax: 1 } })
  const node = world.node(1)
  node.links.handle(channels.group, {
    asksForRoom: true,
    onRequest: async ({ head }, _signal, room) => {
      if (textOf(head) === 'waits') await new Promise(() => {})
      await room()
      return { head }
    },
  })
  await node.links.start()
  const rogue = await Rogue.dial(world, 0, node)
  const request = { kind: messageKinds.request, deadlineMs: 60_000 }
  const waits = Array.from({ length: 100 }, (_, index) => ({ id: index + 1, text: 'waits' }))
  rogue.sendContents(
    ...[...waits, { id: 101, text: 'a' }, { id: 102, text: 'b' }].map(({ id, text }) => ({
      ...request,
      id,
      head: bytesOf(text),
    })),
  )
  await world.until(() => rogue.heard.length === 2, 1_000)
  assert.deepEqual(
    rogue.heard.map(({ content }) => content.id),
    [101, 102],
  )
})

test('a large reply for which no room was asked is not sent: the handler is wrong', async () => {
  const world = new LinkWorld({ count: 2 })
  const node = world.node(1)
  node.links.handle(channels.group, {
    asksForRoom: true,
    onRequest: ({ head }) => ({ head: new Uint8Array(smallReplyBytes + head.length - 1) }),
  })
  await node.links.start()
  const rogue = await Rogue.dial(world, 0, node)
  const request = { kind: messageKinds.request, deadlineMs: 60_000 }
  rogue.sendContents(
    { ...request, id: 1, head: bytesOf('x') },
    { ...request, id: 2, head: bytesOf('xx') },
  )
  await world.until(() => rogue.heard.length === 2, 1_000)
  const [fits, large] = rogue.heard
  assert.equal(fits?.content.kind, messageKinds.reply)
  assert.equal(large?.content.kind, messageKinds.refusal)
  assert.equal(textOf(large.content.head), 'internal')
})

test('requests that carry too much to wait for room are refused', async () => {
  const limits = { repliesMadeMax: 1, servedBytesMax: 50, requestBytesInFlightMax: 50 }
  for (const asksForRoom of [false, true]) {
    const world = new LinkWorld({ count: 2, limits })
    const node = world.node(1)
    node.links.handle(channels.group, {
      asksForRoom,
      onRequest: async (_message, _signal, room) => {
        await room()
        return new Promise(() => {})
      },
    })
    await node.links.start()
    const rogue = await Rogue.dial(world, 0, node)
    const request = { kind: messageKinds.request, deadlineMs: 60_000, head: new Uint8Array(20) }
    rogue.sendContents(...[1, 2, 3, 4, 5].map((id) => ({ ...request, id })))
    await world.until(() => rogue.heard.length === 2, 1_000)
    const refused = rogue.heard.map(({ content }) => [content.id, textOf(content.head)])
    assert.deepEqual(refused, [
      [4, 'link/overloaded'],
      [5, 'link/overloaded'],
    ])
  }
})

test('an envelope that declares more than it brings allocates nothing for it', async () => {
  const { world, node, rogue } = await withRogue()
  const plain = encode((writer) => {
    writer.u8(1).u64(1).u16(1).u32(0xffff_ffff)
  })
  rogue.sendRecord(plain)
  await world.until(() => rogue.closed, 1_000)
  assert.equal(node.metrics.of(counters.Malformed), 1)
})
