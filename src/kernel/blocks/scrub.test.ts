/** Reading what former runs left, slowly. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimMetrics } from '../../simulator/world-metrics.ts'
import type { BlockCopy, BlockKey } from '../vault/interface.ts'
import { Bench, blockIdAt, silentLog } from './fixture.test.ts'
import { scrubBusyMs, scrubDelayMs, scrubPauseMs, scrubTriesMax } from './limits.ts'
import { Scrub } from './scrub.ts'
import { GetStatus } from './wire.ts'

const keyAt = (index: number): BlockKey => ({
  id: blockIdAt(index),
  version: 1,
  hash: 'ab'.repeat(32) as BlockKey['hash'],
})
const copyOf = (bytes: number): BlockCopy => ({
  sealed: new Uint8Array(bytes),
  releaseTag: new Uint8Array(16),
})

class ScrubBench {
  readonly bench = new Bench()
  readonly metrics = new SimMetrics()
  readonly read: BlockKey[] = []
  readonly fatal: Error[] = []
  readonly unproven = new Map<number, readonly BlockKey[]>()
  answer: (key: BlockKey) => { status: GetStatus; copy?: BlockCopy } = () => ({
    status: GetStatus.Intact,
    copy: copyOf(1_000),
  })
  readonly scrub = new Scrub({
    clock: this.bench.clock,
    vault: { unproven: (partition) => this.unproven.get(partition) ?? [] },
    holder: {
      fetch: async (key) => {
        this.read.push(key)
        await this.bench.after(1)
        return this.answer(key)
      },
    },
    log: silentLog,
    metrics: this.metrics,
    onFatal: (error) => void this.fatal.push(error),
  })
}

test('every block of former runs is read once, after the node serves, and not faster than its pace', async () => {
  const one = new ScrubBench()
  const keys = Array.from({ length: 30 }, (_, index) => keyAt(index))
  one.unproven.set(0, keys.slice(0, 20)).set(16_383, keys.slice(20))
  one.scrub.start()
  await one.bench.pass(scrubDelayMs - 1)
  assert.equal(one.read.length, 0)
  await one.bench.pass(10 * scrubPauseMs)
  assert(one.read.length >= 5 && one.read.length <= 11, `${one.read.length} read`)
  await one.bench.pass(40 * scrubPauseMs)
  assert.deepEqual(one.read, keys)
  assert.equal(one.metrics.get('blocks.scrub_checked_count'), 30)
  assert.equal(one.metrics.get('blocks.scrub_percent'), 100)
  await one.bench.pass(1_000_000)
  assert.equal(one.read.length, 30)
  await one.bench.finish(one.scrub.stop())
})

test('large blocks are read at the same pace of bytes', async () => {
  const one = new ScrubBench()
  one.unproven.set(5, [keyAt(1), keyAt(2), keyAt(3)])
  one.answer = () => ({ status: GetStatus.Intact, copy: copyOf(4 * 1024 * 1024) })
  one.scrub.start()
  await one.bench.pass(scrubDelayMs + 900)
  assert.equal(one.read.length, 1)
  await one.bench.pass(2_500)
  assert.equal(one.read.length, 3)
})

test('what is damaged is counted, and the next block read', async () => {
  const one = new ScrubBench()
  one.unproven.set(1, [keyAt(1), keyAt(2)])
  one.answer = ({ id }) =>
    id === blockIdAt(1)
      ? { status: GetStatus.ContentChanged }
      : { status: GetStatus.Intact, copy: copyOf(10) }
  one.scrub.start()
  await one.bench.pass(scrubDelayMs + 1_000)
  assert.equal(one.read.length, 2)
  assert.equal(one.metrics.get('blocks.scrub_damaged_count'), 1)
})

test('a busy disk is given time; a block that it never gives is left out', async () => {
  const one = new ScrubBench()
  one.unproven.set(1, [keyAt(1), keyAt(2)])
  let left = 2
  one.answer = () =>
    left-- > 0 ? { status: GetStatus.Busy } : { status: GetStatus.Intact, copy: copyOf(10) }
  one.scrub.start()
  await one.bench.pass(scrubDelayMs + scrubBusyMs - 1)
  assert.equal(one.read.length, 1)
  await one.bench.pass(2 * scrubBusyMs)
  assert.deepEqual(
    one.read.map(({ id }) => id),
    [1, 1, 1, 2].map(blockIdAt),
  )
  const other = new ScrubBench()
  other.unproven.set(1, [keyAt(1)])
  other.answer = () => ({ status: GetStatus.Busy })
  other.scrub.start()
  await other.bench.pass(scrubDelayMs + (scrubTriesMax + 1) * scrubBusyMs)
  assert.equal(other.read.length, scrubTriesMax)
  assert.equal(other.metrics.get('blocks.scrub_skipped_count'), 1)
})

test('stopping ends a pause at once, waits for a read, and no other follows', async () => {
  const pausing = new ScrubBench()
  pausing.unproven.set(1, [keyAt(1)])
  pausing.scrub.start()
  await pausing.bench.finish(pausing.scrub.stop())
  assert.equal(pausing.read.length, 0)
  const reading = new ScrubBench()
  reading.unproven.set(1, [keyAt(1), keyAt(2)])
  reading.scrub.start()
  await reading.bench.pass(scrubDelayMs)
  assert.equal(reading.read.length, 1)
  await reading.bench.finish(reading.scrub.stop())
  await reading.bench.pass(10_000)
  assert.equal(reading.read.length, 1)
})

test('a mistake of our own stops the node', async () => {
  const one = new ScrubBench()
  one.unproven.set(1, [keyAt(1)])
  one.answer = () => {
    throw new Error('a mistake')
  }
  one.scrub.start()
  await one.bench.pass(scrubDelayMs + 100)
  assert.equal(one.fatal.length, 1)
})
