/** What the group says to whoever asks it: members answer, lie, refuse and keep silent. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import { isUnosysError } from '../../base/error.ts'
import { digestOf, objectIdOf } from '../../base/ids.ts'
import { LinkCode, LinkError } from '../links/index.ts'
import {
  encodeAnswers,
  encodePage,
  encodeResults,
  type Query,
  type SignedBatch,
} from '../section/index.ts'
import {
  blockAt,
  members,
  proofAt,
  refusing,
  type Script,
  scriptedGroup,
  silent,
  smallWorld,
  stranger,
} from './fixture.test.ts'
import { pageLateMs, reachWaitMs } from './limits.ts'
import { encodeAddedList, encodeAddedReply, encodeReadReply } from './wire.ts'

const batch: SignedBatch = (await smallWorld('group')).newSession().opening
const done = encodeResults([{ ok: true, seqs: [1] }])
const other = encodeResults([{ ok: true, seqs: [2] }])
const says =
  (answer: Uint8Array): Script =>
  () =>
    Promise.resolve(answer)
const coded =
  (code: string) =>
  (error: unknown): boolean =>
    isUnosysError(error, code)

const object = objectIdOf('ab'.repeat(16))
const queries: Query[] = [{ kind: 'object', object, sinceSeq: 0 }]
const sessionAnswer = (lastSequence: number): Uint8Array =>
  encodeAnswers([{ kind: 'session', found: true, lastSequence }])
const readAt = (height: number, lastSequence: number): Uint8Array =>
  encodeReadReply({ height, finality: proofAt(height), answers: sessionAnswer(lastSequence) })

test('a write is done when a quorum gave the same answer; a liar cannot change it', async () => {
  const { bench, group, links } = scriptedGroup([says(done), says(other), says(done), says(done)])
  assert.deepEqual(await bench.finish(group.submit(batch, { deadlineMs: 1_000 })), [
    { ok: true, seqs: [1] },
  ])
  assert.deepEqual([...links.askedTimes.values()], [1, 1, 1, 1])
})

test('members that fail are asked again; the same batch goes to all', async () => {
  const atThird: Script = (_request, times) =>
    times < 3
      ? Promise.reject(Object.assign(new Error(), { code: 'link/x' }))
      : Promise.resolve(done)
  const { bench, group } = scriptedGroup([says(done), atThird, atThird, silent])
  const results = await bench.finish(group.submit(batch, { deadlineMs: 10_000 }))
  assert.equal(results[0]?.ok, true)
  assert(bench.clock.monotonicMs() < 1_000)
})

test('no quorum in reach: unavailable after a while, and nothing was sent', async () => {
  const { bench, group, links } = scriptedGroup([says(done), says(done)])
  const call = group.submit(batch, { deadlineMs: 60_000 })
  await assert.rejects(bench.finish(call), (error: unknown) => {
    assert(isUnosysError(error, 'group/unavailable'))
    assert.deepEqual(error.detail, { needed: 3, reachable: 2 })
    return true
  })
  assert.equal(links.askedTimes.size, 0)
  assert(Math.abs(bench.clock.monotonicMs() - reachWaitMs) < 100)
})

test('a quorum that comes into reach while a call waits is used', async () => {
  const { bench, group, links } = scriptedGroup([says(done), says(done)])
  const call = group.submit(batch, { deadlineMs: 60_000 })
  await bench.pass(1_000)
  links.scripts.set(members[3] ?? links.self, says(done))
  assert.equal((await bench.finish(call)).length, 1)
})

test('sent, and no quorum confirmed: it may have happened', async () => {
  const { bench, group } = scriptedGroup([says(done), says(other), says(done), silent])
  const call = group.submit(batch, { deadlineMs: 2_000 })
  await assert.rejects(bench.finish(call), (error: unknown) => {
    assert(isUnosysError(error, 'group/unconfirmed'))
    assert.deepEqual(error.detail, { needed: 3, reachable: 2 })
    return true
  })
})

const full = refusing('group/overloaded')
const options = { deadlineMs: 500 }
/** A group that survives no liar: what its members say is true. */
const honest = { members: members.slice(0, 3), quorum: 3, liarsMax: 0 }

