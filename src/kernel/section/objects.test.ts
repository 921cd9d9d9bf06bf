import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import type { NodeId } from '../../base/ids.ts'
import {
  applyOf,
  bob,
  compactOf,
  createDirectory,
  createOf,
  crypto,
  makeFile,
  objectOf,
  replaceOf,
  root,
  seedOf,
  stageOf,
  type TestClient,
  TestWorld,
  tagOfName,
} from './fixture.test.ts'
import {
  type Added,
  asksToCompact,
  type Operation,
  type Receipt,
  type RejectCode,
  receiptLeafOf,
  viewOf,
} from './index.ts'
import { deltaBytesMax, deltasMax, receiptAgeMaxMs, stageLifeMaxMs } from './limits.ts'
import type { ObjectState } from './state.ts'

const hourMs = 3_600_000

const setUp = (): { world: TestWorld; client: TestClient } => {
  const world = new TestWorld()
  const client = world.client('one')
  makeFile(client, 'f')
  return { world, client }
}

function fileOf(world: TestWorld, name = 'f'): ObjectState {
  const object = world.state.objects.get(objectOf(name))
  assert(object !== undefined)
  return object
}

function refuses(
  client: TestClient,
  operation: Operation,
  code: RejectCode,
  at: object = {},
): void {
  const before = client.world.state.objects
  assert.deepEqual(client.run(operation), { ok: false, code, operation: 0, ...at })
  assert.equal(client.world.state.objects, before)
}

const a = tagOfName('a')
const b = tagOfName('b')

test('apply, replace, compact and stage check object, right and keys first', () => {
  const { world, client } = setUp()
  const bobs = world.client('bob', bob)
  const all: ((more: object) => Operation)[] = [
    (more) => applyOf('f', more),
    (more) => replaceOf('f', more),
    (more) => compactOf('f', { baseSeq: 9, uptoSeq: 9 }, more),
    (more) => ({ ...stageOf('f', world.added(1), 0), ...more }) as Operation,
  ]
  for (const operation of all) {
    refuses(client, operation({ object: objectOf('none') }), 'not-found')
    refuses(bobs, operation({ object: root }), 'invalid')
    refuses(bobs, operation({ keyEpoch: 2 }), 'denied')
    refuses(client, operation({ keyEpoch: 2 }), 'retry-base')
  }
})

test('apply: a delta is appended, its tags get its seq, readers see it after what they saw', () => {
  const { world, client } = setUp()
  const added = world.added(2)
  assert.deepEqual(client.done(applyOf('f', { writes: [a], added })), [2])
  assert.deepEqual(client.done(applyOf('f', { writes: [a, b], sealed: utf8('second') })), [3])
  const file = fileOf(world)
  assert.equal(file.tags.get(a), 3)
  const view = viewOf(crypto, file, 0)
  assert.deepEqual(
    view.deltas.map(({ seq }) => seq),
    [2, 3],
  )
  assert.deepEqual(view.deltas[0]?.added, added.blocks)
  assert.equal(view.changedMs, world.timeMs)
  assert.deepEqual(
    viewOf(crypto, file, 2).deltas.map(({ seq }) => seq),
    [3],
  )
  assert.equal(file.storedBytes, 2_000)
})

test('apply: each check of its own, in order', () => {
  const { world, client } = setUp()
  client.done(applyOf('f', { writes: [a] }))
  client.done(compactOf('f', { baseSeq: 1, uptoSeq: 2 }))
  client.done(applyOf('f', { writes: [b] }))
  const seen = (
    tag: typeof a,
    seenSeq: number,
  ): { reads: { tag: typeof a; seenSeq: number }[] } => ({
    reads: [{ tag, seenSeq }],
  })
  const bad = world.added(1, { receipts: 1 })
  refuses(client, applyOf('f', { ...seen(a, 4), baseSeq: 1 }), 'invalid')
  refuses(client, applyOf('f', { ...seen(a, 1), baseSeq: 1 }), 'retry-base')
  refuses(client, applyOf('f', { ...seen(b, 2), baseSeq: 1 }), 'retry-base')
  const conflict = { tag: b, lastSeq: 3 }
  refuses(client, applyOf('f', { ...seen(b, 2), baseSeq: 2, writes: [] }), 'conflict', conflict)
  refuses(client, applyOf('f', { ...seen(b, 3), writes: [] }), 'invalid')
  refuses(client, applyOf('f', { ...seen(b, 3), baseSeq: 2, added: bad }), 'receipts')
  client.done(applyOf('f', { ...seen(b, 3), baseSeq: 2 }))
})

