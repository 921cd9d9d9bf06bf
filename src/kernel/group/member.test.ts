/** The member's side: what it executes, what it answers, and what it remembers over a restart. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import { isUnosysError } from '../../base/error.ts'
import { blockIdOf, digestOf, objectIdOf } from '../../base/ids.ts'
import type { Journal, JournalWrite } from '../../ports/journal.ts'
import { SimJournals } from '../../simulator/sim-journal.ts'
import { SimRandom } from '../../simulator/sim-random.ts'
import {
  decodeAnswers,
  decodeResults,
  encodeSignedBatch,
  initialState,
  type Query,
} from '../section/index.ts'
import {
  Bench,
  blockAt,
  crypto,
  proofAt,
  quietLog,
  type SmallWorld,
  smallWorld,
} from './fixture.test.ts'
import {
  answerBytesMax,
  blockWaitMs,
  historyHeightsMax,
  listBytesMax,
  type MemberLimits,
  memberLimits,
  snapshotHeights,
  waitersPerBatchMax,
} from './limits.ts'
import { type Executed, Member } from './member.ts'
import { decodeAddedList, encodeAddedList } from './wire.ts'

const small = await smallWorld('member')

type Kept = {
  readonly bench: Bench
  readonly journal: Journal
  readonly member: Member
  readonly pooled: Uint8Array[]
  /** Execute a block with these items; `durable` follows unless told. */
  block(items?: readonly Uint8Array[], options?: { readonly durable?: boolean }): JournalWrite[]
}

async function memberOf(
  world: SmallWorld,
  options: {
    readonly journals?: SimJournals
    readonly takes?: () => boolean
    readonly limits?: MemberLimits
    readonly onExecuted?: (executed: Executed) => void
  } = {},
): Promise<Kept> {
  const bench = new Bench()
  const journals = options.journals ?? new SimJournals({ random: new SimRandom('journal') })
  const journal = await journals.opener().open('section')
  const pooled: Uint8Array[] = []
  const member = new Member({
    world: world.world,
    crypto,
    clock: bench.clock,
    journal,
    initialState: initialState(crypto, world.genesis),
    pool: (item) => {
      if (options.takes?.() === false) return false
      pooled.push(item)
      return true
    },
    log: quietLog,
    onSnapshot: () => undefined,
    onFatal: (error) => {
      throw error
    },
    ...(options.limits && { limits: options.limits }),
    ...(options.onExecuted && { onExecuted: options.onExecuted }),
  })
  await member.restore()
  member.open()
  let height = member.height
  const block: Kept['block'] = (items = [], { durable = true } = {}) => {
    height++
    const digest = blockAt(height)
    const writes = member.execute({ height, view: height, digest, timeMs: 2_000 + height, items })
    if (durable) member.onDurable(height, proofAt(height))
    return [...writes]
  }
  return { bench, journal, member, pooled, block }
}

const never = new AbortController().signal
const coded =
  (code: string) =>
  (error: unknown): boolean =>
    isUnosysError(error, code)

test('a submitter hears when its batch is durable here, not when it is executed', async () => {
  const { bench, member, pooled, block } = await memberOf(small)
  const item = encodeSignedBatch(small.newSession().opening)
  let results: Uint8Array | undefined
  void member.submit(item, never).then((answer) => {
    results = answer
  })
  await bench.pass(1)
  assert.deepEqual(pooled, [item])
  block([item], { durable: false })
  await bench.pass(1)
  assert.equal(results, undefined)
  member.onDurable(1)
  await bench.pass(1)
  assert.deepEqual(decodeResults(results ?? utf8('')), [{ ok: true, seqs: [0] }])
})

test('what was decoded for the vote is kept until it is executed, if its session is known', async () => {
  const { member, block } = await memberOf(small)
  const [session, stranger] = [small.newSession(), small.newSession()]
  block([encodeSignedBatch(session.opening)])
  const work = (of: typeof session): Uint8Array =>
    encodeSignedBatch(of.signBatch([of.number([{ op: 'delete', object: someObject }], undefined)]))
  assert(member.isValid(work(stranger)))
  assert.equal(member.decodedBytes, 0, 'anybody can sign for a session that nobody opened')
  const item = work(session)
  assert(member.isValid(item))
  assert(member.decodedBytes >= 4 * item.length, 'it takes more than its encoding')
  block([item])
  assert.equal(member.decodedBytes, 0)
})

