/** The reader's side: one question to one holder, and what makes it ask the next. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import { Reader } from '../../base/codec.ts'
import { isUnosysError } from '../../base/error.ts'
import type { NodeId } from '../../base/ids.ts'
import { readSignedMessage } from '../links/index.ts'
import type { BlockRef } from '../section/interface.ts'
import type { StoredBlock } from '../vault/interface.ts'
import { BlocksBench, crypto, type DamageCode, objectKeys, type Way } from './fixture.test.ts'
import { keyText } from './holder.ts'
import { holderLateMs, holderRetryLongestMs, holderWaitMs, lateMemoryMs } from './limits.ts'
import { decodeGetReply, encodeGetReply, GetStatus, noReleaseTag } from './wire.ts'

const plain = utf8('what was written')
const call = { keys: objectKeys, replicas: 3, deadlineMs: 5_000 }
const coded =
  (code: string) =>
  (error: unknown): boolean =>
    isUnosysError(error, code)

type Stored = {
  readonly all: BlocksBench
  readonly ref: BlockRef
  readonly holders: readonly NodeId[]
  readonly first: NodeId
}

/** A block with three holders, none of them the reader. */
async function stored(): Promise<Stored> {
  for (;;) {
    const all = new BlocksBench()
    const { ref, holders } = await all.stored(plain)
    if (holders.includes(all.self)) continue
    all.asked.length = 0
    return { all, ref, holders, first: holders[0] as NodeId }
  }
}

const read = ({ all, ref }: Stored): Promise<Uint8Array> =>
  all.bench.finish(all.reader.read(ref, call))

test('C44: one question to the best holder, one answer', async () => {
  const one = await stored()
  assert.deepEqual(await read(one), plain)
  assert.deepEqual(
    one.all.asked.map(({ holder }) => holder),
    [one.first],
  )
  assert.deepEqual(one.all.faults, [])
})

test('a copy of its own is read without a message; when that is damaged, from the others', async () => {
  const { ref, holders, all: other } = await stored()
  const self = holders[1] as NodeId
  const all = new BlocksBench(self)
  for (const node of holders) all.vaultAt(node).blocks.set(keyText(ref), copyAt(other, node, ref))
  assert.deepEqual(await all.bench.finish(all.reader.read(ref, call)), plain)
  assert.deepEqual(all.asked, [])
  all.vaultAt(self).damaged.set(keyText(ref), 'vault/content-changed')
  assert.deepEqual(await all.bench.finish(all.reader.read(ref, call)), plain)
  assert.deepEqual(
    all.faults.map(({ peer, kind }) => [peer, kind]),
    [[self, 'content-changed']],
  )
})

function copyAt(all: BlocksBench, node: NodeId, ref: BlockRef): StoredBlock {
  const found = all.vaultAt(node).blocks.get(keyText(ref))
  assert(found !== undefined)
  return found
}

const lies: readonly {
  readonly what: string
  readonly kind: string
  readonly alter: NonNullable<Way['alter']>
}[] = [
  {
    what: 'other bytes than the hash says',
    kind: 'wrong-block',
    alter: ({ head }) => ({ head, body: { bytes: utf8('x'), hash: crypto.sha256(utf8('x')) } }),
  },
  { what: 'no bytes', kind: 'wrong-block', alter: ({ head }) => ({ head }) },
  { what: 'rubbish', kind: 'malformed', alter: () => ({ head: utf8('?') }) },
  {
    what: 'another block’s triple',
    kind: 'malformed',
    alter: ({ head, body }) => {
      const reply = decodeGetReply(head)
      const key = { ...reply.key, version: reply.key.version + 1 }
      return { head: encodeGetReply({ ...reply, key }), ...(body && { body }) }
    },
  },
]

for (const { what, kind, alter } of lies) {
  test(`C61: a holder that answers with ${what}: the next is asked at once, the liar is proved`, async () => {
    const one = await stored()
    const { all, first } = one
    all.wayTo(first).alter = alter
    const startMs = all.bench.clock.monotonicMs()
    assert.deepEqual(await read(one), plain)
    assert(all.bench.clock.monotonicMs() - startMs < 10)
    assert.deepEqual(
      all.asked.map(({ holder }) => holder),
      one.holders.slice(0, 2),
    )
    const [fault, ...more] = all.faults
    assert.deepEqual([fault?.peer, fault?.kind, more.length], [first, kind, 0])
    assert.equal(readSignedMessage(new Reader(fault?.evidence ?? utf8(''))).signer, first)
  })
}

