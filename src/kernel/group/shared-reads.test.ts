/** Reads of one turn in one request: each counted by itself, whatever becomes of the others. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '../../base/bytes.ts'
import { isUnosysError } from '../../base/error.ts'
import { type Digest, objectIdOf } from '../../base/ids.ts'
import { encodeAnswers, type Query } from '../section/index.ts'
import {
  blockAt,
  members,
  proofAt,
  refusing,
  type Script,
  scriptedGroup,
  silent,
} from './fixture.test.ts'
import { settleRoundMs } from './limits.ts'
import { decodeReadReply, encodeReadReply, encodeReadsReply, type GroupRequest } from './wire.ts'

const queryOf = (sinceSeq: number): Query[] => [
  { kind: 'object', object: objectIdOf('ab'.repeat(16)), sinceSeq },
]
const seqOf = ([query]: readonly Query[]): number => (query?.kind === 'object' ? query.sinceSeq : 0)

const replyOf = (height: number, value: number): Uint8Array =>
  encodeReadReply({
    height,
    finality: proofAt(height),
    answers: encodeAnswers([{ kind: 'session', found: true, lastSequence: value }]),
  })

type Saying = (sinceSeq: number, atBlock: Digest | undefined) => Uint8Array | undefined

/** A member that answers each read by what was asked, alone or with others. */
const saying =
  (say: Saying, asked: GroupRequest[] = []): Script =>
  (request) => {
    asked.push(request)
    if (request.kind === 'reads')
      return Promise.resolve(
        encodeReadsReply(request.reads.map((one) => say(seqOf(one), undefined))),
      )
    assert(request.kind === 'read')
    return Promise.resolve(say(seqOf(request.queries), request.atBlock))
  }

const lastOf = (answers: Awaited<ReturnType<ReturnType<typeof scriptedGroup>['group']['read']>>) =>
  answers[0]?.kind === 'session' ? answers[0].lastSequence : undefined

const options = { deadlineMs: 5_000 }

test('reads of one turn go in one request to each member, and each gets its own answer', async () => {
  const asked: GroupRequest[] = []
  const say = saying((seq) => replyOf(9, 100 + seq), asked)
  const { bench, group, links } = scriptedGroup([say, say, say, say])
  const reads = Promise.all([1, 2, 3].map((seq) => group.read(queryOf(seq), options)))
  assert.deepEqual((await bench.finish(reads)).map(lastOf), [101, 102, 103])
  assert.deepEqual([...links.askedTimes.values()], [1, 1, 1, 1])
  assert.deepEqual(new Set(asked.map(({ kind }) => kind)), new Set(['reads']))
})

test('one of two that members disagree about settles alone; a liar and a silent one change nothing', async () => {
  const at = (height: number): Script =>
    saying((seq, atBlock) => {
      if (seq === 1) return replyOf(height, 7)
      if (atBlock === undefined) return replyOf(height, height)
      return atBlock === blockAt(7) ? replyOf(7, 70) : undefined
    })
  const liar = saying(() => {
    return encodeReadReply({ ...decodeReadReply(replyOf(99, 1)), finality: utf8('made up') })
  })
  const { bench, group } = scriptedGroup([at(5), at(6), at(7), liar])
  const reads = Promise.all([1, 2].map((seq) => group.read(queryOf(seq), options)))
  assert.deepEqual((await bench.finish(reads)).map(lastOf), [7, 70])
  const quiet = saying((seq) => replyOf(9, seq))
  const three = scriptedGroup([quiet, quiet, quiet, silent])
  const both = Promise.all([1, 2].map((seq) => three.group.read(queryOf(seq), options)))
  assert.deepEqual((await three.bench.finish(both)).map(lastOf), [1, 2])
})

test('what a member refuses beside others is asked for alone', async () => {
  const asked: GroupRequest[] = []
  const say: Script = (request, times) =>
    request.kind === 'reads'
      ? saying((seq) => (seq === 1 ? undefined : replyOf(9, seq)), asked)(request, times)
      : saying((seq) => replyOf(9, seq), asked)(request, times)
  const { bench, group } = scriptedGroup([say, say, say, say])
  const reads = Promise.all([1, 2].map((seq) => group.read(queryOf(seq), options)))
  assert.deepEqual((await bench.finish(reads)).map(lastOf), [1, 2])
  const alone = asked.filter(({ kind }) => kind === 'read').length
  assert(alone >= 3 && alone <= members.length, `asked alone ${alone} times`)
})

test('C94: who is silent holds up no read that others have left out, or failed to answer', async () => {
  const apart: Script = (request, times) =>
    saying((seq) => (request.kind === 'reads' && seq === 1 ? undefined : replyOf(9, seq)))(
      request,
      times,
    )
  const left = scriptedGroup([apart, apart, apart, silent])
  const reads = Promise.all([1, 2].map((seq) => left.group.read(queryOf(seq), options)))
  assert.deepEqual((await left.bench.finish(reads)).map(lastOf), [1, 2])
  assert(left.bench.clock.monotonicMs() < 100)
  const say = saying((seq) => replyOf(9, seq))
  const failsOnce: Script = (request, times) =>
    times === 1 ? refusing('group/behind')(request, times) : say(request, times)
  const failing = scriptedGroup([say, say, failsOnce, silent])
  const both = Promise.all([1, 2].map((seq) => failing.group.read(queryOf(seq), options)))
  assert.deepEqual((await failing.bench.finish(both)).map(lastOf), [1, 2])
  assert(failing.bench.clock.monotonicMs() < 2 * settleRoundMs)
})

test('a reply for another number of reads, or of none, counts as silence', async () => {
  const wrong: Script = () => Promise.resolve(encodeReadsReply([replyOf(9, 5)]))
  const say = saying((seq) => replyOf(9, seq))
  const { bench, group } = scriptedGroup([say, say, say, wrong])
  const reads = Promise.all([1, 2].map((seq) => group.read(queryOf(seq), options)))
  assert.deepEqual((await bench.finish(reads)).map(lastOf), [1, 2])
})

test('who gives up is let go, and the other still gets its answer', async () => {
  const abort = new AbortController()
  const say: Script = async (request, times) => {
    abort.abort()
    return saying((seq) => replyOf(9, seq))(request, times)
  }
  const { bench, group } = scriptedGroup([say, say, say, say])
  const given = group.read(queryOf(1), { ...options, signal: abort.signal })
  const other = group.read(queryOf(2), options)
  await assert.rejects(bench.finish(given), (error) => isUnosysError(error, 'group/cancelled'))
  assert.equal(lastOf(await bench.finish(other)), 2)
})