test('overloaded means that no member took it; one silent member makes it unconfirmed', async () => {
  const { bench, group } = scriptedGroup([full, full, full], honest)
  await assert.rejects(bench.finish(group.submit(batch, options)), coded('group/overloaded'))
  const half = scriptedGroup([full, full, silent], honest)
  await assert.rejects(
    half.bench.finish(half.group.submit(batch, options)),
    coded('group/unconfirmed'),
  )
})

test('a member that took the batch before its link broke may refuse it then: unconfirmed', async () => {
  for (const code of ['link/down', 'link/deadline', 'group/awaited']) {
    const brokeFirst: Script = (request, times) =>
      times === 1 ? refusing(code)(request, times) : full(request, times)
    const { bench, group } = scriptedGroup([brokeFirst, full, full], honest)
    const call = group.submit(batch, options)
    await assert.rejects(bench.finish(call), coded('group/unconfirmed'), code)
  }
})

test('where members may lie, a refusal is no proof: one could have the batch ordered later', async () => {
  const { bench, group } = scriptedGroup([full, full, full, full])
  await assert.rejects(bench.finish(group.submit(batch, options)), coded('group/unconfirmed'))
})

test('members that cannot be reached, or whose link has no room, were not handed the batch', async () => {
  const { bench, group, links } = scriptedGroup([full, full, full], honest)
  const { request } = links
  links.request = (peer, ...rest) => {
    if (peer !== members[1]) return request.call(links, peer, ...rest)
    return Promise.reject(new LinkError(LinkCode.Overloaded, 'no room', { peer }))
  }
  const call = group.submit(batch, options)
  await bench.pass(100)
  const [gone] = members
  if (gone !== undefined) links.scripts.delete(gone)
  await assert.rejects(bench.finish(call), coded('group/overloaded'))
})

test('a member that refused first and took it later counts as one that has it', async () => {
  const later: Script = (_request, times) =>
    times < 3
      ? Promise.reject(Object.assign(new Error(), { code: 'group/overloaded' }))
      : Promise.resolve(undefined)
  const { bench, group } = scriptedGroup([later, later, later, later])
  const call = group.submit(batch, { deadlineMs: 2_000 })
  await assert.rejects(bench.finish(call), coded('group/unconfirmed'))
})

test('a caller that gives up is let go at once', async () => {
  const { bench, group } = scriptedGroup([silent, silent, silent, silent])
  const abort = new AbortController()
  const call = group.submit(batch, { deadlineMs: 60_000, signal: abort.signal })
  await bench.pass(100)
  abort.abort()
  await assert.rejects(bench.finish(call), coded('group/cancelled'))
  assert(bench.clock.monotonicMs() < 200)
})

test('a read ends with the first round when a quorum agrees, at whatever heights', async () => {
  const { bench, group, links } = scriptedGroup([
    says(readAt(9, 5)),
    says(readAt(7, 5)),
    says(readAt(8, 4)),
    says(readAt(3, 5)),
  ])
  const [answer] = await bench.finish(group.read(queries, { deadlineMs: 1_000 }))
  assert.deepEqual(answer, { kind: 'session', found: true, lastSequence: 5 })
  assert(Math.max(...links.askedTimes.values()) === 1)
})

/** What was not there, became, and is gone again: absent up to height 4 and from height 9 on. */
const comeAndGone = (height: number): Uint8Array =>
  encodeReadReply({
    ...{ height, finality: proofAt(height) },
    answers: encodeAnswers([
      height < 5 || height >= 9
        ? { kind: 'session', found: false, lastSequence: 0 }
        : { kind: 'session', found: true, lastSequence: 1 },
    ]),
  })