test('apply: absence is seen at a seq too', () => {
  const { client } = setUp()
  client.done(applyOf('f', { writes: [b] }))
  client.done(applyOf('f', { reads: [{ tag: a, seenSeq: 2 }], writes: [a] }))
  const late = applyOf('f', { reads: [{ tag: a, seenSeq: 2 }], writes: [a] })
  refuses(client, late, 'conflict', { tag: a, lastSeq: 3 })
})

test('apply: without writes it only checks', () => {
  const { world, client } = setUp()
  client.done(applyOf('f', { writes: [a] }))
  const check = { writes: [], sealed: new Uint8Array(0) }
  const before = fileOf(world)
  assert.deepEqual(client.done(applyOf('f', { ...check, reads: [{ tag: a, seenSeq: 2 }] })), [2])
  assert.equal(fileOf(world), before)
  refuses(client, applyOf('f', { ...check, added: world.added(1) }), 'invalid')
  refuses(client, applyOf('f', { ...check, stages: [1] }), 'invalid')
  const stale = applyOf('f', { ...check, reads: [{ tag: a, seenSeq: 1 }] })
  refuses(client, stale, 'conflict', { tag: a, lastSeq: 2 })
})

test('apply: operations of one command see what the ones before them left', () => {
  const { client } = setUp()
  const seqs = client.done(
    applyOf('f', { writes: [a] }),
    applyOf('f', { reads: [{ tag: a, seenSeq: 2 }], writes: [a] }),
    replaceOf('f', { seenSeq: 3 }),
  )
  assert.deepEqual(seqs, [2, 3, 4])
  const result = client.run(
    applyOf('f', { writes: [a] }),
    applyOf('f', { reads: [{ tag: a, seenSeq: 4 }], writes: [a] }),
  )
  assert.deepEqual(result, { ok: false, code: 'conflict', operation: 1, tag: a, lastSeq: 5 })
})

test('apply: beyond the number or the bytes of deltas, compact first', () => {
  const { world, client } = setUp()
  const step = 64
  for (let count = 0; count < deltasMax; count += step)
    client.done(...Array.from({ length: step }, () => applyOf('f', { writes: [a] })))
  refuses(client, applyOf('f', { writes: [a] }), 'must-compact')
  assert.equal(asksToCompact(viewOf(crypto, fileOf(world), 0)), true)
  const seq = fileOf(world).seq
  client.done(compactOf('f', { baseSeq: 1, uptoSeq: seq }))
  assert.equal(fileOf(world).deltaBytes, 0)
  assert.equal(asksToCompact(viewOf(crypto, fileOf(world), 0)), false)
  const large = { writes: [a], sealed: new Uint8Array(1024) }
  const fits = Math.floor(deltaBytesMax / 1_120)
  for (let count = 0; count < fits; count += step) {
    const some = Math.min(step, fits - count)
    client.done(...Array.from({ length: some }, () => applyOf('f', large)))
  }
  refuses(client, applyOf('f', large), 'must-compact')
})

test('replace: the base is new, deltas and tags are dropped, all old bytes are freed', () => {
  const { world, client } = setUp()
  client.done(applyOf('f', { writes: [a], added: world.added(2, { bytes: 10 }) }))
  const added = world.added(3, { bytes: 100 })
  assert.deepEqual(client.done(replaceOf('f', { added, seenSeq: 2 })), [3])
  const file = fileOf(world)
  assert.equal(file.baseSeq, 3)
  assert.deepEqual(file.base, { root: undefined, sealed: utf8('base') })
  assert.deepEqual([file.deltas.size, file.tags.size, file.deltaBytes], [0, 0, 0])
  assert.equal(file.storedBytes, 300)
  assert.equal(world.state.freedBytes, 20)
  const stale = { reads: [{ tag: a, seenSeq: 2 }], writes: [a] }
  refuses(client, applyOf('f', stale), 'retry-base')
})

