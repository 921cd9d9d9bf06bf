/** Back-pressure both ways, priorities, bounds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rogue } from '../../../test/conformance/links-rogue.ts'
import {
  bodyOf,
  bytesOf,
  failureOf,
  LinkWorld,
  linked,
  pattern,
  textOf,
} from '../../../test/conformance/links-world.ts'
import { channels, type OutgoingMessage } from './interface.ts'
import { messageKinds } from './message.ts'

const blockBytes = 64 * 1024
const block = bodyOf(pattern(blockBytes))
const blockMessage = (text: string): OutgoingMessage => ({
  channel: channels.blocks,
  head: bytesOf(text),
  body: block,
})

test('a consensus message passes megabytes of queued blocks', async () => {
  const world = new LinkWorld()
  const [a, b] = await world.pair()
  const blockCount = 64
  for (let index = 0; index < blockCount; index++) a.links.send(b.id, blockMessage(`${index}`))
  await world.until(() => b.heard.length >= 2)
  a.say(b, 'vote', channels.consensus)
  a.say(b, 'command', channels.group)
  await world.until(() => b.heard.length === blockCount + 2)
  const order = b.texts
  // A window and an envelope may be in the socket at that moment, and as much on the line.
  const passable = (2 * (512 + 256) * 1024) / blockBytes
  assert.ok(order.indexOf('vote') < 2 + passable, `vote came as ${order.indexOf('vote')}`)
  assert.ok(order.indexOf('vote') < order.indexOf('command'))
  assert.ok(order.indexOf('command') <= order.indexOf('vote') + passable)
  const blocks = order.filter((text) => text !== 'vote' && text !== 'command')
  assert.deepEqual(
    blocks,
    Array.from({ length: blockCount }, (_, index) => `${index}`),
  )
})

test('a slow reader does not make the sender grow: one-way messages are refused at the bound', async () => {
  const limits = { queueBytesMax: 1 << 20 }
  const world = new LinkWorld({ limits })
  const [a, b] = await world.pair()
  b.process.freeze()
  let sentCount = 0
  for (let round = 0; round < 20; round++) {
    while (a.links.send(b.id, blockMessage(`${sentCount}`))) sentCount++
    await world.run(50)
  }
  const [peer] = a.links.peers()
  assert.ok(peer && peer.queuedBytes <= limits.queueBytesMax + blockBytes)
  // Queue, window, an envelope, and what the network itself holds.
  const heldBytes = limits.queueBytesMax + (512 + 256 + 256) * 1024
  assert.ok(sentCount * blockBytes <= heldBytes + 4 * blockBytes, `${sentCount} blocks were taken`)
  assert.ok(a.metrics.of('links.dropped_queue_full') > 0)
  b.process.thaw()
  await world.until(() => b.heard.length === sentCount)
})

test('requests wait for those before them; too many waiting are refused at once', async () => {
  const limits = { requestsInFlightMax: 4, requestsWaitingMax: 6 }
  const world = new LinkWorld({ limits })
  const [a, b] = [world.node(0), world.node(1)]
  const open: { text: string; finish: () => void }[] = []
  b.links.handle(channels.group, {
    onRequest: ({ head }) =>
      new Promise((resolve) => open.push({ text: textOf(head), finish: () => resolve({ head }) })),
  })
  await world.start(a, b)
  const asked = Array.from({ length: 10 }, (_, index) => a.ask(b, `${index}`, 30_000))
  const tooMany = await failureOf(a.ask(b, 'too many'))
  assert.equal(tooMany.code, 'link/overloaded')
  await world.run(100)
  assert.deepEqual(
    open.map(({ text }) => text),
    ['0', '1', '2', '3'],
  )
  for (let count = 0; count < 10; count++) {
    await world.until(() => open.length > 0)
    open.shift()?.finish()
    await world.run(20)
  }
  assert.deepEqual(
    (await Promise.all(asked)).map(({ head }) => textOf(head)),
    Array.from({ length: 10 }, (_, index) => `${index}`),
  )
})

test('a request waiting for room ends at its deadline, or when its caller gives up, unsent', async () => {
  const world = new LinkWorld({ limits: { requestsInFlightMax: 1 } })
  const [a, b] = [world.node(0), world.node(1)]
  const seen: string[] = []
  b.links.handle(channels.group, {
    onRequest: ({ head }) => {
      seen.push(textOf(head))
      return new Promise(() => {})
    },
  })
  await world.start(a, b)
  const controller = new AbortController()
  const first = failureOf(a.ask(b, 'first', 1_000))
  const second = failureOf(a.ask(b, 'second', 500))
  const third = failureOf(
    a.links.request(
      b.id,
      { channel: channels.group, head: bytesOf('third') },
      { deadlineMs: 9_000, signal: controller.signal },
    ),
  )
  const fourth = failureOf(a.ask(b, 'fourth', 3_000))
  assert.equal((await world.settled(second)).code, 'link/deadline')
  controller.abort()
  assert.equal((await third).code, 'link/cancelled')
  assert.equal((await world.settled(first)).code, 'link/deadline')
  assert.equal((await world.settled(fourth)).code, 'link/deadline')
  assert.deepEqual(seen, ['first', 'fourth'])
})

test('a request that was queued and not sent when it was given up does not travel', async () => {
  const world = new LinkWorld()
  const [a, b] = await world.pair()
  for (let index = 0; index < 40; index++) a.links.send(b.id, blockMessage('filler'))
  const controller = new AbortController()
  const { signal } = controller
  const asked = failureOf(
    a.links.request(b.id, blockMessage('never'), { deadlineMs: 5_000, signal }),
  )
  await world.until(() => b.heard.length > 0)
  controller.abort()
  assert.equal((await asked).code, 'link/cancelled')
  await world.until(() => b.heard.length === 40)
  await world.run(100)
  assert.equal(b.metrics.of('links.received_messages'), 40)
})

test('handlers that lag stop the reading, not the link; all is answered in the end', async () => {
  const eager = { requestBytesInFlightMax: 8 << 20, servedBytesMax: 8 << 20 }
  const modest = { servedBytesMax: 512 * 1024, requestBytesInFlightMax: 512 * 1024 }
  const world = new LinkWorld()
  const [a, b] = [world.node(0, { limits: eager }), world.node(1, { limits: modest })]
  let openBytes = 0
  let openBytesMax = 0
  b.links.handle(channels.blocks, {
    asksForRoom: true,
    onRequest: async ({ head, body }) => {
      openBytes += body?.bytes.length ?? 0
      openBytesMax = Math.max(openBytesMax, openBytes)
      await new Promise<void>((resolve) => world.scheduler.after(6_000, resolve, 'slow disk'))
      openBytes -= body?.bytes.length ?? 0
      return { head }
    },
  })
  await world.start(a, b)
  const asked = Array.from({ length: 40 }, (_, index) =>
    a.links.request(b.id, blockMessage(`${index}`), { deadlineMs: 60_000 }),
  )
  const replies = await world.settled(Promise.all(asked), 60_000)
  assert.equal(replies.length, 40)
  assert.ok(b.metrics.of('links.pauses') > 0)
  // What one envelope brings is handed up together.
  assert.ok(openBytesMax <= modest.servedBytesMax + 320 * 1024, `${openBytesMax} at once`)
  assert.equal(a.metrics.faults + b.metrics.faults, 0, 'neither took the other for dead')
  assert.equal(a.changes.length, 1)
})

test('two peers that lag in answering each other do not lock', async () => {
  const world = new LinkWorld()
  // Both ask for more at once than both take: a modest node inside, an eager one outside.
  const [a, b] = [0, 1].map((rank) => {
    const limits = { requestBytesInFlightMax: 400_000, servedBytesMax: 400_000 }
    const node = world.node(rank, { limits })
    node.links.handle(channels.blocks, {
      onRequest: async ({ head, body }) => {
        await new Promise<void>((resolve) => world.scheduler.after(50, resolve, 'disk'))
        return { head, ...(body && { body }) }
      },
    })
    return node
  })
  assert(a && b)
  await world.start(a, b)
  const asked = Array.from({ length: 300 }, (_, index) => {
    const [from, to] = index % 2 ? [a, b] : [b, a]
    return from.links.request(to.id, blockMessage(`${index}`), { deadlineMs: 60_000 })
  })
  const replies = await world.settled(Promise.all(asked), 60_000)
  for (const reply of replies) assert.equal(reply.body?.bytes.length, blockBytes)
  assert.ok(linked(a, b) && a.changes.length === 1)
})

test('two sides that have both stopped reading still answer, and go on', async () => {
  const limits = { servedBytesMax: 300_000, requestBytesInFlightMax: 300_000 }
  const world = new LinkWorld()
  const node = world.node(0, { limits })
  node.links.handle(channels.group, {
    asksForRoom: true,
    onRequest: async ({ head }) => {
      await new Promise<void>((resolve) => world.scheduler.after(7_000, resolve, 'disk'))
      return { head }
    },
  })
  await node.links.start()
  const rogue = await Rogue.dial(world, 1, node)
  const body = bodyOf(pattern(5_000))
  const claim = { length: body.bytes.length, hash: body.hash }
  const request = { kind: messageKinds.request, channel: channels.group, deadlineMs: 60_000 }
  for (let id = 1; id <= 100; id++) {
    const content = { ...request, id, head: bytesOf('x'), body: claim }
    rogue.sendParts([{ content, body: body.bytes, tag: undefined }])
  }
  rogue.connection.pause()
  // What an honest side does while it does not read.
  for (let second = 0; second < 20; second++) {
    rogue.sendParts([])
    await world.run(1_000)
  }
  assert.ok(node.metrics.of('links.pauses') > 0)
  rogue.connection.resume()
  const replied = (): number => rogue.heard.filter(({ content }) => content.id > 0).length
  await world.until(() => replied() === 100, 30_000)
  assert.ok(node.links.isUp(rogue.id))
})

test('while reading is stopped a deadline still ends the work, and reading goes on', async () => {
  const eager = { requestBytesInFlightMax: 8 << 20 }
  const modest = { servedBytesMax: 200_000, requestBytesInFlightMax: 200_000 }
  const world = new LinkWorld()
  const [a, b] = [world.node(0, { limits: eager }), world.node(1, { limits: modest })]
  b.links.handle(channels.blocks, {
    onRequest: (_message, signal) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(new Error('stopped'))),
      ),
  })
  b.links.handle(channels.group, { onRequest: ({ head }) => ({ head }) })
  await world.start(a, b)
  const hung = Array.from({ length: 10 }, () =>
    failureOf(a.links.request(b.id, blockMessage('x'), { deadlineMs: 2_000 })),
  )
  await world.settled(Promise.all(hung))
  assert.equal(textOf((await world.settled(a.ask(b, 'alive?'), 3_000)).head), 'alive?')
  assert.ok(b.metrics.of('links.pauses') > 0)
})
