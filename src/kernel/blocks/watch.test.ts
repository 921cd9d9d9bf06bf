import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../../base/ids.ts'
import { SimMetrics } from '../../simulator/world-metrics.ts'
import { Bench, nodes } from './fixture.test.ts'
import { probeQueuedBytesMax } from './limits.ts'
import { Watch } from './watch.ts'

const [self, a, b] = nodes as readonly [NodeId, NodeId, NodeId]

test('one batch tries all late holders at a time, but not one that reads nothing', () => {
  const queued = new Map<NodeId, number>()
  const watch = new Watch({
    self,
    clock: new Bench().clock,
    metrics: new SimMetrics(),
    trust: { report: () => undefined },
    links: {
      isUp: (peer) => peer === a,
      peers: () =>
        [...queued].map(([peer, queuedBytes]) => {
          return { peer, up: true, roundTripMs: undefined, queuedBytes }
        }),
    },
  })
  assert.deepEqual(
    [self, a, b].map((node) => watch.isUp(node)),
    [true, true, false],
  )
  const first = {}
  const second = {}
  watch.markLate(a)
  queued.set(a, probeQueuedBytesMax + 1)
  assert.equal(watch.mayProbe(a, first), false)
  queued.set(a, probeQueuedBytesMax)
  assert.equal(watch.mayProbe(a, first), true)
  assert.equal(watch.mayProbe(b, first), true)
  assert.equal(watch.mayProbe(b, second), false)
  watch.ended(second)
  assert.equal(watch.mayProbe(b, second), false)
  watch.ended(first)
  assert.equal(watch.mayProbe(b, second), true)
})