test('replace: of a seq that has passed it is a conflict, blind it is not', () => {
  const { world, client } = setUp()
  client.done(applyOf('f', { writes: [a] }))
  refuses(client, replaceOf('f', { seenSeq: 1 }), 'conflict', { lastSeq: 2 })
  refuses(client, replaceOf('f', { added: world.added(1, { receipts: 1 }) }), 'receipts')
  client.done(replaceOf('f'))
})

test('compact: deltas and tags up to a seq are folded, the seq stays, later ones are kept', () => {
  const { world, client } = setUp()
  const [block] = world.added(1, { bytes: 50 }).blocks
  client.done(applyOf('f', { writes: [a], added: world.added(1, { bytes: 60 }) }))
  client.done(applyOf('f', { writes: [b] }))
  client.done(applyOf('f', { writes: [a] }))
  assert(block !== undefined)
  const freed = [{ ...block, sealedBytes: 50 }]
  assert.deepEqual(client.done(compactOf('f', { baseSeq: 1, uptoSeq: 3 }, { freed })), [3])
  const file = fileOf(world)
  assert.equal(file.seq, 4)
  assert.equal(file.baseSeq, 3)
  assert.deepEqual([file.tags.get(a), file.tags.get(b)], [4, undefined])
  assert.equal(file.deltas.size, 1)
  assert.equal(file.storedBytes, 10)
  assert.equal(world.state.freedBytes, 50)
})

test('compact: each check of its own, in order', () => {
  const { world, client } = setUp()
  client.done(applyOf('f', { writes: [a] }))
  refuses(client, compactOf('f', { baseSeq: 2, uptoSeq: 2 }), 'retry-base')
  refuses(client, compactOf('f', { baseSeq: 1, uptoSeq: 1 }), 'invalid')
  refuses(client, compactOf('f', { baseSeq: 1, uptoSeq: 3 }), 'invalid')
  const added = world.added(1, { receipts: 1 })
  refuses(client, compactOf('f', { baseSeq: 1, uptoSeq: 2 }, { added }), 'receipts')
  client.done(compactOf('f', { baseSeq: 1, uptoSeq: 2 }))
  refuses(client, compactOf('f', { baseSeq: 1, uptoSeq: 2 }), 'retry-base')
})

test('receipts: as many different holders as the replicas ask for', () => {
  for (const [replicas, needed] of [
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
  ] as const) {
    const world = new TestWorld()
    const client = world.client('one')
    client.done(createOf('f', { replicas }))
    const short = world.added(3, { replicas, receipts: needed - 1 })
    refuses(client, applyOf('f', { added: short }), 'receipts')
    client.done(applyOf('f', { added: world.added(3, { replicas }) }))
  }
})

test('receipts: what does not count', () => {
  const { world, client } = setUp()
  const added = world.added(1)
  const [block] = added.blocks
  const [first, second] = added.receipts
  assert(block !== undefined && first !== undefined && second !== undefined)
  const holders = world.state.placements[0]?.holdersOf(block.id, 3) ?? []
  const stranger = world.genesis.members.find(({ node }) => !holders.includes(node))?.node as NodeId
  const putMs = world.timeMs
  const sign = (receipt: { node: NodeId; leaves: readonly number[]; putMs: number }): Receipt =>
    world.signReceipt(added.blocks, receipt)
  const old = world.timeMs - receiptAgeMaxMs - 1_000
  const wrong = { ...second, signature: first.signature }
  const tries: [string, readonly Receipt[]][] = [
    ['the same holder twice', [first, first]],
    ['a node that is no holder', [first, sign({ node: stranger, leaves: [0], putMs })]],
    ['a receipt that is too old', [first, sign({ node: second.node, leaves: [0], putMs: old })]],
    ['another placement epoch', [first, { ...second, placementEpoch: 2 }]],
    ['a wrong signature', [wrong, first, second]],
    ['another time than was signed', [first, { ...second, putMs: putMs + 1 }]],
    ['no leaf of the block', [first, sign({ node: second.node, leaves: [], putMs })]],
  ]
  for (const [what, receipts] of tries) {
    const result = client.run(applyOf('f', { added: { blocks: added.blocks, receipts } }))
    assert.deepEqual(result, { ok: false, code: 'receipts', operation: 0 }, what)
  }
  client.done(applyOf('f', { added }))
})