test('C25: that something is absent is agreed on at one height only: it may have been there between', async () => {
  const asked: unknown[] = []
  const settles =
    (height: number): Script =>
    async (request) => {
      assert(request.kind === 'read')
      if (request.atBlock !== undefined) asked.push(request.atBlock)
      return comeAndGone(request.atBlock === undefined ? height : 9)
    }
  // One has executed the end, one has not heard of the begin, and a liar says what it likes.
  const liar = says(comeAndGone(9))
  const apart = scriptedGroup([settles(9), settles(1), liar, settles(6)])
  const [answer] = await apart.bench.finish(apart.group.read(queries, { deadlineMs: 1_000 }))
  assert(answer?.kind === 'session' && !answer.found)
  assert(asked.length >= 2, 'the members were asked for the state after one block')
  assert(asked.every((block) => block === blockAt(9)))
  const idle = scriptedGroup([settles(9), settles(9), settles(9), silent])
  asked.length = 0
  await idle.bench.finish(idle.group.read(queries, { deadlineMs: 1_000 }))
  assert.equal(asked.length, 0, 'at one height one round is enough')
})

/** Members that have executed so far, keep every older state, and refuse what lies ahead. */
const executedTo =
  (height: number): Script =>
  async (request) => {
    assert(request.kind === 'read')
    if (request.atBlock === undefined) return readAt(height, height)
    for (let older = height; older > 0; older--)
      if (request.atBlock === blockAt(older)) return readAt(older, older)
    throw Object.assign(new Error(), { code: 'group/behind' })
  }

test('members at different heights: the read settles on the highest that a quorum named', async () => {
  const rising = (from: number): Script => {
    let height = from
    return (request, times) => {
      height += 2
      return executedTo(height)(request, times)
    }
  }
  const { bench, group, links } = scriptedGroup([rising(1), rising(2), rising(3), rising(4)])
  const [answer] = await bench.finish(group.read(queries, { deadlineMs: 5_000 }))
  assert(answer?.kind === 'session')
  assert(answer.lastSequence >= 5 && answer.lastSequence <= 6, `settled at ${answer.lastSequence}`)
  assert(Math.max(...links.askedTimes.values()) <= 3)
})

test('fewer answers than a quorum are no reason to settle: the newest write may be in none', async () => {
  // A write was done at height 9 by three members. Two of them are asked in vain at first; the
  // others name 3 and 4. Settling there would read a state from before the write.
  const behindFirst =
    (height: number): Script =>
    (request, times) =>
      times === 1
        ? Promise.reject(Object.assign(new Error(), { code: 'group/behind' }))
        : executedTo(height)(request, times)
  const catchingUp: Script = (request, times) => executedTo(times < 3 ? 3 : 9)(request, times)
  const { bench, group } = scriptedGroup([
    behindFirst(9),
    behindFirst(9),
    (request, times) => executedTo(times < 3 ? 4 : 9)(request, times),
    catchingUp,
  ])
  const [answer] = await bench.finish(group.read(queries, { deadlineMs: 5_000 }))
  assert.deepEqual(answer, { kind: 'session', found: true, lastSequence: 9 })
})

test('a liar that names a block that does not exist is passed over, and delays nothing', async () => {
  // Far ahead, with a proof that proves nothing, with none, and with that of another height.
  const proofs = [utf8('forged'), undefined, proofAt(2)]
  for (const finality of proofs) {
    const lie = encodeReadReply({ height: 1_000_000, finality, answers: sessionAnswer(77) })
    const liar: Script = () => Promise.resolve(lie)
    const { bench, group, links } = scriptedGroup([
      liar,
      executedTo(5),
      (request, times) => executedTo(times === 1 ? 4 : 5)(request, times),
      (request, times) => executedTo(times === 1 ? 3 : 5)(request, times),
    ])
    const [answer] = await bench.finish(group.read(queries, { deadlineMs: 10_000 }))
    assert.deepEqual(answer, { kind: 'session', found: true, lastSequence: 5 })
    assert(bench.clock.monotonicMs() < 300, `${bench.clock.monotonicMs()} ms`)
    assert.deepEqual(Math.max(...links.askedTimes.values()), 2, 'two rounds')
    assert(group.status().height <= 5, 'nor is its height believed')
  }
})