test('who asks after the block gets the same answer, and nothing is ordered again', async () => {
  const { member, pooled, block } = await memberOf(small)
  const item = encodeSignedBatch(small.newSession().opening)
  block([item])
  assert.deepEqual(decodeResults(await member.submit(item, never)), [{ ok: true, seqs: [0] }])
  assert.equal(pooled.length, 0)
})

test('a refusal that no session remembers is answered to those who ask later, too', async () => {
  const { member, pooled, block } = await memberOf(small)
  const session = small.newSession()
  const unopened = session.signBatch([
    session.number([{ op: 'delete', object: someObject }], undefined),
  ])
  const item = encodeSignedBatch(unopened)
  block([item])
  const [result] = decodeResults(await member.submit(item, never))
  assert.deepEqual(result, { ok: false, code: 'session', operation: 0 })
  assert.equal(pooled.length, 0)
})

const someObject = objectIdOf('ab'.repeat(16))

test('several wait for one batch, up to a bound; whoever gives up is forgotten', async () => {
  const { bench, member, block } = await memberOf(small)
  const item = encodeSignedBatch(small.newSession().opening)
  const gone = new AbortController()
  const first = member.submit(item, gone.signal)
  const others = Array.from({ length: waitersPerBatchMax - 1 }, () => member.submit(item, never))
  await assert.rejects(member.submit(item, never), coded('group/awaited'))
  gone.abort(new Error('gone'))
  await assert.rejects(first, /gone/)
  others.push(member.submit(item, never))
  await bench.pass(1)
  block([item])
  assert.equal((await Promise.all(others)).length, waitersPerBatchMax)
})

test('a full pool is said; a batch that is none is refused; who has gone is not pooled', async () => {
  const { member, pooled } = await memberOf(small, { takes: () => false })
  const item = encodeSignedBatch(small.newSession().opening)
  await assert.rejects(member.submit(item, never), coded('group/overloaded'))
  await assert.rejects(member.submit(utf8('rubbish'), never), coded('base/malformed'))
  const aborted = AbortSignal.abort(new Error('gone'))
  await assert.rejects(member.submit(item, aborted), /gone/)
  assert.equal(pooled.length, 0)
})

test('an item is valid when it decodes and its session signed it; nothing makes the check throw', async () => {
  const { member } = await memberOf(small)
  const item = encodeSignedBatch(small.newSession().opening)
  assert.equal(member.isValid(item), true)
  for (let place = 0; place < item.length; place += 7) {
    const changed = item.slice()
    changed[place] = (changed[place] ?? 0) ^ 1
    assert.equal(member.isValid(changed), false, `byte ${place}`)
  }
  assert.equal(member.isValid(new Uint8Array(0)), false)
  assert.notEqual(member.keyOf(item), member.keyOf(item.subarray(1)))
})

test('each session has its share of the pool, and so has who opens one; all others share one', async () => {
  const { member, block } = await memberOf(small)
  const [session, second, third] = [small.newSession(), small.newSession(), small.newSession()]
  const opening = encodeSignedBatch(session.opening)
  const work = (of: typeof session): Uint8Array =>
    encodeSignedBatch(of.signBatch([of.number([{ op: 'delete', object: someObject }], undefined)]))
  const opener = member.clientOf(opening)
  assert.equal(opener, member.clientOf(encodeSignedBatch(second.opening)), 'the token that signs')
  assert.notEqual(opener, member.clientOf(work(session)))
  assert.equal(member.clientOf(work(session)), member.clientOf(work(third)), 'nobody knows them')
  const [command] = session.opening.commands
  const [operation] = command?.operations ?? []
  assert(command !== undefined && operation?.op === 'session')
  const certificate = new Uint8Array(64)
  const forged = {
    ...session.opening,
    commands: [{ ...command, operations: [{ ...operation, certificate }] }],
  }
  assert.equal(member.clientOf(encodeSignedBatch(forged)), member.clientOf(work(third)))
  block([opening, encodeSignedBatch(second.opening)])
  assert.notEqual(member.clientOf(work(session)), member.clientOf(work(second)))
})