test('receipts: for other contents of the block they do not count', () => {
  const { world, client } = setUp()
  const { blocks, receipts } = world.added(1)
  for (const change of [
    { sealedBytes: 1_001 },
    { version: 2 },
    { releaseTag: new Uint8Array(16) },
  ]) {
    const changed = blocks.map((block) => ({ ...block, ...change }))
    refuses(client, applyOf('f', { added: { blocks: changed, receipts } }), 'receipts')
  }
})

test('receipts: one over blocks of several operations counts in each', () => {
  const { world, client } = setUp()
  const whole = world.added(2)
  const split = (mine: number): Added => ({
    blocks: whole.blocks.slice(mine, mine + 1),
    receipts: whole.receipts.map((receipt) => ({
      ...receipt,
      leaves: receipt.leaves.map((leaf) => {
        const block = typeof leaf === 'number' ? whole.blocks[leaf] : undefined
        assert(block !== undefined)
        return leaf === mine ? 0 : receiptLeafOf(crypto, block)
      }),
    })),
  })
  client.done(applyOf('f', { added: split(0) }), applyOf('f', { added: split(1) }))
  assert.equal(fileOf(world).storedBytes, 2_000)
})

test('receipts: a third holder’s wrong receipt is not looked at once there are enough', () => {
  const { world, client } = setUp()
  const added = world.added(1, { receipts: 3 })
  const [one, two, three] = added.receipts
  assert(one !== undefined && two !== undefined && three !== undefined)
  const receipts = [one, two, { ...three, signature: one.signature }]
  client.done(applyOf('f', { added: { blocks: added.blocks, receipts } }))
})

test('a block that stands twice in one operation is refused', () => {
  const { world, client } = setUp()
  const { blocks, receipts } = world.added(1)
  refuses(client, applyOf('f', { added: { blocks: [...blocks, ...blocks], receipts } }), 'invalid')
})

test('stage: blocks are kept for the one operation that names them', () => {
  const { world, client } = setUp()
  const staged = world.added(5, { bytes: 10 })
  assert.deepEqual(client.done(stageOf('f', staged, world.timeMs + hourMs)), [1])
  assert.deepEqual(client.done(stageOf('f', world.added(2), world.timeMs + hourMs)), [2])
  assert.equal(world.state.stagedBlockCount, 7)
  const added = { blocks: staged.blocks.slice(1, 3), receipts: [] }
  refuses(client, replaceOf('f', { added, stages: [2] }), 'receipts')
  refuses(client, replaceOf('f', { added, stages: [] }), 'receipts')
  refuses(client, replaceOf('f', { added, stages: [1, 1] }), 'invalid')
  refuses(client, replaceOf('f', { added, stages: [1, 3] }), 'receipts')
  client.done(replaceOf('f', { added, stages: [1] }))
  assert.equal(fileOf(world).storedBytes, 50)
  assert.equal(world.state.stagedBlockCount, 2)
  assert.equal(world.state.freedBytes, 0)
})

test('stage: without a list, an operation takes all stages of its session, and no others', () => {
  const { world, client } = setUp()
  const other = world.client('two')
  const mine = world.added(1, { bytes: 10 })
  const theirs = world.added(1, { bytes: 10 })
  client.done(stageOf('f', mine, world.timeMs + hourMs))
  other.done(stageOf('f', theirs, world.timeMs + hourMs))
  refuses(client, applyOf('f', { added: { ...theirs, receipts: [] } }), 'receipts')
  client.done(applyOf('f', { added: { ...mine, receipts: [] } }))
  assert.equal(fileOf(world).stages.size, 1)
  other.done(replaceOf('f', { added: { ...theirs, receipts: [] } }))
  assert.equal(fileOf(world).stages.size, 0)
})