test('a liar that proves an old block hides nothing: a correct one of any quorum shows the newest', async () => {
  const stale: Script = () => Promise.resolve(readAt(1, 1))
  const { bench, group } = scriptedGroup([
    stale,
    executedTo(9),
    (request, times) => executedTo(times === 1 ? 8 : 9)(request, times),
    silent,
  ])
  const call = group.read(queries, { deadlineMs: 2_500 })
  await assert.rejects(bench.finish(call), coded('group/unavailable'))
  const four = scriptedGroup([
    stale,
    executedTo(9),
    (request, times) => executedTo(times === 1 ? 8 : 9)(request, times),
    (request, times) => executedTo(times === 1 ? 7 : 9)(request, times),
  ])
  const [answer] = await four.bench.finish(four.group.read(queries, { deadlineMs: 2_500 }))
  assert.deepEqual(answer, { kind: 'session', found: true, lastSequence: 9 })
})

test('a member that cannot prove where it is counts for agreement, not for settling', async () => {
  const unproven = (height: number): Uint8Array =>
    encodeReadReply({ height, finality: undefined, answers: sessionAnswer(height) })
  const agreeing = scriptedGroup([says(unproven(4)), says(unproven(4)), says(readAt(4, 4)), silent])
  assert.equal(
    (await agreeing.bench.finish(agreeing.group.read(queries, { deadlineMs: 500 }))).length,
    1,
  )
  // The newest write is known to the one without a proof only: the others must not settle on less.
  const laterProven: Script = (request, times) =>
    times === 1 ? Promise.resolve(unproven(9)) : executedTo(9)(request, times)
  const { bench, group } = scriptedGroup([
    laterProven,
    (request, times) => executedTo(times === 1 ? 8 : 9)(request, times),
    (request, times) => executedTo(times === 1 ? 7 : 9)(request, times),
    silent,
  ])
  const [answer] = await bench.finish(group.read(queries, { deadlineMs: 5_000 }))
  assert.deepEqual(answer, { kind: 'session', found: true, lastSequence: 9 })
})

test('an answer that is no answer counts for nothing; a read without a quorum ends with the call', async () => {
  const garbage = says(utf8('rubbish'))
  const { bench, group } = scriptedGroup([says(readAt(1, 1)), says(readAt(1, 1)), garbage, silent])
  const call = group.read(queries, { deadlineMs: 3_000 })
  await assert.rejects(bench.finish(call), coded('group/unavailable'))
  assert(Math.abs(bench.clock.monotonicMs() - 3_000) < 50)
  const enough = scriptedGroup([
    says(readAt(1, 1)),
    says(readAt(1, 1)),
    garbage,
    says(readAt(1, 1)),
  ])
  assert.equal(
    (await enough.bench.finish(enough.group.read(queries, { deadlineMs: 99 }))).length,
    1,
  )
})

test('too much asked at once is said at once, when more than liars say so', async () => {
  const large = refusing('group/too-large')
  const { bench, group } = scriptedGroup([large, large, silent, large])
  await assert.rejects(
    bench.finish(group.read(queries, { deadlineMs: 1_000 })),
    coded('group/too-large'),
  )
  assert(bench.clock.monotonicMs() < 100, 'the silent one is not waited for')
  const one = scriptedGroup([large, says(readAt(1, 1)), says(readAt(1, 1)), says(readAt(1, 1))])
  assert.equal((await one.bench.finish(one.group.read(queries, { deadlineMs: 99 }))).length, 1)
})

const emptyRoot = digestOf('00'.repeat(32))
const pageRequest = { directory: object, root: emptyRoot, after: undefined, countMax: 10 }
const wrongPage = encodePage({ entries: [], more: true, proof: new Uint8Array(3) })

