import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AssertionError } from '../../src/base/assert.ts'
import type { Metrics } from '../../src/ports/metrics.ts'

export type MetricsSubject = { readonly name: string; readonly open: () => Metrics }

/** What every `Metrics` promises. */
export function metricsCompliance({ name, open }: MetricsSubject): void {
  test(`${name}: counters add up, gauges show the last value, names come sorted`, () => {
    const metrics = open()
    assert.deepEqual(metrics.snapshot(), {})
    metrics.count('vault.blocks_written')
    metrics.count('vault.blocks_written', 3)
    metrics.count('links.bytes_sent', 0)
    metrics.gauge('vault.free_bytes', 10)
    metrics.gauge('vault.free_bytes', 7.5)
    metrics.gauge('consensus.lag_ms', -2)
    const snapshot = metrics.snapshot()
    assert.deepEqual(Object.entries(snapshot), [
      ['consensus.lag_ms', -2],
      ['links.bytes_sent', 0],
      ['vault.blocks_written', 4],
      ['vault.free_bytes', 7.5],
    ])
  })

  test(`${name}: a snapshot does not change afterwards`, () => {
    const metrics = open()
    metrics.count('a.b')
    const snapshot = metrics.snapshot()
    metrics.count('a.b')
    assert.deepEqual(snapshot, { 'a.b': 1 })
  })

  test(`${name}: what is no metric is our own mistake`, () => {
    const metrics = open()
    for (const wrong of ['', 'nolayer', 'a.B', 'A.b', 'a.b.c', '__proto__', 'a b.c'])
      assert.throws(() => metrics.count(wrong), AssertionError)
    for (const by of [-1, Number.NaN, Number.POSITIVE_INFINITY])
      assert.throws(() => metrics.count('a.b', by), AssertionError)
    assert.throws(() => metrics.gauge('a.b', Number.NaN), AssertionError)
    metrics.count('a.counter')
    assert.throws(() => metrics.gauge('a.counter', 1), AssertionError)
    assert.deepEqual(metrics.snapshot(), { 'a.counter': 1 })
  })

  test(`${name}: names built from data are stopped before they fill the memory`, () => {
    const metrics = open()
    assert.throws(() => {
      for (let index = 0; index < 100_000; index++) metrics.count(`peer.n${index}`)
    }, AssertionError)
  })
}