const damages: readonly [DamageCode, string][] = [
  ['vault/missing', 'missing'],
  ['vault/name-changed', 'name-changed'],
  ['vault/content-changed', 'content-changed'],
]

for (const [code, kind] of damages) {
  test(`C59 C60: a holder that reports ${code}: another one is read, and the report has its signature`, async () => {
    const one = await stored()
    one.all.vaultAt(one.first).damaged.set(keyText(one.ref), code)
    assert.deepEqual(await read(one), plain)
    const [fault] = one.all.faults
    assert.deepEqual([fault?.peer, fault?.kind], [one.first, kind])
    assert(fault?.evidence !== undefined)
    assert.match(fault.about, new RegExp(one.ref.id))
  })
}

test('a holder that never had the block is passed over without blame', async () => {
  const one = await stored()
  one.all.vaultAt(one.first).blocks.clear()
  assert.deepEqual(await read(one), plain)
  assert.deepEqual(one.all.faults, [])
  assert.deepEqual(one.all.damagedKeys, [])
  assert.equal(one.all.metrics.get('blocks.read_absent_count'), 1)
})

test('C94: a late holder is passed over, reported as late, and asked last for a while', async () => {
  const one = await stored()
  const { all, first, holders } = one
  all.wayTo(first).stalled = true
  const startMs = all.bench.clock.monotonicMs()
  assert.deepEqual(await read(one), plain)
  const tookMs = all.bench.clock.monotonicMs() - startMs
  assert(tookMs >= holderLateMs && tookMs < holderLateMs + 10)
  assert.deepEqual(
    all.faults.map(({ peer, kind }) => [peer, kind]),
    [[first, 'late']],
  )
  all.asked.length = 0
  await read(one)
  assert.deepEqual(
    all.asked.map(({ holder }) => holder),
    [holders[1]],
  )
  all.wayTo(first).stalled = false
  await all.bench.pass(lateMemoryMs)
  all.asked.length = 0
  await read(one)
  assert.deepEqual(
    all.asked.map(({ holder }) => holder),
    [first],
  )
})

test('a holder whose link is down is asked last; nobody is blamed for being away', async () => {
  const one = await stored()
  const { all, first, holders } = one
  all.wayTo(first).up = false
  assert.deepEqual(await read(one), plain)
  assert.deepEqual(
    all.asked.map(({ holder }) => holder),
    [holders[1]],
  )
  assert.deepEqual(all.faults, [])
})

test('lost is said only when every holder answered and none has it', async () => {
  const one = await stored()
  const { all, holders, ref } = one
  const [a, b, c] = holders as [NodeId, NodeId, NodeId]
  all.vaultAt(a).damaged.set(keyText(ref), 'vault/missing')
  all.vaultAt(b).blocks.clear()
  all.wayTo(c).alter = ({ head }) => ({ head })
  await assert.rejects(read(one), (error: unknown) => {
    assert(isUnosysError(error, 'blocks/lost'))
    const { reports } = error.detail as { reports: { code: string }[] }
    const codes = reports.map(({ code }) => code)
    assert.deepEqual(codes, ['vault/missing', 'blocks/absent', 'blocks/wrong-block'])
    return true
  })
  all.wayTo(c).up = false
  await assert.rejects(read(one), coded('blocks/unreachable'))
})

test('C90 (5, dropped): a read outlasts links that are down for a moment, and reports nothing twice', async () => {
  const one = await stored()
  const { all, holders, ref } = one
  const [a, b, c] = holders as [NodeId, NodeId, NodeId]
  all.vaultAt(a).damaged.set(keyText(ref), 'vault/missing')
  all.wayTo(b).up = false
  all.wayTo(c).up = false
  const startMs = all.bench.clock.monotonicMs()
  // Up after a second, with a copy that is no good.
  all.bench.clock.after(1_000, () => {
    all.wayTo(b).up = true
    all.wayTo(b).alter = ({ head }) => ({ head })
  })
  all.bench.clock.after(2_000, () => {
    all.wayTo(c).up = true
  })
  assert.deepEqual(await read(one), plain)
  const tookMs = all.bench.clock.monotonicMs() - startMs
  assert(tookMs >= 2_000 && tookMs <= 2_000 + holderRetryLongestMs + 10, `${tookMs} ms`)
  assert.deepEqual(
    all.faults.map(({ peer, kind }) => [peer, kind]),
    [
      [a, 'missing'],
      [b, 'wrong-block'],
    ],
  )
})