test('an open session is what expires next', async () => {
  const { member, block } = await memberOf(small)
  assert.equal(member.nextExpiryMs(), undefined)
  block([encodeSignedBatch(small.newSession().opening)])
  assert.equal(member.nextExpiryMs(), 3_600_000)
})

const root = small.genesis.directories[0]?.view.object ?? someObject
const owner = small.genesis.principals[0]?.principal
assert(owner !== undefined)
const queries: Query[] = [{ kind: 'object', object: root, sinceSeq: 0 }]

test('nothing is read before the log is replayed: it could miss what was acknowledged', async () => {
  const bench = new Bench()
  const journal = await new SimJournals({ random: new SimRandom('x') }).opener().open('section')
  const state = initialState(crypto, small.genesis)
  const member = new Member({
    world: small.world,
    crypto,
    clock: bench.clock,
    journal,
    initialState: state,
    log: quietLog,
    pool: () => true,
    onSnapshot: () => undefined,
    onFatal: () => undefined,
  })
  await member.restore()
  await assert.rejects(member.read(queries), coded('group/behind'))
  member.open()
  assert.equal((await member.read(queries)).height, 0)
})

test('reads see the newest durable state, or exactly that of the block that is asked for', async () => {
  const { bench, member, block } = await memberOf(small)
  block()
  block()
  block([], { durable: false })
  assert.equal((await member.read(queries)).height, 2)
  assert.equal((await member.read(queries, blockAt(1))).height, 1)
  const ahead = member.read(queries, blockAt(3))
  await bench.pass(10)
  member.onDurable(3)
  assert.equal((await bench.finish(ahead)).height, 3)
  const tooFar = member.read(queries, blockAt(9))
  await assert.rejects(bench.finish(tooFar), coded('group/behind'))
  assert(Math.abs(bench.clock.monotonicMs() - blockWaitMs) < 50)
  const [answer] = decodeAnswers((await member.read(queries)).answers)
  assert(answer?.kind === 'object' && answer.object?.object === root)
})

test('the newest state comes with the proof that its block is final, an older one without', async () => {
  const { member, block } = await memberOf(small)
  assert.equal((await member.read(queries)).finality, undefined)
  block()
  block()
  assert.deepEqual((await member.read(queries)).finality, proofAt(2))
  assert.equal((await member.read(queries, blockAt(1))).finality, undefined)
  block([], { durable: false })
  member.onDurable(3)
  assert.equal((await member.read(queries)).finality, undefined)
  member.onDurable(3, proofAt(3))
  assert.deepEqual((await member.read(queries)).finality, proofAt(3))
})

test('the last states are kept and older ones are not, however far execution runs ahead', async () => {
  const { bench, member, block } = await memberOf(small)
  for (let count = 0; count < historyHeightsMax; count++) block()
  assert.equal((await member.read(queries, blockAt(1))).height, 1)
  block()
  await assert.rejects(bench.finish(member.read(queries, blockAt(1))), coded('group/behind'))
  assert.equal((await member.read(queries, blockAt(2))).height, 2)
  // A range of blocks is executed before the first of them is durable.
  for (let count = 0; count < 2 * historyHeightsMax; count++) block([], { durable: false })
  assert.equal((await member.read(queries)).height, historyHeightsMax + 1)
})

test('answers that would not fit a message are refused before they are built', async () => {
  const { member } = await memberOf(small)
  const many = Array.from({ length: Math.ceil(answerBytesMax / 4_096) + 1 }, () => queries[0])
  await assert.rejects(member.read(many as Query[]), coded('group/too-large'))
})

test('a page is served from any kept state with that root, and none for a root that is not kept', async () => {
  const { member, block } = await memberOf(small)
  block()
  const [answer] = decodeAnswers((await member.read(queries)).answers)
  assert(answer?.kind === 'object' && answer.object?.entriesRoot !== undefined)
  const request = {
    directory: root,
    root: answer.object.entriesRoot,
    after: undefined,
    countMax: 9,
  }
  assert(member.page(request).length > 0)
  const gone = { ...request, root: digestOf('ff'.repeat(32)) }
  assert.throws(() => member.page(gone), coded('group/root-gone'))
})

/** The snapshot of a height is on the disk. */
async function written(kept: Kept, height: number): Promise<void> {
  while (kept.member.snapshot?.height !== height) await new Promise((done) => setImmediate(done))
}

