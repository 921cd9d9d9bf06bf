/** Holders that are linked and late: what a writer waits for, holds in memory and sends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUnosysError } from '../../base/error.ts'
import type { NodeId } from '../../base/ids.ts'
import { BlocksBench, objectKeys, placement, plainBlock } from './fixture.test.ts'
import { keyText } from './holder.ts'
import type { PlainBlock } from './interface.ts'
import { inFlightBytesMax, lateMemoryMs, putDeadlineMs, writeLateMsMin } from './limits.ts'

const call = { keys: objectKeys, replicas: 3, deadlineMs: 30_000 }
const blockBytes = 1_000

/** A writer that holds no copy of a block, the block's holders, and versions of it to write. */
class Late {
  readonly all: BlocksBench
  readonly holders: readonly [NodeId, NodeId, NodeId]
  readonly #block: PlainBlock
  #version = 0

  constructor(bytes = blockBytes) {
    this.#block = plainBlock(new Uint8Array(bytes))
    this.holders = placement.holdersOf(this.#block.id, 3) as [NodeId, NodeId, NodeId]
    const self = placement.members.find((node) => !this.holders.includes(node))
    this.all = new BlocksBench(self)
  }

  get nowMs(): number {
    return this.all.bench.clock.monotonicMs()
  }

  /** Begin to write the next version. */
  write(options: Partial<typeof call> = {}): ReturnType<BlocksBench['writer']['write']> {
    const block = { ...this.#block, version: ++this.#version }
    return this.all.writer.write([block], { ...call, ...options })
  }

  /** Write the next version; who signed for it, and how long that took. */
  async written(): Promise<{ readonly signers: readonly NodeId[]; readonly tookMs: number }> {
    const startMs = this.nowMs
    const { added } = await this.all.bench.finish(this.write())
    return { signers: added.receipts.map(({ node }) => node), tookMs: this.nowMs - startMs }
  }

  /** Puts and receipt requests to a holder so far. */
  askedOf(holder: NodeId): number {
    return this.all.asked.filter((asked) => asked.holder === holder).length
  }

  /** The holder falls silent, and a write finds out. */
  async silence(holder: NodeId): Promise<void> {
    this.all.wayTo(holder).stalled = true
    await this.written()
    await this.all.bench.pass(writeLateMsMin)
    assert.equal(this.all.metrics.get('blocks.write_late_count'), 1)
  }

  lateFaults(): readonly NodeId[] {
    return this.all.faults.filter(({ kind }) => kind === 'late').map(({ peer }) => peer)
  }
}

test('a silent holder is late a while after the others: its copies are given up, and it is reported', async () => {
  const late = new Late()
  const [slow] = late.holders
  late.all.wayTo(slow).stalled = true
  const { tookMs } = await late.written()
  assert(tookMs < 100)
  await late.all.bench.pass(writeLateMsMin - tookMs - 1)
  assert.equal(late.all.inFlight.inside, blockBytes)
  assert.deepEqual(late.lateFaults(), [])
  await late.all.bench.pass(2)
  assert.equal(late.all.inFlight.inside, 0)
  assert.deepEqual(late.lateFaults(), [slow])
})

test('who is late is measured by the others: where all are slow the slowest is waited for', async () => {
  const late = new Late()
  const [slow, ...others] = late.holders
  for (const holder of others) late.all.wayTo(holder).delayMs = 600
  late.all.wayTo(slow).delayMs = 2_000
  await late.written()
  await late.all.bench.pass(1_300)
  assert.equal(late.all.inFlight.inside, blockBytes)
  await late.all.bench.pass(200)
  assert.equal(late.all.inFlight.inside, 0)
  assert.deepEqual(late.lateFaults(), [])
  assert.equal(late.all.vaultAt(slow).blocks.size, 1)
})

test('one batch tries a late holder, the others leave it out: they hold no memory and send it nothing', async () => {
  const late = new Late()
  const [slow] = late.holders
  await late.silence(slow)
  const before = late.askedOf(slow)
  for (let count = 0; count < 20; count++) assert((await late.written()).tookMs < 100)
  await late.all.bench.pass(1)
  assert.equal(late.askedOf(slow), before + 2, 'one put and one receipt request')
  assert.equal(late.all.inFlight.inside, blockBytes, 'that of the batch that tries it')
  await late.all.bench.pass(lateMemoryMs)
  await late.written()
  assert.equal(late.askedOf(slow), before + 2, 'it counts as late as long as it is being tried')
  await late.all.bench.pass(putDeadlineMs)
  assert.equal(late.all.inFlight.inside, 0)
  await late.written()
  assert.equal(late.askedOf(slow), before + 4, 'the next one tries it again')
  assert.deepEqual(late.lateFaults(), [slow], 'and it is reported once')
})

test('a late holder that answers is trusted again, and gets all blocks', async () => {
  const late = new Late()
  const [slow] = late.holders
  await late.silence(slow)
  late.all.wayTo(slow).stalled = false
  await late.written()
  await late.all.bench.pass(10)
  const stored = late.all.vaultAt(slow).blocks.size
  const writes = Array.from({ length: 10 }, () => late.write())
  await late.all.bench.finish(Promise.all(writes))
  await late.all.bench.pass(10)
  assert.equal(late.all.vaultAt(slow).blocks.size, stored + 10)
  assert.equal(late.all.inFlight.inside, 0)
})

test('a holder is forgotten to have been late when nothing was written for a while', async () => {
  const late = new Late()
  const [slow] = late.holders
  await late.silence(slow)
  await late.all.bench.pass(lateMemoryMs)
  const before = late.askedOf(slow)
  await late.written()
  await late.written()
  assert.equal(late.askedOf(slow), before + 4)
})

test('w needs a late holder: it is asked at once, and waited for as ever', async () => {
  const late = new Late()
  const [slow, away, third] = late.holders
  await late.silence(slow)
  late.all.wayTo(away).up = false
  const before = late.askedOf(slow)
  const failing = [late.write(), late.write()]
  for (const write of failing) {
    await assert.rejects(late.all.bench.finish(write), (error: unknown) =>
      isUnosysError(error, 'blocks/unconfirmed'),
    )
  }
  assert.equal(late.askedOf(slow), before + 4, 'by both')
  late.all.wayTo(slow).stalled = false
  const { signers, tookMs } = await late.written()
  assert.deepEqual(signers.toSorted(), [slow, third].toSorted())
  assert(tookMs < 100)
})

test('another holder refuses: the late one that was left out is asked at once', async () => {
  const late = new Late()
  const [slow, full, third] = late.holders
  await late.silence(slow)
  await late.written()
  const before = late.askedOf(slow)
  late.all.wayTo(slow).stalled = false
  late.all.vaultAt(full).putFault = 'vault/full'
  const { signers, tookMs } = await late.written()
  assert.deepEqual(signers.toSorted(), [slow, third].toSorted())
  assert(tookMs < 100)
  assert.equal(late.askedOf(slow), before + 2)
})

test('the others are quiet too: the late one that was left out is asked after a while', async () => {
  const late = new Late()
  const [slow, quiet, third] = late.holders
  await late.silence(slow)
  await late.written()
  late.all.wayTo(slow).stalled = false
  late.all.wayTo(quiet).stalled = true
  const { signers, tookMs } = await late.written()
  assert.deepEqual(signers.toSorted(), [slow, third].toSorted())
  assert(tookMs >= writeLateMsMin && tookMs < writeLateMsMin + 100, `${tookMs}`)
})

test('with a silent holder far more than the memory for writes goes through in no time', async () => {
  const late = new Late(inFlightBytesMax / 16)
  late.all.wayTo(late.holders[0]).stalled = true
  const writes = Array.from({ length: 64 }, () => late.write())
  await late.all.bench.finish(Promise.all(writes))
  assert(late.nowMs < writeLateMsMin + 500, `${late.nowMs} ms`)
  assert(late.all.inFlight.inside <= inFlightBytesMax)
})

test('a holder that signs and does not confirm its puts is not trusted for that', async () => {
  const late = new Late()
  const [liar] = late.holders
  const { links } = late.all
  const request = links.request.bind(links)
  links.request = (peer, message, options) => {
    if (peer !== liar || message.body === undefined) return request(peer, message, options)
    return new Promise((_, reject) =>
      options.signal?.addEventListener('abort', () => reject(new Error('given up'))),
    )
  }
  await late.written()
  await late.all.bench.pass(writeLateMsMin)
  assert.equal(late.all.inFlight.inside, 0)
  for (let count = 0; count < 5; count++) await late.written()
  await late.all.bench.pass(1)
  assert.equal(late.all.inFlight.inside, blockBytes)
})

test('a batch that comes to nothing gives up what it tried; the next one may try', async () => {
  const late = new Late()
  const [slow, ...others] = late.holders
  await late.silence(slow)
  for (const holder of others) late.all.wayTo(holder).delayMs = 500
  await assert.rejects(late.all.bench.finish(late.write({ deadlineMs: 100 })))
  await late.all.bench.pass(1)
  assert.equal(late.all.inFlight.inside, 0)
  const before = late.askedOf(slow)
  await late.written()
  assert.equal(late.askedOf(slow), before + 2)
})

test('the blocks that a late holder did not get are durable at the others, by name', async () => {
  const late = new Late()
  const [slow, ...others] = late.holders
  await late.silence(slow)
  await late.written()
  const { added } = await late.all.bench.finish(late.write())
  const [block] = added.blocks
  assert(block !== undefined)
  assert.equal(late.all.vaultAt(slow).blocks.has(keyText(block)), false)
  for (const holder of others) assert(late.all.vaultAt(holder).blocks.has(keyText(block)))
})