test('stage: an old receipt is enough for what is staged', () => {
  const world = new TestWorld()
  const client = world.client('one')
  client.done(createOf('f'))
  const added = world.added(1)
  client.done(stageOf('f', added, world.timeMs + 20 * hourMs))
  world.passHours(14)
  refuses(client, applyOf('f', { added, stages: [] }), 'receipts')
  client.done(applyOf('f', { added }))
})

test('stage: each check of its own, in order', () => {
  const { world, client } = setUp()
  const bad = world.added(1, { receipts: 1 })
  refuses(client, stageOf('f', bad, world.timeMs), 'invalid')
  refuses(client, stageOf('f', bad, world.timeMs + stageLifeMaxMs + 1_000), 'invalid')
  refuses(client, stageOf('f', { blocks: [], receipts: [] }, world.timeMs + hourMs), 'not-found')
  refuses(client, stageOf('f', bad, world.timeMs + hourMs), 'receipts')
  for (let count = 0; count < 256; count++)
    client.done(stageOf('f', world.added(1), world.timeMs + hourMs))
  refuses(client, stageOf('f', bad, world.timeMs + hourMs), 'exhausted')
})

test('stage: expires unless renewed, and then its bytes count as freed', () => {
  const world = new TestWorld()
  const client = world.client('one')
  client.done(createOf('f'))
  const first = world.added(1, { bytes: 10 })
  client.done(stageOf('f', first, world.timeMs + hourMs))
  const nothing = { blocks: [], receipts: [] }
  assert.deepEqual(client.done(stageOf('f', nothing, world.timeMs + 3 * hourMs)), [0])
  assert.deepEqual(client.done(stageOf('f', nothing, world.timeMs + 2 * hourMs)), [0])
  world.passHours(2.5)
  assert.equal(fileOf(world).stages.size, 1)
  world.passHours(1)
  assert.equal(fileOf(world).stages.size, 0)
  assert.equal(world.state.stagedBlockCount, 0)
  assert.equal(world.state.freedBytes, 10)
  refuses(client, applyOf('f', { added: { ...first, receipts: [] } }), 'receipts')
})

test('deleting an object with stages frees their bytes and forgets their expiry', () => {
  const world = new TestWorld()
  const client = world.client('one')
  client.done(createOf('f'))
  client.done(stageOf('f', world.added(2, { bytes: 10 }), world.timeMs + hourMs))
  client.done(applyOf('f', { added: world.added(1, { bytes: 7 }), stages: [] }))
  client.done({ op: 'delete', object: objectOf('f') })
  assert.equal(world.state.freedBytes, 27)
  assert.equal(world.state.stagedBlockCount, 0)
  assert.equal(world.state.expiries.size, 1)
})

test('what became part of the world at a height comes out of its execution, once', () => {
  const { world, client } = setUp()
  const staged = world.added(3)
  const inline = world.added(1)
  client.done(stageOf('f', staged, world.timeMs + hourMs))
  const replicas = 3
  assert.deepEqual(
    world.outcome?.added,
    staged.blocks.map((block) => ({ ...block, replicas })),
  )
  const blocks = [...staged.blocks.slice(0, 1), ...inline.blocks]
  const receipts = inline.receipts.map((receipt) => ({
    ...receipt,
    leaves: receipt.leaves.map(() => 1),
  }))
  client.done(replaceOf('f', { added: { blocks, receipts } }))
  assert.deepEqual(
    world.outcome?.added,
    inline.blocks.map((block) => ({ ...block, replicas })),
  )
  client.run(applyOf('f', { added: world.added(1) }), createOf('f'))
  assert.deepEqual(world.outcome?.added, [])
})

test('a directory is no file: contents are refused there', () => {
  const { client } = setUp()
  client.done(createDirectory('d'))
  refuses(client, replaceOf('d'), 'invalid')
})

test('the root of a base may be any block: a tree that shrinks keeps an old page', () => {
  const { world, client } = setUp()
  const [block] = world.added(1).blocks
  assert(block !== undefined)
  const { id, version, hash, sealedBytes } = block
  const base = { root: { id, version, hash, sealedBytes, keyEpoch: 1 }, sealed: seedOf('base') }
  client.done(replaceOf('f', { base }))
  assert.deepEqual(fileOf(world).base, base)
})