test('a restart has the snapshot, and executes only what came after', async () => {
  const journals = new SimJournals({ random: new SimRandom('snapshot') })
  const before = await memberOf(small, { journals })
  const item = encodeSignedBatch(small.newSession().opening)
  const writes = before.block([item])
  assert.deepEqual(writes, [])
  for (let height = 2; height <= snapshotHeights; height++) before.block()
  await written(before, snapshotHeights)
  await before.journal.close()
  const after = await memberOf(small, { journals })
  assert.equal(after.member.height, snapshotHeights)
  // It knows the session that was opened before, and answers as before.
  assert.deepEqual(decodeResults(await after.member.submit(item, never)), [{ ok: true, seqs: [0] }])
  const read = async ({ member }: Kept): Promise<unknown> => (await member.read(queries)).answers
  assert.deepEqual(await read(after), await read(before))
  after.block()
  before.block()
  assert.deepEqual(await read(after), await read(before))
})

test('a snapshot that lost a chunk is damage, not a fresh start', async () => {
  const journals = new SimJournals({ random: new SimRandom('lost chunk') })
  const kept = await memberOf(small, { journals })
  for (let height = 1; height <= snapshotHeights; height++) kept.block()
  await written(kept, snapshotHeights)
  const { journal } = kept
  const range = { from: utf8('group/snapshot-chunk/'), to: utf8('group/snapshot-chunk0') }
  await journal.commit([{ kind: 'deleteRange', ...range }])
  await journal.close()
  await assert.rejects(memberOf(small, { journals }), coded('journal/damaged'))
})

const addedKey = (height: number): Uint8Array =>
  utf8(`group/added/${height.toString(16).padStart(14, '0')}`)

test('lists of added blocks: those of heights that are durable, in bounded answers, none left out', async () => {
  const { journal, member, block } = await memberOf(small)
  const entry = {
    id: blockIdOf('ef'.repeat(16)),
    version: 1,
    hash: digestOf('34'.repeat(32)),
    sealedBytes: 4_124,
    releaseTag: new Uint8Array(16),
    replicas: 3,
  }
  const blocks = Array.from({ length: 6_000 }, () => entry)
  const listBytes = encodeAddedList({ height: 1, blocks }).length
  assert(listBytes * 3 > listBytesMax && listBytes < listBytesMax)
  for (const height of [2, 3, 5, 6, 8]) {
    await journal.commit([
      { kind: 'put', key: addedKey(height), value: encodeAddedList({ height, blocks }) },
    ])
  }
  for (let height = 1; height <= 7; height++) block()
  const heights: number[] = []
  let from = 1
  for (let count = 0; count < 20; count++) {
    const { lists, nextHeight } = await member.added(from, 256)
    heights.push(...lists.map((list) => decodeAddedList(list).height))
    assert(lists.reduce((sum, list) => sum + list.length, 0) <= listBytesMax)
    if (nextHeight === from) break
    from = nextHeight
  }
  assert.deepEqual(heights, [2, 3, 5, 6])
  assert.equal(from, 8)
  assert.deepEqual(await member.added(100, 256), { lists: [], nextHeight: 100 })
})

test('a member with small limits of its own writes snapshots and forgets states early', async () => {
  const executed: string[] = []
  const limits = { ...memberLimits, historyHeights: 2, snapshotHeights: 3 }
  const { bench, member, block } = await memberOf(small, {
    limits,
    onExecuted: ({ state, isSnapshot }) => executed.push(`${state.height} ${isSnapshot}`),
  })
  for (let height = 1; height <= 4; height++) block()
  assert.deepEqual(executed, ['1 false', '2 false', '3 true', '4 false'])
  assert.equal((await member.read(queries, blockAt(3))).height, 3)
  await assert.rejects(bench.finish(member.read(queries, blockAt(2))), coded('group/behind'))
})

test('lists of what was added come in portions of the member’s own limit', async () => {
  const limits = { ...memberLimits, listHeights: 2 }
  const { member, block } = await memberOf(small, { limits })
  for (let height = 1; height <= 5; height++) block()
  assert.equal((await member.added(1, 100)).nextHeight, 3)
  assert.equal((await member.added(5, 100)).nextHeight, 6)
})