test('a page comes from one member; a wrong or late one is passed over, and none is an end', async () => {
  const { bench, group, links } = scriptedGroup([
    says(wrongPage),
    silent,
    says(utf8('x')),
    says(wrongPage),
  ])
  const call = group.page(pageRequest, { deadlineMs: 5_000 })
  await assert.rejects(bench.finish(call), coded('group/unavailable'))
  assert(Math.abs(bench.clock.monotonicMs() - 5_000) < 50)
  const times = [...links.askedTimes.values()]
  assert(Math.min(...times) >= 2, 'late ones are given more time in another round')
  assert(Math.max(...times) <= 5_000 / pageLateMs + 2)
})

test('a root that is gone is told by more than liars', async () => {
  const gone = refusing('group/root-gone')
  const { bench, group } = scriptedGroup([gone, gone, gone, gone])
  const call = group.page(pageRequest, { deadlineMs: 1_000 })
  await assert.rejects(bench.finish(call), coded('group/root-gone'))
  const one = scriptedGroup([gone, silent, silent, silent])
  await assert.rejects(
    one.bench.finish(one.group.page(pageRequest, { deadlineMs: 4_000 })),
    coded('group/unavailable'),
  )
})

test('lists of added blocks count when more than liars agree', async () => {
  const list = encodeAddedList({ height: 3, blocks: [] })
  const reply = encodeAddedReply({ lists: [list], nextHeight: 4 })
  const lie = encodeAddedReply({ lists: [], nextHeight: 4 })
  const { bench, group } = scriptedGroup([says(lie), says(reply), says(reply), silent])
  const input = { fromHeight: 1, countMax: 10 }
  const found = await bench.finish(group.addedLists(input, { deadlineMs: 1_000 }))
  assert.deepEqual(found, { lists: [{ height: 3, blocks: [] }], nextHeight: 4 })
  assert.equal(group.status().height, 3)
  const split = scriptedGroup([says(lie), says(reply), silent, silent])
  await assert.rejects(
    split.bench.finish(split.group.addedLists(input, { deadlineMs: 500 })),
    coded('group/unavailable'),
  )
})

test('lists of added blocks: who failed is asked again, and members of other heights soon', async () => {
  const replyAt = (nextHeight: number): Uint8Array => encodeAddedReply({ lists: [], nextHeight })
  const input = { fromHeight: 1, countMax: 10 }
  const later: Script = async (_, times) => {
    if (times === 1) throw new LinkError(LinkCode.Down, 'down', { peer: stranger })
    return replyAt(4)
  }
  const { bench, group } = scriptedGroup([says(replyAt(4)), later, silent, silent])
  const found = await bench.finish(group.addedLists(input, { deadlineMs: 1_000 }))
  assert.equal(found.nextHeight, 4)
  const catching: Script = async (_, times) => replyAt(times === 1 ? 3 : 4)
  const apart = scriptedGroup([says(replyAt(4)), catching, says(replyAt(2)), silent])
  const agreed = await apart.bench.finish(apart.group.addedLists(input, { deadlineMs: 5_000 }))
  assert.equal(agreed.nextHeight, 4)
  assert(apart.bench.clock.monotonicMs() < 500, 'the silent one is not waited for')
  const gap = refusing('group/behind')
  const holed = scriptedGroup([says(replyAt(4)), catching, gap, silent])
  const past = await holed.bench.finish(holed.group.addedLists(input, { deadlineMs: 5_000 }))
  assert.equal(past.nextHeight, 4)
  assert(holed.bench.clock.monotonicMs() < 500, 'nor one that has a gap')
})

test('the status counts members in reach', () => {
  const { group } = scriptedGroup([silent, undefined, silent])
  const { memberCount, quorum, reachableCount, catchingUp } = group.status()
  assert.deepEqual([memberCount, quorum, reachableCount, catchingUp], [4, 3, 2, false])
})