test('a read does not wait for links that stay down, nor beyond its deadline, nor for nobody', async () => {
  const { all, holders, ref } = await stored()
  for (const holder of holders) all.wayTo(holder).up = false
  const took = async (more: object, expected = 'blocks/unreachable'): Promise<number> => {
    const startMs = all.bench.clock.monotonicMs()
    const reading = all.reader.read(ref, { ...call, ...more })
    await assert.rejects(all.bench.finish(reading), coded(expected))
    return all.bench.clock.monotonicMs() - startMs
  }
  const longestMs = await took({ deadlineMs: 60_000 })
  assert(longestMs > holderWaitMs - holderRetryLongestMs && longestMs <= holderWaitMs + 10)
  assert((await took({ deadlineMs: 1_000 })) <= 1_010)
  const abort = new AbortController()
  all.bench.clock.after(300, () => abort.abort())
  const cancelledMs = await took({ signal: abort.signal }, 'blocks/cancelled')
  assert(cancelledMs <= 310, `${cancelledMs} ms`)
})

test('busy, refusing and silent holders leave hope', async () => {
  const one = await stored()
  const { all, holders } = one
  const [a, b, c] = holders as [NodeId, NodeId, NodeId]
  all.wayTo(a).alter = ({ head }) => {
    const { key } = decodeGetReply(head)
    return { head: encodeGetReply({ key, status: GetStatus.Busy, releaseTag: noReleaseTag }) }
  }
  all.vaultAt(b).get = () => Promise.reject(new Error('a fault of its own'))
  all.wayTo(c).stalled = true
  const startMs = all.bench.clock.monotonicMs()
  await assert.rejects(read(one), coded('blocks/unreachable'))
  assert(Math.abs(all.bench.clock.monotonicMs() - startMs - call.deadlineMs) < 10)
})

test('a caller that gives up is let go at once', async () => {
  const { all, ref, holders } = await stored()
  for (const holder of holders) all.wayTo(holder).stalled = true
  const abort = new AbortController()
  const reading = all.reader.read(ref, { ...call, signal: abort.signal })
  await all.bench.pass(50)
  abort.abort()
  await assert.rejects(all.bench.finish(reading), coded('blocks/cancelled'))
  const before = all.reader.read(ref, { ...call, signal: abort.signal })
  await assert.rejects(before, coded('blocks/cancelled'))
})

test('a block that its writer sealed wrong, or under a key that is not there, is lost', async () => {
  const { all, ref } = await stored()
  const wrong = { ...ref, version: ref.version }
  const epoch = { ...wrong, keyEpoch: 7 }
  await assert.rejects(all.reader.read(epoch, call), coded('blocks/lost'))
  const others = { ...call, keys: { ...objectKeys, content: [otherKey()] } }
  await assert.rejects(all.bench.finish(all.reader.read(wrong, others)), coded('blocks/lost'))
})

function otherKey(): (typeof objectKeys.content)[number] {
  const raw = new Uint8Array(32).fill(9)
  return { epoch: objectKeys.epoch, key: crypto.aeadKey(raw), raw }
}

test('a holder that repairs itself does not ask itself, and blames nobody', async () => {
  const one = await stored()
  const { all, ref, holders } = one
  all.vaultAt(holders[0] as NodeId).damaged.set(keyText(ref), 'vault/missing')
  const options = { replicas: 3, deadlineMs: 1_000, accuses: false, skipSelf: true }
  const found = await all.bench.finish(all.reader.fetch(ref, options))
  assert.equal(found.sealed.length, ref.sealedBytes)
  assert.equal(found.releaseTag.length, 16)
  assert.deepEqual(all.faults, [])
})
