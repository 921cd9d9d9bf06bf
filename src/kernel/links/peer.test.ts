/** One link for each pair, whoever dials when. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LinkWorld, linked } from '../../../test/conformance/links-world.ts'
import { roughWeather } from '../../simulator/weather.ts'
import { counters } from './counters.ts'

test('two nodes that dial at the same time end with one link, and keep it', async () => {
  let crossings = 0
  for (let seed = 1; seed <= 60; seed++) {
    // No grace, no spreading: both dial as close together as the network allows.
    const world = new LinkWorld({ seed, limits: { dialGraceMs: 0, redialMinMs: 1 } })
    const [a, b] = await world.pair()
    await world.run(10_000)
    assert.equal(world.network.connectionCount, 1, `seed ${seed}`)
    assert.deepEqual(
      [a, b].map((node) => node.changes.map(([, up]) => up)),
      [[true], [true]],
      `seed ${seed}: the link never went`,
    )
    await world.settled(a.ask(b, 'x'))
    crossings += a.metrics.of(counters.Duplicate) + b.metrics.of(counters.Duplicate)
  }
  assert.ok(crossings > 20, `only ${crossings} dials met`)
})

test('in rough weather, with crashes, every pair has one link again when it is calm', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = new LinkWorld({ seed, count: 4, weather: roughWeather })
    const nodes = [0, 1, 2, 3].map((rank) => world.node(rank).echo())
    await Promise.all(nodes.map((node) => node.links.start()))
    for (let round = 0; round < 4; round++) {
      await world.run(8_000)
      const rank = round % 4
      const victim = nodes[rank]
      assert(victim)
      world.network.crash(victim.name, { silent: round % 2 === 0 })
      await world.run(1_500 * round)
      const back = world.node(rank).echo()
      nodes[rank] = back
      await back.links.start()
    }
    world.network.heal()
    await world.until(() => linked(...nodes), 30_000)
    await world.run(5_000)
    assert.ok(linked(...nodes), `seed ${seed}`)
    assert.equal(world.network.connectionCount, 6, `seed ${seed}`)
    const before = nodes.map((node) => node.changes.length)
    await world.run(20_000)
    assert.deepEqual(
      nodes.map((node) => node.changes.length),
      before,
      `seed ${seed}: links flap`,
    )
  }
})

test('the larger id dials too, when the smaller one cannot', async () => {
  for (const mute of [0, 1]) {
    const world = new LinkWorld()
    const nodes = [world.node(0), world.node(1)] as const
    const muted = nodes[mute]
    assert(muted)
    muted.transport.dial = () => Promise.reject(new Error('no way out'))
    await world.start(...nodes)
    assert.ok(world.scheduler.nowMs < 1_000)
  }
})

test('dials to a peer that is not there become rarer, up to a bound, and are spread', async () => {
  const world = new LinkWorld()
  const a = world.node(0)
  const dialledMs: number[] = []
  const { dial } = a.transport
  a.transport.dial = (...args) => {
    dialledMs.push(world.scheduler.nowMs)
    return dial.apply(a.transport, args)
  }
  await a.links.start()
  await world.run(60_000)
  const gaps = dialledMs.slice(1).map((atMs, index) => atMs - (dialledMs[index] ?? 0))
  assert.ok(Math.max(...gaps) <= 2_010, 'never waits longer than the bound')
  assert.ok(Math.min(...gaps.slice(6)) >= 990, 'nor much shorter, later')
  assert.ok(new Set(gaps.slice(6).map((gap) => gap.toFixed())).size > 10, 'not in step')
})

test('the same seed gives the same run', async () => {
  const run = async (): Promise<string> => {
    const world = new LinkWorld({ seed: 7, count: 3, weather: roughWeather })
    const nodes = [0, 1, 2].map((rank) => world.node(rank).echo())
    await Promise.all(nodes.map((node) => node.links.start()))
    const [first, second] = nodes
    assert(first && second)
    for (let round = 0; round < 20; round++) {
      first.say(second, `${round}`)
      second.ask(first, `${round}`).catch(() => {})
      await world.run(500)
    }
    return world.recorder.hash
  }
  assert.equal(await run(), await run())
})
